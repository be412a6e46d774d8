"""Programs to hardware: generate, verify, report, and all at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hwq.api.quantising import quantize
from hwq.emit.folder import check_target
from hwq.emit.generate import DEFAULT_FRAMES
from hwq.emit.generate import generate as write_build
from hwq.emit.hls.build import generate_hls
from hwq.errors import BadInput, ToolMissing
from hwq.frontend.cut import WHOLE, Cut
from hwq.frontend.data import Data, load_arrays
from hwq.hw.cost import is_known
from hwq.hw.device import Device, device
from hwq.hw.plan import Plan
from hwq.hw.target import Target
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.storage import check_writable
from hwq.quant import Progress, QuantConfig, silent
from hwq.report.summary import Summary, summarise
from hwq.verify import check
from hwq.verify.check import SIMULATORS, Verification
from hwq.verify.hls_run import verify_hls
from hwq.verify.simulate import require_simulator, usable
from hwq.verify.tools import Tool
from hwq.verify.tools import doctor as list_tools
from hwq.verify.tools import require as require_tool
from hwq.verify.waves import check_waves

BACKENDS = {"verilog": write_build, "hls": generate_hls}
"""What writes the hardware of a plan."""


def generate(
    program: Program,
    target: str | Path,
    size: Target | None = None,
    frames: int = DEFAULT_FRAMES,
    progress: Progress = silent,
    backend: str = "verilog",
) -> Plan:
    """Write hardware, memories, testbench and vectors of `program` into the folder `target`.

    Parameters
    ----------
    size
        How large and how fast; the default of `Target` when None.
    frames
        Samples for the testbench of the build.
    progress
        Is told each step.
    backend
        ``verilog``, or ``hls`` for C++.

    Raises
    ------
    BadInput
        When the folder cannot be used, the size cannot be met, or the backend is unknown.
    """
    if backend not in BACKENDS:
        raise BadInput(f"--backend {backend}: expected {' or '.join(BACKENDS)}.")
    check_target(Path(target))
    progress("Choosing the folding", None)
    plan = replace(size or Target(), sharing=backend == "verilog").plan(program)
    progress("Writing hardware and vectors", None)
    BACKENDS[backend](plan, Path(target), frames)
    return plan


def verify(
    folder: str | Path,
    sim: str | None = None,
    samples: int = 4,
    stall: float = 0.0,
    trace: bool = False,
    seed: int = 1,
    data: Data | None = None,
    progress: Progress = silent,
    record: str | Path | None = None,
    gate: bool = False,
    waves: str | Path | None = None,
) -> list[Verification]:
    """Compare the hardware of a build with the simulator; one result for each simulator of RTL.

    Parameters
    ----------
    sim
        ``verilator`` (when None), ``icarus`` or ``all``; C++ is compiled and needs none.
    data
        Samples to use instead of those that the build carries.
    progress
        Is told each step.
    record
        File for what passed on every stream, for `diff`; with one simulator only.
    gate
        Simulate the netlist that Yosys makes of the RTL; it has no inner streams.
    waves
        File, .vcd or .fst, for a waveform around the first mismatch, if there is one; with one simulator only.
    """
    build = check.open_build(Path(folder))
    inputs = None
    if data is not None:
        program = build.plan.program
        arrays = load_arrays(data, [(port.name, port.dtype, port.index.shape) for port in program.inputs])
        inputs = quantise_inputs(program, arrays)
    if build.is_hls:
        if sim is not None or stall or trace or record is not None or gate or waves is not None:
            raise BadInput(
                f"{folder}: is C++ for HLS, which has no --sim, --stall, --trace, --record, --gate or --waves. "
                "Leave them out."
            )
        return [verify_hls(build, samples, inputs, progress)]
    chosen = _simulators(sim or "verilator")
    if gate:
        require_tool("yosys")
    kept, shown = (None if path is None else Path(path) for path in (record, waves))
    for option, path in (("--record", kept), ("--waves", shown)):
        if path is not None and len(chosen) > 1:
            raise BadInput(f"{option} {path} --sim {sim}: expected one simulator. Give each a file of its own.")
    if kept is not None:
        check_writable(kept)
    if shown is not None:
        check_waves(shown, chosen[0])
    return [
        check.verify(build, one, samples, stall, trace, seed, inputs, progress, kept, gate, shown) for one in chosen
    ]


def _simulators(sim: str) -> tuple[str, ...]:
    """The simulators that `sim` names, all of them usable."""
    if sim not in (*SIMULATORS, "all"):
        raise BadInput(f"--sim {sim}: expected {', '.join(SIMULATORS)} or all.")
    chosen = SIMULATORS if sim == "all" else (sim,)
    for one in chosen:
        require_simulator(one)
    return chosen


def report(folder: str | Path) -> Summary:
    """What was built: layers, formats, errors, memories, cycles."""
    return summarise(check.open_build(Path(folder)).plan)


def on_device(folder: str | Path, name: str | None = None) -> tuple[Plan, Device]:
    """The plan of a build, and the device called `name` or that it was made for, of which costs are known.

    Raises
    ------
    BadInput
        When there is no device, or what designs take of it is not known.
    """
    plan = check.open_build(Path(folder)).plan
    chosen = plan.device if name is None else device(name)
    if chosen is None:
        raise BadInput(f"{folder}: was made for no device, expected one for its costs. Add --device.")
    if not is_known(chosen.family):
        raise BadInput(f"--device {chosen.name}: what designs take of it is not known yet. Choose another family.")
    return plan, chosen


def doctor() -> list[Tool]:
    """The simulators and compilers that hwq uses: found or missing, and how to get them."""
    return list_tools()


def default_simulator() -> str:
    """Verilator where it is usable, else Icarus.

    Raises
    ------
    ToolMissing
        When neither is.
    """
    for simulator in SIMULATORS:
        if usable(simulator):
            return simulator
    raise ToolMissing("No simulator: neither Verilator nor Icarus is usable. `hwq doctor` tells what is missing.")


def build(
    model: str | Path,
    calib: Data,
    target: str | Path,
    config: QuantConfig | None = None,
    size: Target | None = None,
    sim: str | None = None,
    samples: int = 4,
    stall: float = 0.0,
    frames: int = DEFAULT_FRAMES,
    progress: Progress = silent,
    part: Cut = WHOLE,
) -> tuple[Summary, list[Verification]]:
    """Quantise, simulate, generate, verify and report in one call.

    What can be checked beforehand, the folder and the simulators, is checked before any work.

    Raises
    ------
    BadInput, ToolMissing, CheckFailed
        As the single steps do.
    """
    sim = sim or default_simulator()
    _simulators(sim)
    check_target(Path(target))
    program = quantize(model, calib, config, progress, part)
    plan = generate(program, target, size, frames, progress)
    checked = verify(target, sim, samples, stall, progress=progress)
    return summarise(plan, checked), checked
