"""One simulation of a build: compile, drive, and read what the testbench says."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hwq.arith import IntArray
from hwq.emit.folder import rtl_in, sources_in
from hwq.emit.vectors import vector_files
from hwq.errors import BadInput, CheckFailed
from hwq.hw.plan import Plan
from hwq.verify.explain import explain
from hwq.verify.simulate import Simulation, build_icarus, build_verilator
from hwq.verify.streams import StreamResult, joined, stream_results

BUILDERS = {"verilator": build_verilator, "icarus": build_icarus}
FIRST_BEAT = 1
"""Cycle in which the testbench begins to drive."""
SHOWN = 8
"""Mismatches that a result quotes."""

_RESULT = re.compile(r"^HWQ_RESULT (PASS|FAIL) frames=(\d+) errors=(\d+) cycles=(\d+)", re.MULTILINE)
_FRAME = re.compile(r"^HWQ_FRAME (\S+) (\d+) (\d+)", re.MULTILINE)
_FIRST = re.compile(r"^HWQ_FIRST cycle=(\d+)", re.MULTILINE)
_DEADLOCK = re.compile(r"^HWQ_DEADLOCK nothing moved for (\d+) cycles", re.MULTILINE)
_TROUBLE = re.compile(r"^HWQ_(?:MISMATCH|DEADLOCK|ERROR).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation said.

    Attributes
    ----------
    mismatches
        Beats that differ; not 0 where anything else was wrong.
    frame_ends
        The cycle at which each frame ended.
    trouble
        Lines about what was wrong.
    streams
        The result of each stream; nothing where the testbench is of an older hwq.
    cycle
        In which the first mismatch was seen, or nothing moved any more; None where all was right.
    """

    mismatches: int
    frame_ends: tuple[int, ...]
    trouble: tuple[str, ...]
    seconds: float
    streams: tuple[StreamResult, ...] = ()
    cycle: int | None = None

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


@dataclass(frozen=True, slots=True)
class Bench:
    """A testbench to compile: for a build, or (`netlist`) for what synthesis made of it.

    `trace` compares inner streams as well, `waves` lets it dump them.  `runs_long` has it optimised further: that takes
    half as long again to compile, and a fifth less to run.
    """

    folder: Path
    top: str
    simulator: str
    trace: bool = False
    netlist: Path | None = None
    waves: str = ""
    runs_long: bool = False

    @property
    def _macros(self) -> list[str]:
        flags = {"HWQ_TRACE": self.trace, "HWQ_GATE": self.netlist is not None, "HWQ_WAVES": bool(self.waves)}
        return [name for name, wanted in flags.items() if wanted]

    def check(self) -> None:
        """Refuse a build that lacks files, or is of an older hwq whose testbench cannot do what is asked."""
        rtl_in(self.folder)
        bench = self.folder / "tb" / f"tb_{self.top}.sv"
        text = bench.read_text("utf-8", "replace") if bench.is_file() else ""
        if text and not all(macro in text for macro in self._macros):
            raise BadInput(f"{self.folder}: its testbench is of an older hwq, which cannot do this. Generate it again.")

    def compile(self) -> Simulation:
        """The compiled testbench, or the one from the cache when nothing changed."""
        self.check()
        rtl = rtl_in(self.folder) if self.netlist is None else [self.netlist]
        options = [f"--trace-{self.waves}"] if self.waves and self.simulator == "verilator" else []
        if self.runs_long and self.simulator == "verilator":
            options += ["-CFLAGS", "-O2"]  # the last level counts
        sources = [*rtl, *sources_in(self.folder, "tb")]
        return BUILDERS[self.simulator](
            sources, f"tb_{self.top}", defines=dict.fromkeys(self._macros, 1), options=options
        )


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """What a testbench is given.

    Attributes
    ----------
    folder
        The build; its memory files are what the hardware reads.
    inputs
        Input tensor to integers (samples, height, width, channels); expectations come from the simulator.
    stall
        Probability that either side stalls at a clock edge, 0 to 0.99.
    trace
        Compare every inner stream as well.
    """

    folder: Path
    plan: Plan
    inputs: dict[str, IntArray]
    stall: float
    seed: int
    trace: bool

    @property
    def frames(self) -> int:
        """How many samples."""
        return len(next(iter(self.inputs.values())))

    def run(
        self, simulation: Simulation, plusargs: Sequence[str] = (), keep: Callable[[Path], None] | None = None
    ) -> tuple[str, float]:
        """What the testbench prints, and the seconds that it takes.

        `keep` is called with the folder in which it ran, also when it ended early.
        """
        percent = round(self.stall * 100)
        with tempfile.TemporaryDirectory(prefix="hwq-verify-") as scratch:
            work = Path(scratch)
            (work / "rom").symlink_to((self.folder / "rom").absolute())
            for folder in ("vectors", "record"):
                (work / folder).mkdir()
            for name, words in vector_files(self.plan, self.inputs, inner=self.trace):
                (work / "vectors" / name).write_text("\n".join(words) + "\n", "ascii")
            given = [f"+frames={self.frames}", f"+stall_in={percent}", f"+stall_out={percent}", f"+seed={self.seed}"]
            try:
                return simulation.run([*given, *plusargs], cwd=work)
            finally:
                if keep is not None:
                    keep(work)


def simulate_build(simulation: Simulation, drive: Drive, keep: Callable[[Path], None] | None = None) -> Outcome:
    """Drive samples through the compiled testbench and compare every beat.

    Parameters
    ----------
    keep
        Is called with the folder that holds all beats that are compared, one text file for each stream, also when the
        simulation ended early.
    """
    if keep is None:
        output, seconds = drive.run(simulation)
    else:
        chosen = keep
        output, seconds = drive.run(simulation, ["+record"], lambda work: chosen(work / "record"))
    return _parse(drive, output, seconds)


def trouble_in(plan: Plan, output: str) -> tuple[str, ...]:
    """The lines about what was wrong, in words."""
    return tuple(explain(plan, match.group()) for match in _TROUBLE.finditer(output))


def _parse(drive: Drive, output: str, seconds: float) -> Outcome:
    result = _RESULT.search(output)
    if result is None:
        raise CheckFailed(
            f"the testbench ended without a result, expected a line HWQ_RESULT. It said: {output[-400:]!r}"
        )
    trouble = trouble_in(drive.plan, output)
    ends: dict[int, int] = {}
    for match in _FRAME.finditer(output):
        frame = int(match.group(2))
        ends[frame] = max(ends.get(frame, 0), int(match.group(3)))
    errors = int(result.group(3))
    passed = result.group(1) == "PASS" and not trouble and len(ends) == drive.frames and errors == 0
    stuck, first = _DEADLOCK.search(output), _FIRST.search(output)
    cycle = int(first.group(1)) if first else int(result.group(4)) - int(stuck.group(1)) if stuck else None
    streams = stream_results(drive.plan, output, drive.frames, drive.trace, stuck is not None)
    frame_ends = tuple(ends[k] for k in sorted(ends))
    return Outcome(errors if passed else max(1, errors), frame_ends, trouble[:SHOWN], seconds, streams, cycle)


def both(one: Outcome, other: Outcome) -> Outcome:
    """`one` with the mismatches of another simulation of the same build."""
    return replace(
        one, mismatches=one.mismatches + other.mismatches, streams=joined(one.streams, other.streams),
        trouble=one.trouble or other.trouble,
    )  # fmt: skip
