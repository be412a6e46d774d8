"""Accuracy of hwq beside other tools, on the same models with the same calibration and evaluation samples.

    python benchmarks/accuracy.py --quick                      the digits, hwq and onnxruntime: below a minute
    python benchmarks/accuracy.py                              everything; hours, if no peer has run before
    python benchmarks/accuracy.py --models cifar10_resnet8 --tools hwq,mct --bits 4/8 --settings pow2,codebook

One table for each pair of weight and activation bits; the rows are also written to build/accuracy.json.  Agreement and
SQNR are those of the logits, with the float model's.  hwq computes integers; a peer computes in float what its
quantised model says.  Peers run in environments of their own, see peers/environments.py, and what they computed is kept
under build/peers/cache: `--fresh` measures it again.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import figures
import numpy as np
from models import CASES, Case, digest
from networks import ROOT
from numpy.typing import NDArray
from peers.environments import FOLDER, SCRIPTS, TOOLS, Setting, Tool, last_error
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.quant import Effort, QuantConfig, ScaleKind
from hwq.quant.config import PortScales, WeightKind


def configurations(weight_bits: int, act_bits: int) -> dict[str, QuantConfig]:
    """The configurations of hwq that are measured, by name: `good` where nothing else is said.

    `mixed` has one bit more on average, `codebook` tables of as many entries as the weights would have values, and
    `exact` scales with mantissas of three bits.
    """
    plain = QuantConfig(weight_bits=weight_bits, act_bits=act_bits)
    found = {
        "fast": Effort.FAST.config(weight_bits=weight_bits, act_bits=act_bits),
        "pow2": plain,
        "pow2 ports": replace(plain, port_scales=PortScales.POW2),
        "exact": replace(plain, scale=ScaleKind.EXACT),
        "fixed": replace(plain, scale=ScaleKind.FIXED),
    }
    if weight_bits < 8:
        table = replace(plain, weight_bits=8, weights=WeightKind.CODEBOOK, entries=1 << weight_bits)
        found["codebook"] = table
        found["mixed"] = replace(plain, weight_bits=8, average_bits=weight_bits + 1.0)
    return found


LATE = "takes more than {:.0f} s"
RESULTS = ROOT / "build" / "accuracy.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One model quantised by one tool; figures in per cent, dB and seconds, or `failure` in their place."""

    bits: str
    model: str
    tool: str
    setting: str
    scales: str
    float_score: float
    agreement: float | None = None
    sqnr: float | None = None
    score: float | None = None
    seconds: float | None = None
    version: str = ""
    failure: str = ""


class Peers:
    """Runs peers and keeps what they computed; with `kept_only`, nothing is run."""

    def __init__(self, limit: float, fresh: bool, kept_only: bool) -> None:
        self.limit, self.fresh, self.kept_only = limit, fresh, kept_only
        self.missing: dict[str, str | None] = {}

    def gave_up_sooner(self, failure: str) -> bool:
        """Whether the failure is that of a run which had less time than runs have now."""
        found = re.fullmatch(LATE.replace("{:.0f}", r"(\d+)"), failure)
        return found is not None and int(found[1]) < self.limit

    @staticmethod
    def kept(case: Case, tool: Tool, setting: Setting, bits: str) -> Path:
        """The file that keeps the outputs; with the ending .txt a failure, with .log what the tool said."""
        names = (case.file("calib").name, case.file("samples").name, *tool.packages)
        key = digest(case.model.read_bytes(), *(name.encode() for name in names))
        return FOLDER / "cache" / f"{case.name}-{tool.name}-{setting.name}-{bits.replace('/', '_')}-{key}.npz"

    def outputs(self, case: Case, tool: Tool, setting: Setting, bits: str) -> dict[str, Any]:
        """The arrays `y`, `seconds` and `version` that the tool wrote, or the text `failure`."""
        found = self.kept(case, tool, setting, bits)
        failed = found.with_suffix(".txt")
        if self.kept_only:
            if not (found.exists() or failed.exists()):
                return {"failure": "not run"}
        elif self.fresh or (failed.exists() and self.gave_up_sooner(failed.read_text())):
            for path in (found, failed):
                path.unlink(missing_ok=True)
        if not (found.exists() or failed.exists()):
            if tool.name not in self.missing:
                self.missing[tool.name] = tool.install()
            if (reason := self.missing[tool.name]) is not None:
                return {"failure": f"does not install: {reason}"}
            found.parent.mkdir(parents=True, exist_ok=True)
            files = {"model": case.model, "calib": case.file("calib"), "eval": case.file("samples"), "out": found}
            command = [str(tool.python), str(SCRIPTS / tool.script), "--setting", setting.name, "--bits", bits]
            for name, path in files.items():
                command += [f"--{name}", str(path)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=self.limit, cwd=found.parent)
                found.with_suffix(".log").write_text(done.stdout + done.stderr)
                if done.returncode:
                    failed.write_text(last_error(done.stderr) or f"ends with {done.returncode}")
            except subprocess.TimeoutExpired:
                failed.write_text(LATE.format(self.limit))
        if failed.exists():
            return {"failure": failed.read_text()}
        with np.load(found) as data:
            return dict(data)


def measured(row: Row, case: Case, exact: NDArray[Any], got: NDArray[Any], seconds: float, version: str) -> Row:
    """The row with its figures."""
    got = got.reshape(exact.shape)
    return replace(
        row,
        agreement=figures.agreement(exact, got) if case.classifies else None,
        sqnr=figures.sqnr(exact, got),
        score=case.score(got),
        seconds=seconds,
        version=version,
    )


def own_rows(case: Case, exact: NDArray[Any], bits: str, settings: set[str]) -> Iterator[Row]:
    """The rows of hwq, computed with integers; all when no `settings` are named."""
    weight_bits, act_bits = map(int, bits.split("/"))
    configs = configurations(weight_bits, act_bits)
    for name, config in ((name, config) for name, config in configs.items() if name in settings or not settings):
        row = Row(bits, case.name, "hwq", name, config.scale.value, case.score(exact))
        start = time.perf_counter()
        program = hwq.quantize(case.model, {"x": case.calib}, config)
        seconds = time.perf_counter() - start
        entry, port = program.inputs[0], program.outputs[0]
        parts = np.array_split(case.samples.reshape(-1, *entry.index.shape), max(1, case.samples.size // 2**23))
        got = np.concatenate([hwq.simulate(program, {entry.name: part})[port.name] for part in parts])
        yield measured(row, case, exact, got, seconds, "")


def peer_rows(case: Case, exact: NDArray[Any], bits: str, tool: Tool, peers: Peers) -> Iterator[Row]:
    """The rows of one peer."""
    for setting in tool.settings:
        if bits in setting.bits:
            row = Row(bits, case.name, tool.name, setting.name, setting.scales, case.score(exact))
            found = peers.outputs(case, tool, setting, bits)
            if "failure" in found:
                yield replace(row, failure=found["failure"])
            else:
                yield measured(row, case, exact, found["y"], float(found["seconds"]), str(found["version"]))


def best_peers(rows: list[Row]) -> dict[tuple[str, str], Row]:
    """The peer's row of the highest SQNR, for each model and kind of scales."""
    best: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.tool != "hwq" and row.sqnr is not None:
            first = best.setdefault((row.model, row.scales), row)
            if first.sqnr is not None and row.sqnr > first.sqnr:
                best[row.model, row.scales] = row
    return best


COLUMNS = ("tool", "setting", "scales", "agree %", "SQNR dB", "score %", "s")


def cells(row: Row, best: bool) -> list[str]:
    """The texts of `COLUMNS`."""
    texts = ["" if value is None else f"{value:.1f}" for value in (row.agreement, row.sqnr, row.score, row.seconds)]
    texts[1] += "*" if best else ""
    return [row.tool, row.setting, row.scales, *texts]


def heading(bits: str) -> str:
    """What a table is about."""
    weights, acts = bits.split("/")
    return f"{weights}-bit weights, {acts}-bit activations; * is the best peer with such scales"


def show(console: Console, bits: str, rows: list[Row]) -> None:
    """Print the rows of one pair of bits, and below them what failed."""
    best = best_peers(rows).values()
    table = Table("model", "float %", *COLUMNS, title=heading(bits))
    done = [row for row in rows if not row.failure]
    for k, row in enumerate(done):
        last = k + 1 == len(done) or done[k + 1].model != row.model
        style = "bold" if row.tool == "hwq" else ""
        texts = cells(row, row in best)
        table.add_row(row.model, f"{row.float_score:.1f}", *texts, style=style, end_section=last)
    console.print(table)
    for row in rows:
        if row.failure:
            console.print(f"{row.model}, {row.tool} {row.setting}: {row.failure}", highlight=False, markup=False)


def markdown(bits: str, rows: list[Row]) -> Iterator[str]:
    """The lines of one pair of bits for a document, a table for each model; without times, which vary by machine."""
    best = best_peers(rows).values()
    yield f"## {heading(bits)}"
    for model in dict.fromkeys(row.model for row in rows):
        found = [row for row in rows if row.model == model]
        yield f"\n### {model}, {bits}: float {found[0].float_score:.1f} %\n"
        yield f"| {' | '.join(COLUMNS[:-1])} |"
        yield f"|{' --- |' * len(COLUMNS[:-1])}"
        for row in found:
            if row.failure:
                yield f"| {row.tool} | {row.setting} | {row.scales} | {row.failure} | | |"
            else:
                yield f"| {' | '.join(cells(row, row in best)[:-1])} |"
    yield ""


def recorded() -> list[Row]:
    """The rows of earlier runs."""
    return [Row(**values) for values in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def record(rows: list[Row]) -> None:
    """Write `rows` down, in place of earlier ones of the same name, in the order of models and tools."""
    kept = {(row.bits, row.model, row.tool, row.setting): row for row in (*recorded(), *rows)}
    order = [*CASES, "hwq", *TOOLS]
    found = sorted(kept.values(), key=lambda row: (row.bits, order.index(row.model), order.index(row.tool)))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(CASES), help="names, with commas between them")
    parser.add_argument("--tools", default=",".join(("hwq", *TOOLS)), help="names, with commas between them")
    parser.add_argument("--bits", default="8/8,4/8", help="weights/activations, with commas between the pairs")
    parser.add_argument("--settings", default="", help="those of hwq, with commas between them; all without")
    parser.add_argument("--limit", type=float, default=900, help="seconds that one run of a peer may take")
    parser.add_argument("--kept", action="store_true", help="take what peers computed before, and run none")
    parser.add_argument("--fresh", action="store_true", help="run peers again whose outputs are kept")
    parser.add_argument("--recorded", action="store_true", help="show the rows of earlier runs, and measure nothing")
    parser.add_argument("--markdown", action="store_true", help="print tables for a document")
    parser.add_argument("--quick", action="store_true", help="the digits with hwq and onnxruntime")
    options = parser.parse_args()
    settings = set(filter(None, options.settings.split(",")))
    if wrong := settings - {name for bits in ("8/8", "4/8") for name in configurations(*map(int, bits.split("/")))}:
        parser.error(f"{', '.join(sorted(wrong))}: not a setting of hwq")
    names = ["digits"] if options.quick else options.models.split(",")
    tools = ["hwq", "onnxruntime"] if options.quick else options.tools.split(",")
    for given, known in ((names, CASES), (tools, ("hwq", *TOOLS))):
        if wrong := set(given) - set(known):
            parser.error(f"{', '.join(sorted(wrong))}: expected some of {', '.join(known)}")
    peers = Peers(options.limit, options.fresh, options.kept)
    console = Console(width=150)
    rows: list[Row] = []
    for name in () if options.recorded else names:
        case = CASES[name]()
        exact = case.float_outputs()
        for bits in options.bits.split(","):
            for tool in tools:
                found = (
                    own_rows(case, exact, bits, settings)
                    if tool == "hwq"
                    else peer_rows(case, exact, bits, TOOLS[tool], peers)
                )
                for row in found:
                    rows.append(row)
                    console.print(bits, name, tool, row.setting, row.failure[:90] or f"{row.sqnr:.1f} dB", style="dim")
                record(rows)
    if options.recorded:
        rows = [row for row in recorded() if row.model in names and row.tool in tools]
    for bits in options.bits.split(","):
        found = [row for row in rows if row.bits == bits]
        if options.markdown:
            print("\n".join(markdown(bits, found)))
        else:
            show(console, bits, found)


if __name__ == "__main__":
    main()
