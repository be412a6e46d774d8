"""Hardware of hwq beside that of other generators, for the same networks at 8 bits, through the same Yosys.

    python benchmarks/hardware.py                       hwq, and the smallest design of NNgen: some minutes
    python benchmarks/hardware.py --deep                hwq, NNgen and alkaid: an hour
    python benchmarks/hardware.py --networks jet_mlp --tools hwq,alkaid
    python benchmarks/hardware.py --recorded            the rows of earlier runs, without measuring

The networks are those of ../shared/models/small; the peers come from PyPI, each in an environment of its own, see
peers/generators.py.  Every design is simulated on Verilator, and what it gives is compared with the integers of its own
tool; alkaid gets the integers of hwq and has to give hwq's results.  The score is that of these integers on all
labelled samples.

Latency is from the first input to the last output of a frame, II (initiation interval) between frames.  Multipliers of
hwq are those of its MAC arrays, of NNgen its multiply-add units, of alkaid the instances of its multiplier; utilisation
is MACs / (II * multipliers), with the MACs of the ONNX file: of layers that hwq slims they are not all computed; MACs
of layers that are graphs of adders do not count.  Cells
are by Yosys for Xilinx 7, block RAMs of 36 kbit.  Seconds: from the quantised network to Verilog, and Verilator's for a
frame once it has compiled.  NNgen keeps weights and what is between layers in external memory, which no column counts.
Rows are also written to build/hardware/rows.json.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from design_rows import FOLDER, NETWORKS, Row, cells, markdown, record, recorded, show
from networks import SHARED, Samples
from numpy.typing import NDArray
from parts import SYNTHESIS
from peers.environments import SCRIPTS, Setting, Tool, last_error
from peers.generators import GENERATORS
from plain import arrays
from rich.console import Console

import hwq.api as hwq
from hwq.errors import CheckFailed
from hwq.hw.plan import Plan
from hwq.hw.work import mac_count
from hwq.ir.program import Program, quantise_inputs
from hwq.synth.cells import CellCount, cells_by_type, count
from hwq.verify import tools

FAMILY = "xilinx7"


@dataclass(frozen=True, slots=True)
class Variant:
    """A design of hwq for a network."""

    network: str
    setting: str
    target: hwq.Target


DEVICE = "artix7-35t"
VARIANTS = (
    *(
        Variant(name, f"{number} multipliers{text}", hwq.Target(multipliers=number, device=device))
        for name, number in (
            ("digits_mlp", 16),
            ("digits_cnn", 16),
            ("digits_cnn", 64),
            ("jet_mlp", 16),
            ("jet_mlp", 64),
        )
        for device, text in ((None, ""), (hwq.device(DEVICE), f", {DEVICE}"))
    ),
    *(Variant(name, "unrolled", hwq.Target(multipliers=0)) for name in ("digits_mlp", "jet_mlp")),
)
"""The designs of hwq: with so many multipliers at most, and also fitted to a device; and perceptrons as adders."""
QUICK = ("digits_mlp", "nngen", "1x1")
"""What is measured of peers without `--deep`."""


@dataclass(frozen=True, slots=True)
class Case:
    """A network with its data, and what hwq makes of it."""

    name: str
    model: Path
    macs: int
    calib: Samples
    x: Samples
    labels: NDArray[np.int64]
    program: Program

    @property
    def port(self) -> str:
        """The name under which the simulator gives integers of the output."""
        return f"{self.program.outputs[0].name}.int"

    def integers(self) -> Samples:
        """hwq's results for all samples, by its simulator."""
        return hwq.simulate(self.program, {self.program.inputs[0].name: self.x})[self.port].reshape(len(self.x), -1)

    def score(self, y: Samples) -> float:
        """Per cent of the labels that the outputs give."""
        return 100 * float((y.reshape(len(y), -1).argmax(1) == self.labels).mean())


def case(name: str) -> Case:
    """A network of the shared folder."""
    folder = SHARED / "small"
    known = {each["name"]: each for each in json.loads((folder / "models.json").read_text())}
    model = folder / f"{name}.onnx"
    with np.load(folder / f"{name}_data.npz") as data:
        calib, x, labels = (data[key] for key in ("x_calib", "x_test", "y_test"))
    return Case(name, model, known[name]["macs"], calib, x, labels, hwq.quantize(model, {"x": calib}))


def synthesised(folder: Path, sources: Sequence[str], top: str, limit: float) -> CellCount:
    """The cells of a design in `folder`; CheckFailed where Yosys ends without them."""
    script = [
        f"read_verilog -sv -defer {' '.join(sources)}",
        f"hierarchy -check -top {top}",
        f"{SYNTHESIS[FAMILY]} -top {top}",
        "tee -q -o cells.json stat -json",
    ]
    (folder / "run.ys").write_text("\n".join(script) + "\n")
    yosys = str(tools.require("yosys").path)
    ran = tools.run([yosys, "-q", "-l", "yosys.log", "-s", "run.ys"], cwd=folder, timeout=limit)
    if ran.returncode or not (folder / "cells.json").exists():
        raise CheckFailed(f"Yosys: {last_error(ran.output) or f'ends with {ran.returncode}'}")
    return counted(json.loads((folder / "cells.json").read_text()))


def counted(report: dict[str, Any]) -> CellCount:
    """The cells in a report of Yosys; CheckFailed where some are unknown."""
    found = count(cells_by_type(report), FAMILY)
    if found.others:
        raise CheckFailed(f"Yosys: cells {', '.join(found.others)}, expected those that hwq/synth/cells.py knows")
    return found


def with_cells(row: Row, folder: Path, sources: Sequence[str], top: str, limit: float) -> Row:
    """The row with what Yosys makes of the design, or with the reason why it makes nothing."""
    try:
        found = synthesised(folder, sources, top, limit).resources
    except CheckFailed as problem:
        return replace(row, failure=str(problem).splitlines()[0])
    return replace(row, luts=found.luts, registers=found.registers, dsps=found.dsps, rams=found.rams)


def own_row(case: Case, variant: Variant, limit: float) -> Row:
    """A design of hwq."""
    folder = FOLDER / f"{case.name}-hwq-{re.sub('[ ,]+', '-', variant.setting)}"
    shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    plan = hwq.generate(case.program, folder, variant.target)
    generated = time.perf_counter() - start
    frames = NETWORKS[case.name]
    checked = hwq.verify(folder, "verilator", frames, data={case.program.inputs[0].name: case.x[:frames]})[0]
    row = Row(case.name, "hwq", variant.setting, multiplied(case, plan))
    if not checked.passed:
        return replace(row, failure="; ".join(checked.trouble) or f"{checked.mismatches} mismatches on Verilator")
    row = replace(
        row, score=case.score(case.integers()), frames=frames, latency=checked.latency,
        interval=checked.cycles_per_frame, multipliers=plan.multipliers, generate=generated,
        simulate=checked.seconds_per_sample,
    )  # fmt: skip
    sources = sorted(path.relative_to(folder).as_posix() for path in (folder / "rtl").glob("*.sv"))
    return with_cells(row, folder, sources, plan.program.name, limit)


def multiplied(case: Case, plan: Plan) -> int:
    """The MACs that multipliers do: those of the file, or where layers are graphs of adders those of the others."""
    return case.macs if plan.array_macs == mac_count(plan.program) else plan.array_macs


def given(case: Case, tool: Tool, folder: Path) -> tuple[Path, Samples, Samples | None]:
    """The model and the samples that a tool gets, and what it has to compute of them where that is known.

    ValueError where the tool wants hwq's integers and cannot have them.
    """
    if tool.name != "alkaid":
        return case.model, case.x, None
    model = folder / "program.npz"
    np.savez(model, **arrays(case.program))
    (x,) = quantise_inputs(case.program, {case.program.inputs[0].name: case.x}).values()
    return model, x.reshape(len(x), -1), case.integers()


def peer_row(case: Case, tool: Tool, setting: Setting, limit: float) -> Row:
    """A design of a peer."""
    row = Row(case.name, tool.name, setting.name, case.macs)
    if (reason := tool.install()) is not None:
        return replace(row, failure=f"does not install: {reason}")
    folder = FOLDER / f"{case.name}-{tool.name}-{setting.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        model, x, expected = given(case, tool, folder)
    except ValueError as problem:
        return replace(row, failure=str(problem))
    np.savez(folder / "data.npz", calib=case.calib, x=x)
    options = {"model": model, "data": "data.npz", "setting": setting.name, "frames": NETWORKS[case.name], "out": "."}
    command = [str(tool.python), str(SCRIPTS / tool.script)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    try:
        ran = tools.run(command, cwd=folder, timeout=limit, log=folder / "log.txt")
    except CheckFailed:
        return replace(row, failure=f"takes more than {limit:.0f} s")
    if ran.returncode:
        return replace(row, failure=last_error(ran.output) or f"ends with {ran.returncode}")
    with np.load(folder / "outputs.npz") as outputs:
        y, rtl = outputs["y"], outputs["rtl"]
    design = json.loads((folder / "design.json").read_text())
    if wrong := differs(rtl, y, expected):
        return replace(row, failure=wrong)
    sources, top = design.pop("sources"), design.pop("top")
    return with_cells(replace(row, score=case.score(y), frames=len(rtl), **design), folder, sources, top, limit)


def differs(rtl: Samples, y: Samples, expected: Samples | None) -> str:
    """What is wrong with the outputs `rtl` of hardware beside `y`, those of the tool's own model for all samples.

    `expected` is what the model should find, where that is known.
    """
    y, rtl = y.reshape(len(y), -1), rtl.reshape(len(rtl), -1)
    if wrong := int((rtl != y[: len(rtl)]).any(1).sum()):
        return f"its hardware differs from its model for {wrong} of {len(rtl)} frames"
    if expected is not None and not np.array_equal(y, expected):
        return "its model differs from hwq's integers"
    return ""


def measured(case: Case, chosen: Sequence[str], every: bool, limit: float) -> Iterator[Row]:
    """The rows of a network; of peers only `QUICK` unless `every` design is asked for."""
    for variant in VARIANTS if "hwq" in chosen else ():
        if variant.network == case.name:
            yield own_row(case, variant, limit)
    for tool in GENERATORS.values():
        for setting in tool.settings if tool.name in chosen else ():
            if every or (case.name, tool.name, setting.name) == QUICK:
                yield peer_row(case, tool, setting, limit)


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="every design of every peer")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="names, with commas between them")
    parser.add_argument("--tools", help="names, with commas between them: every design of these")
    parser.add_argument("--limit", type=float, default=1800, help="seconds that a peer, and Yosys, may take")
    parser.add_argument("--recorded", action="store_true", help="show the rows of earlier runs, and measure nothing")
    parser.add_argument("--markdown", action="store_true", help="print the table for a document")
    options = parser.parse_args()
    names, known = options.networks.split(","), ["hwq", *GENERATORS]
    chosen = options.tools.split(",") if options.tools else known
    for given, choices in ((names, list(NETWORKS)), (chosen, known)):
        if wrong := set(given) - set(choices):
            parser.error(f"{', '.join(sorted(wrong))}: expected some of {', '.join(choices)}")
    console = Console(width=170)
    if not SHARED.is_dir() and not options.recorded:
        console.print(f"no networks: {SHARED} is missing")
        return
    every = options.deep or options.tools is not None
    rows: list[Row] = []
    for name in () if options.recorded else names:
        for row in measured(case(name), chosen, every, options.limit):
            rows.append(row)
            record([row])
            console.print(*cells(row), row.failure, style="dim", highlight=False, markup=False)
    if options.recorded:
        rows = [row for row in recorded() if row.network in names and row.tool in chosen]
    if options.markdown:
        print("\n".join(markdown(rows)))
    else:
        show(console, rows)


if __name__ == "__main__":
    main()
