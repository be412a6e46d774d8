"""Waves: a simulation that went wrong is run again, and what happened around that moment is kept as a waveform."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from hwq.errors import BadInput, CheckFailed
from hwq.ir.storage import check_writable
from hwq.verify import tools
from hwq.verify.rtl_run import Bench, Drive, Outcome, trouble_in
from hwq.verify.simulate import Simulation, SimulationDied
from hwq.verify.streams import PORT

BEFORE, AFTER = 300, 50
"""Cycles that are kept before and after the first mismatch."""
KINDS = ("vcd", "fst")
NEVER = 2_000_000_000
"""A cycle that no simulation reaches."""
PERIOD, RESET = 10, 8
"""Nanoseconds of a clock cycle of the testbench, and cycles of its reset."""
_DUMP = "waves.dump"
_TICK = re.compile(r"^HWQ_CYCLE (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Waves:
    """A waveform: the cycles that it shows, the one in which something went wrong, and a signal that did, if known."""

    file: Path
    first: int
    cycle: int
    last: int
    signal: str = ""

    @property
    def nanoseconds(self) -> int:
        """About when it went wrong, in the time of the waveform."""
        return PERIOD * (self.cycle + RESET)

    def describe(self) -> str:
        """What there is to see, and how."""
        name = shlex.quote(str(self.file))
        where = f", at {self.signal}" if self.signal else ""
        return (
            f"Wave of cycles {self.first:,} to {self.last:,}. It went wrong in cycle {self.cycle:,}, near "
            f"{self.nanoseconds:,} ns{where}.\nOpen it with: gtkwave {name}, or surfer {name}"
        )


def _kind(path: Path) -> str:
    """``vcd`` or ``fst``, by the file's name."""
    return path.suffix[1:].lower()


def check_waves(path: Path, simulator: str) -> None:
    """Refuse a file of another kind, one that cannot be written, and a kind that the simulator cannot write."""
    kind = _kind(path)
    if kind not in KINDS:
        raise BadInput(f"--waves {path}: expected a name that ends in .vcd or .fst.")
    check_writable(path)
    if (kind, simulator) == ("fst", "verilator"):
        words = [str(tools.require("g++").path), "-fsyntax-only", "-include", "lz4.h", "-include", "zlib.h"]
        if tools.run([*words, "-x", "c++", os.devnull], cwd=path.parent, timeout=60.0).returncode != 0:
            raise BadInput(
                f"--waves {path}: Verilator needs lz4.h and zlib.h for it, which are missing (Debian: liblz4-dev, "
                "zlib1g-dev). Choose a name that ends in .vcd, or --sim icarus."
            )


def keep_waves(path: Path, bench: Bench, drive: Drive, outcome: Outcome | None) -> Waves:
    """Run a simulation again up to shortly after it went wrong, and keep the end of it in the file `path`.

    Parameters
    ----------
    path
        Which `check_waves` has let pass.
    bench, drive
        As in the simulation that went wrong.
    outcome
        What that said, which must be the same again; None where it died.

    Raises
    ------
    CheckFailed
        When it does not go wrong in the same way.
    """
    kind = _kind(path)
    simulation = replace(bench, waves=kind).compile()
    cycle = None if outcome is None else outcome.cycle
    at = _death(simulation, drive) if cycle is None else cycle
    first, last = max(0, at - BEFORE), at + AFTER

    def keep(work: Path) -> None:
        if (work / _DUMP).is_file():
            shutil.copyfile(work / _DUMP, path)

    plusargs = [f"+wave_from={first}", f"+wave_to={last if outcome else NEVER}"]
    plusargs += ["-fst"] if (kind, bench.simulator) == ("fst", "icarus") else []
    path.unlink(missing_ok=True)
    try:
        output, _ = drive.run(simulation, plusargs, keep)
        wrong = [line for line in outcome.trouble if not line.startswith("HWQ_DEADLOCK")] if outcome else []
        same = outcome is not None and (not wrong or wrong[0] in trouble_in(drive.plan, output))
    except SimulationDied:
        same = outcome is None
    if not same or not path.is_file():
        raise CheckFailed(
            f"{drive.folder}: a second simulation on {bench.simulator} with seed {drive.seed} did not go wrong in the "
            "same way, expected that it does. Please report this."
        )
    return Waves(path, first, at, last, _signal(bench, outcome))


def _signal(bench: Bench, outcome: Outcome | None) -> str:
    """The data of the first stream, in program order, that is not right."""
    for stream in outcome.streams if outcome else ():
        if not stream.passed:
            return f"tb_{bench.top}.{'' if stream.op == PORT else 'dut.'}{stream.name}_tdata"
    return ""


def _death(simulation: Simulation, drive: Drive) -> int:
    """The last cycle, to a few dozens, that a simulation tells of before it dies."""
    try:
        drive.run(simulation, [f"+wave_from={NEVER}", f"+wave_to={NEVER}", "+wave_ticks"])
    except SimulationDied as died:
        cycles = _TICK.findall(died.output)
        return int(cycles[-1]) if cycles else 0
    return 0
