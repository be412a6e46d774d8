"""Killers: small builds that simulate the library in a fraction of a second and notice what is wrong with it.

A killer is one program under one folding, generated once, with a testbench that compares every stream, loses patience
soon and stops at the first error.  It simulates on Icarus, with a mutant in place of one of the library's modules.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from operators import ROOT, RTL
from programs import SAMPLES, Planned

from hwq.emit.rtl import graphs, network, testbench
from hwq.emit.vectors import stimulus, vector_files
from hwq.errors import CheckFailed
from hwq.hw.plan import Plan
from hwq.verify import tools

TB = ROOT / "templates" / "tb"
FOLDER = ROOT / "build" / "mutation" / "rtl"
CHOSEN = Path(__file__).with_name("killers.toml")
Run = tuple[int, int, int]
"""Per cent of the cycles in which the source and the sink stall, and which part of the cycles of a run without stalls
passes before a reset; 0: there is none."""
BLOCKED: Run = (0, 100, 0)
RUNS = ((0, 0, 0), (20, 70, 3), BLOCKED)
MORE_RUNS = ((70, 20, 5), (40, 40, 0))
"""Runs of a deep campaign besides."""
PATIENCE = 3000
BLOCKED_PATIENCE = 800
"""Cycles without a beat after which all that can move has moved."""
Marks = tuple[tuple[int, ...], ...]
"""What each of `RUNS` is known by: the cycles in which its first frame and all end; of the blocked one, the beats that
each stream takes in before it stands still."""
SECONDS = 20
"""Processor time that a compiler or simulation may take; without a mutant it is 4 seconds at most on a slow machine."""
MEMORY = 3_000_000
"""Kilobytes that it may take: some mutants would take all."""
LIMITED = ("sh", "-c", f'ulimit -t {SECONDS}; ulimit -v {MEMORY}; exec "$@"', "sh")
PATIENT = 300.0
"""Seconds after which it counts as hung, on a machine with much else to do."""
BAD = re.compile(r"HWQ_MISMATCH|HWQ_ERROR|FATAL|ERROR|Unable to open")
_MODULE = re.compile(r"\bhwq_\w+\b")
_RESULT = re.compile(r"HWQ_RESULT PASS frames=\d+ errors=0 cycles=(\d+)")
_FRAME = re.compile(r"^HWQ_FRAME \S+ \d+ (\d+)", re.MULTILINE)
_DEADLOCK = "HWQ_DEADLOCK"
_BEATS = re.compile(r"^HWQ_STREAM \S+ beats=(\d+)", re.MULTILINE)
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_REFUSED = re.compile(r"error|sorry|assert|syntax", re.IGNORECASE)
_PARAMETER = re.compile(r"^P_.*\n", re.MULTILINE)


def write(plan: Plan, folder: Path) -> None:
    """Generate what is the killer's own: network, testbench, memories and vectors."""
    top = plan.program.name
    bench = testbench(plan, SAMPLES)
    bench = re.sub(r"localparam (int PATIENCE) = \d+;", r"\1;", bench)
    patience = f'if (!$value$plusargs("patience=%d", PATIENCE)) PATIENCE = {PATIENCE};'
    bench = bench.replace("    cycle = 0;", f"    {patience}\n    cycle = 0;")
    last = 20 * SAMPLES * (plan.interval + plan.frame_latency) + 2 * PATIENCE
    bench = bench.replace("(finished ||", f"(finished || errors != 0 || cycle > {last} ||")
    texts = {f"{top}.sv": network(plan), f"tb_{top}.sv": bench}
    texts |= {f"{name}.sv": text for name, text in graphs(plan).items()}
    words = {rom.file: rom.words for rom in plan.net.roms}
    words |= {f"vectors/{name}": w for name, w in vector_files(plan, stimulus(plan.program, SAMPLES), True)}
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in texts.items() | {name: "\n".join(lines) + "\n" for name, lines in words.items()}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


@cache
def _stamp() -> str:
    templates = "".join(path.read_text("utf-8") for path in sorted((ROOT / "templates" / "build").glob("*.sv.j2")))
    return hashlib.sha256((templates + inspect.getsource(write)).encode()).hexdigest()


def prepared(label: str, planned: Planned) -> Path:
    """The folder of a killer, generated again where its templates have changed."""
    folder, stamp = FOLDER / "killers" / label, FOLDER / "killers" / f"{label}.stamp"
    if not stamp.is_file() or stamp.read_text() != _stamp():
        write(planned(), folder)
        stamp.write_text(_stamp())
    return folder


@dataclass(frozen=True)
class Killer:
    """A killer in its folder, and a folder for what is compiled."""

    label: str
    folder: Path
    work: Path
    marks: Marks = ()
    """Of the library as it is; those of the runs that are known."""

    @cached_property
    def digest(self) -> str:
        """Of all that the killer is made of."""
        parts = [(path.relative_to(self.folder).as_posix().encode(), path.read_bytes())
                 for path in sorted(self.folder.rglob("*")) if path.is_file()]  # fmt: skip
        return hashlib.sha256(repr((parts, self.marks)).encode()).hexdigest()[:16]

    @cached_property
    def modules(self) -> dict[str, Path]:
        """The modules that the killer instantiates, at any depth, and where they stand."""
        found: dict[str, Path] = {}
        waiting = set(self.folder.glob("*.sv"))
        while waiting:
            path = waiting.pop()
            found[path.stem] = path
            for name in set(_MODULE.findall(path.read_text("utf-8"))) - found.keys():
                waiting |= {place / f"{name}.sv" for place in (RTL, TB) if (place / f"{name}.sv").is_file()}
        return found

    def compile(self, changed: Mapping[str, Path], output: str = "mutant.vvp") -> Path | None:
        """Compile with other files for some modules; None where that is an error.

        Raises
        ------
        CheckFailed
            When the compiler does not come to an end.
        """
        files = sorted({**self.modules, **{k: v for k, v in changed.items() if k in self.modules}}.values())
        target = self.work / output
        target.unlink(missing_ok=True)
        top = next(path.stem for path in self.folder.glob("tb_*.sv"))
        command = [*LIMITED, "iverilog", "-g2012", "-DHWQ_TRACE", "-s", top, "-o", str(target), *map(str, files)]
        done = tools.run(command, cwd=self.work, timeout=PATIENT, env=dict(os.environ))
        if done.returncode != 0 and not _REFUSED.search(done.output):
            raise CheckFailed("elaboration")
        return target if done.returncode == 0 and target.is_file() else None

    def complaint(self, program: Path, run: Run) -> str:
        """What a run shows to be wrong; nothing when it ends as it should."""
        output, mark = self.run(program, run)
        if found := BAD.search(output):
            return found.group().removeprefix("HWQ_").lower()
        if not mark:
            return "deadlock" if _DEADLOCK in output else output[-60:] or "no result"
        known = self.marks[RUNS.index(run)] if run in RUNS and self.marks else mark
        return "" if mark == known else "beats" if run == BLOCKED else "cycles"

    def run(self, program: Path, run: Run) -> tuple[str, tuple[int, ...]]:
        """The output of one simulation, and its mark; nothing of that unless all is well."""
        command = [*LIMITED, "vvp", "-n", str(program), f"+stall_in={run[0]}", f"+stall_out={run[1]}"]
        if run[2]:
            command.append(f"+reset={self.marks[0][1] // run[2]}")
        if run == BLOCKED:
            command.append(f"+patience={BLOCKED_PATIENCE}")
        try:
            output = tools.run(command, cwd=self.folder, timeout=PATIENT, env=dict(os.environ)).output
        except CheckFailed:
            return "HWQ_ERROR", ()
        if run == BLOCKED:
            return output, tuple(map(int, _BEATS.findall(output))) if _DEADLOCK in output else ()
        passed = _RESULT.search(output)
        return output, (int(_FRAME.findall(output)[0]), int(passed.group(1))) if passed else ()


def normalised(program: Path) -> str:
    """A compiled program without what differs between equal ones: addresses, names of files, parameters."""
    text = program.read_text("utf-8", errors="replace")
    text = _PARAMETER.sub("", text[: text.rindex(":file_names")])
    numbers: dict[str, str] = {}
    return _ADDRESS.sub(lambda match: numbers.setdefault(match.group(), str(len(numbers))), text)


Lists = dict[str, dict[str, list[str]]]
"""Labels of the killers of each module, by the named block that they have; `any` for all of the module."""


def chosen() -> Lists:
    """The killers of killers.toml, the best first."""
    return dict(tomllib.loads(CHOSEN.read_text("utf-8"))["modules"])


def known_marks() -> dict[str, Marks]:
    """The marks of each killer that is chosen."""
    stored = tomllib.loads(CHOSEN.read_text("utf-8"))["marks"]
    return {label: tuple(map(tuple, marks)) for label, marks in stored.items()}
