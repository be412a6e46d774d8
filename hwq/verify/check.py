"""verify: prove on samples that the RTL of a build computes what the simulator computes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hwq.arith import IntArray
from hwq.emit.folder import MARKER
from hwq.emit.vectors import stimulus
from hwq.errors import BadInput, CheckFailed
from hwq.hw.bound import Bound
from hwq.hw.device import Device, device
from hwq.hw.folding_file import parse_folding
from hwq.hw.plan import Plan, make_plan
from hwq.ir import serial
from hwq.quant import Progress, silent
from hwq.verify.gate import synthesise_gates
from hwq.verify.record import save_recording
from hwq.verify.rtl_run import BUILDERS, Bench, Drive, Outcome, both, simulate_build
from hwq.verify.simulate import Simulation, SimulationDied
from hwq.verify.streams import StreamResult
from hwq.verify.waves import Waves, keep_waves

SIMULATORS = tuple(BUILDERS)
ICARUS_WORK = 4_000_000
"""Multiplications a frame up to which Icarus makes that run too: about ten seconds a frame."""
LONG_WORK = 4_000_000_000
"""Multiplications of a run from which on a testbench that is optimised further saves more time than it takes."""
PACE_FRAMES = 4
"""Frames of the run without stalls that measures cycles."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build folder, read back: its manifest, and the plan that made it."""

    folder: Path
    manifest: dict[str, Any]
    plan: Plan

    @property
    def is_hls(self) -> bool:
        """Whether it is C++, not Verilog."""
        return self.manifest.get("backend") == "hls"

    def require_rtl(self) -> None:
        """Refuse a build without Verilog."""
        if self.is_hls:
            raise BadInput(f"{self.folder}: is C++ for HLS, expected Verilog. Generate it without --backend.")


@dataclass(frozen=True, slots=True)
class Verification:
    """The result on one simulator; `cycles_per_frame` and `latency` were measured without stalls, None where not.

    `streams` has the result of each stream that was compared; inner ones with `trace`.  `cells` are those of the
    netlist that was simulated, None for RTL, and `waves` what was kept of a failure.
    """

    simulator: str
    samples: int
    stall: float
    mismatches: int
    cycles_per_frame: float | None
    cycles_formula: int
    latency: int | None
    latency_formula: int
    multipliers: int
    utilisation: float | None
    trouble: tuple[str, ...]
    build_seconds: float
    seconds_per_sample: float
    seed: int = 1
    streams: tuple[StreamResult, ...] = ()
    cells: int | None = None
    waves: Waves | None = None

    @property
    def target(self) -> str:
        """The simulator, and whether it ran gates."""
        return self.simulator if self.cells is None else f"{self.simulator}-gate"

    @property
    def passed(self) -> bool:
        """True when not one beat differed."""
        return self.mismatches == 0


def open_build(folder: Path) -> Build:
    """Read a build folder back.

    Raises
    ------
    BadInput
        When `folder` is not a build, or is damaged.
    """
    path = folder / MARKER
    try:
        manifest = json.loads(path.read_text("utf-8"))
        top, digest, folding = manifest["top"], manifest["digest"], manifest["folding"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"{folder}: holds no readable {MARKER} ({error!s:.120}), expected a folder made by `hwq generate`."
        ) from None
    program = serial.load(folder / "net.hwq")
    if serial.digest(program) != digest or top != program.name:
        raise BadInput(f"{folder}: {MARKER} and net.hwq do not belong together. Generate the build again.")
    folds = parse_folding(folding, program, str(path))
    return Build(folder, manifest, make_plan(program, folds, *_aim(manifest, path)))


def _aim(manifest: dict[str, Any], path: Path) -> tuple[Device | None, Bound | None]:
    """The device that a build was made for, and the bound of its folding."""
    name, bound = manifest.get("device"), manifest.get("bound")
    try:
        made = None if bound is None else Bound(**bound)
        if made is not None and (type(made.least) is not int or made.least < 1 or type(made.binds) is not str):
            raise TypeError(f"bound is {bound!r:.80}, expected cycles and what binds.")
        return None if name is None else device(str(name)), made
    except (BadInput, TypeError) as error:
        raise BadInput(f"{path}: {error!s:.200} Generate the build again.") from None


def verify(
    build: Build,
    simulator: str,
    samples: int = 4,
    stall: float = 0.0,
    trace: bool = False,
    seed: int = 1,
    inputs: dict[str, IntArray] | None = None,
    progress: Progress = silent,
    record: Path | None = None,
    gate: bool = False,
    waves: Path | None = None,
) -> Verification:
    """Compare the RTL of `build` with the simulator, bit for bit.

    Parameters
    ----------
    simulator
        ``verilator`` or ``icarus``.
    samples
        Frames to compare: the samples that the program carries, then random integers.
    stall
        Probability of a stall on both sides at each clock edge, 0 to 0.99.
    trace
        Compare every inner stream as well.
    inputs
        Other samples: input tensor to integers (samples, height, width, channels).
    progress
        Is told each step.
    record
        File for what passed on every stream (see `hwq.verify.record`), also when the simulation ends early; implies
        `trace`.
    gate
        Simulate what Yosys makes of the RTL instead, which has no inner streams.
    waves
        File for a waveform around the first mismatch, where there is one; implies `trace` for RTL.

    Returns
    -------
    Verification

    Raises
    ------
    BadInput, ToolMissing, CheckFailed
        When the build or an option cannot be used, the simulator is missing, or the RTL does not compile.
    """
    if samples < 1 or not 0.0 <= stall <= 0.99:
        raise BadInput(f"verify: {samples} samples and a stall of {stall}, expected at least 1 and 0 to 0.99.")
    build.require_rtl()
    if gate and record is not None:
        raise BadInput(f"--record {record}: a netlist of --gate has no inner streams. Leave one of them out.")
    plan, top = build.plan, str(build.manifest["top"])
    chosen = stimulus(plan.program, samples) if inputs is None else {k: x[:samples] for k, x in inputs.items()}
    count = len(next(iter(chosen.values())))
    trace = not gate and (trace or record is not None or waves is not None)
    Bench(build.folder, top, simulator, trace, Path("netlist.v") if gate else None, "vcd" if waves else "").check()
    if gate:
        progress("Making gates with yosys", None)
    netlist = synthesise_gates(build.folder, top) if gate else None
    progress(f"Compiling for {simulator}", None)
    long = count * plan.interval * plan.multipliers > LONG_WORK
    bench = Bench(build.folder, top, simulator, trace, netlist.path if netlist else None, runs_long=long)
    simulation = bench.compile()
    drive = Drive(build.folder, plan, chosen, stall, seed, trace)

    def look(run: Drive, outcome: Outcome | None) -> Waves | None:
        if waves is None or (outcome is not None and outcome.mismatches == 0):
            return None
        progress("Simulating again for a waveform", None)
        return keep_waves(waves, bench, run, outcome)

    progress(f"Simulating {count} samples on {simulator}", None)
    keep = partial(save_recording, record, plan=plan, inputs=chosen, simulator=simulator) if record else None
    try:
        checked = simulate_build(simulation, drive, keep)
    except SimulationDied as died:
        kept = look(drive, None)
        raise CheckFailed(str(died) + (f"\n{kept.describe()}" if kept else "")) from None
    kept = look(drive, checked)
    pace: Outcome | None = checked
    if stall > 0.0 or count < PACE_FRAMES:
        frames = {name: np.resize(x, (PACE_FRAMES, *x.shape[1:])) for name, x in chosen.items()}
        pacing = replace(drive, inputs=frames, stall=0.0)
        pace = _pace(simulation, build, pacing, gate, progress)
        kept = kept or (look(pacing, pace) if pace else None)
    total = both(checked, pace) if pace and pace is not checked else checked
    cycles = pace.cycles_per_frame if pace else None
    useful = plan.array_macs / (cycles * plan.multipliers) if cycles and plan.multipliers else None
    building = simulation.seconds + (netlist.seconds if netlist else 0.0)
    return Verification(
        simulator, count, stall, total.mismatches, cycles, plan.interval, pace.latency if pace else None,
        plan.frame_latency, plan.multipliers, useful, total.trouble, building,
        checked.seconds / count, seed, total.streams, netlist.cells if netlist else None, kept,
    )  # fmt: skip


def _pace(simulation: Simulation, build: Build, drive: Drive, gate: bool, progress: Progress) -> Outcome | None:
    """A short run without stalls, to measure cycles; not on Icarus for what would take minutes there."""
    large = gate or build.plan.interval * build.plan.multipliers > ICARUS_WORK
    if simulation.simulator == "icarus" and large:
        return None
    progress(f"Measuring cycles on {simulation.simulator}", None)
    return simulate_build(simulation, drive)
