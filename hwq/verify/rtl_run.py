"""One simulation of a build: compile, drive, and read what the testbench says."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hwq.arith import IntArray
from hwq.emit.vectors import vector_files
from hwq.errors import BadInput, CheckFailed
from hwq.hw.plan import Plan
from hwq.verify.explain import explain
from hwq.verify.simulate import Simulation, build_icarus, build_verilator

BUILDERS = {"verilator": build_verilator, "icarus": build_icarus}
FIRST_BEAT = 1
"""Cycle in which the testbench begins to drive."""
SHOWN = 8
"""Mismatches that a result quotes."""

_RESULT = re.compile(r"^HWQ_RESULT (PASS|FAIL) frames=(\d+) errors=(\d+) cycles=(\d+)", re.MULTILINE)
_FRAME = re.compile(r"^HWQ_FRAME (\S+) (\d+) (\d+)", re.MULTILINE)
_TROUBLE = re.compile(r"^HWQ_(?:MISMATCH|DEADLOCK|ERROR).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation said: mismatching beats, the cycle at which each frame ended, and lines about trouble."""

    mismatches: int
    frame_ends: tuple[int, ...]
    trouble: tuple[str, ...]
    seconds: float

    @property
    def latency(self) -> int | None:
        """Cycles from the first beat in to the last one of the first frame out, where nothing stalled."""
        return self.frame_ends[0] - FIRST_BEAT if self.frame_ends else None

    @property
    def cycles_per_frame(self) -> float | None:
        """Cycles between the ends of frames once the pipeline is full; None for fewer than two frames."""
        first = min(1, len(self.frame_ends) - 2)
        if first < 0:
            return None
        return (self.frame_ends[-1] - self.frame_ends[first]) / (len(self.frame_ends) - 1 - first)


def compile_testbench(folder: Path, top: str, simulator: str, trace: bool) -> Simulation:
    """The testbench of the build in `folder`, compiled, or taken from the cache when nothing changed."""
    sources = [*sorted((folder / "rtl").glob("*.sv")), *sorted((folder / "tb").glob("*.sv"))]
    if not sources:
        raise BadInput(f"{folder}: holds no rtl/*.sv, expected a folder made by `hwq generate`. Generate it again.")
    return BUILDERS[simulator](sources, f"tb_{top}", defines={"HWQ_TRACE": 1} if trace else {})


def simulate_build(
    simulation: Simulation,
    folder: Path,
    plan: Plan,
    inputs: dict[str, IntArray],
    stall: float,
    seed: int,
    trace: bool,
    keep: Callable[[Path], None] | None = None,
) -> Outcome:
    """Drive the samples `inputs` through the compiled testbench and compare every beat.

    Parameters
    ----------
    folder
        The build; its memory files are what the hardware reads.
    inputs
        Input tensor to integers (samples, height, width, channels); expectations come from the simulator.
    stall
        Probability that either side stalls at a clock edge, 0 to 0.99.
    keep
        Is called with the folder that holds all beats that are compared, one text file for each stream, also when the
        simulation ended early.
    """
    frames = len(next(iter(inputs.values())))
    percent = round(stall * 100)
    with tempfile.TemporaryDirectory(prefix="hwq-verify-") as scratch:
        work = Path(scratch)
        (work / "rom").symlink_to((folder / "rom").absolute())
        (work / "vectors").mkdir()
        for name, words in vector_files(plan, inputs, inner=trace):
            (work / "vectors" / name).write_text("\n".join(words) + "\n", "ascii")
        plusargs = [f"+frames={frames}", f"+stall_in={percent}", f"+stall_out={percent}", f"+seed={seed}"]
        if keep is None:
            output, seconds = simulation.run(plusargs, cwd=work)
        else:
            (work / "record").mkdir()
            try:
                output, seconds = simulation.run([*plusargs, "+record"], cwd=work)
            finally:
                keep(work / "record")
    return _parse(plan, output, frames, seconds)


def _parse(plan: Plan, output: str, frames: int, seconds: float) -> Outcome:
    result = _RESULT.search(output)
    trouble = tuple(explain(plan, match.group()) for match in _TROUBLE.finditer(output))
    if result is None:
        raise CheckFailed(
            f"the testbench ended without a result, expected a line HWQ_RESULT. It said: {output[-400:]!r}"
        )
    ends: dict[int, int] = {}
    for match in _FRAME.finditer(output):
        frame = int(match.group(2))
        ends[frame] = max(ends.get(frame, 0), int(match.group(3)))
    errors = int(result.group(3))
    passed = result.group(1) == "PASS" and not trouble and len(ends) == frames and errors == 0
    return Outcome(errors if passed else max(1, errors), tuple(ends[k] for k in sorted(ends)), trouble[:SHOWN], seconds)
