"""The Python interface: one function for each command of `hwq`, with the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hwq.emit.folder import check_target
from hwq.emit.generate import DEFAULT_FRAMES
from hwq.emit.generate import generate as write_build
from hwq.errors import BadInput, ToolMissing
from hwq.frontend import read
from hwq.frontend import text as graph_text
from hwq.frontend.data import Samples, load_arrays, load_samples
from hwq.frontend.graph import FloatGraph
from hwq.hw.plan import Plan, make_plan
from hwq.hw.target import Target as Target
from hwq.ir import serial
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.text import dump
from hwq.passes import simplify
from hwq.quant import Progress, QuantConfig, silent
from hwq.quant import quantize as quantize_graph
from hwq.quant.analysis import Analysis
from hwq.quant.analysis import analyze as analyze_graph
from hwq.quant.explore import Front
from hwq.quant.explore import explore as explore_graph
from hwq.quant.weight_only import WeightOnly
from hwq.quant.weight_only import weight_only as weight_only_graph
from hwq.report.summary import Summary, summarise
from hwq.sim import simulate_fast, simulate_plain
from hwq.verify import check
from hwq.verify.check import SIMULATORS, Verification
from hwq.verify.simulate import require_simulator, usable
from hwq.verify.tools import Tool
from hwq.verify.tools import doctor as list_tools

Data = str | Path | Mapping[str, NDArray[Any]]


def quantize(model: str | Path, calib: Data, config: QuantConfig | None = None, progress: Progress = silent) -> Program:
    """The integer program of an ONNX model.

    Parameters
    ----------
    model
        The ONNX file.
    calib
        Calibration data: an npz file, or arrays by input name, batch first.
    config
        Options.
    progress
        Is told each step.

    Raises
    ------
    BadInput
        With every reason for which the model or the data cannot be used.
    """
    return quantize_graph(*_read(model, calib, progress), config, progress)


def analyze(model: str | Path, calib: Data, config: QuantConfig | None = None, progress: Progress = silent) -> Analysis:
    """What each layer of the integer program of a model loses, and which one to give more bits.

    Parameters and errors are those of `quantize`.
    """
    return analyze_graph(*_read(model, calib, progress), config, progress)


def weight_only(
    model: str | Path, calib: Data, config: QuantConfig | None = None, progress: Progress = silent
) -> WeightOnly:
    """What a model loses when its weights are quantised and its activations stay floats; a study, not for hardware.

    Parameters and errors are those of `quantize`.
    """
    return weight_only_graph(*_read(model, calib, progress), config, progress)


def explore(
    model: str | Path,
    calib: Data,
    averages: Sequence[float],
    config: QuantConfig | None = None,
    measure: bool = False,
    progress: Progress = silent,
) -> Front:
    """What a model loses as its weights get fewer bits: widths by layer for each average, and one width for all layers.

    Parameters
    ----------
    model, calib, config, progress
        As for `quantize`; `config` has no budget.
    averages
        Bits of a weight, on average over what ``config.cost`` says.
    measure
        Quantise at every point, and measure; else the losses are predicted.

    Raises
    ------
    BadInput
        As `quantize`, or when no average can be kept.
    """
    return explore_graph(*_read(model, calib, progress), config or QuantConfig(), averages, measure, progress)


def _read(model: str | Path, calib: Data, progress: Progress) -> tuple[FloatGraph, Samples]:
    progress("Reading the model", None)
    graph = simplify(read(model))
    return graph, load_samples(calib, graph)


def simulate(program: Program, data: Data, plain: bool = False) -> dict[str, NDArray[Any]]:
    """Bit-accurate results.

    Parameters
    ----------
    data
        An npz file, or arrays by input name, batch first.
    plain
        Use the plain simulator, the definition, rather than the fast one that is equal to it.

    Returns
    -------
    dict
        For each output NAME: ``NAME`` (float64, rule T2 exactly) and ``NAME.int`` (int64); for each
        input NAME the quantised input ``NAME.int``.
    """
    arrays = load_arrays(data, [(port.name, port.dtype, port.index.shape) for port in program.inputs])
    integers = quantise_inputs(program, arrays)
    results = (simulate_plain if plain else simulate_fast)(program, integers)
    out: dict[str, NDArray[Any]] = {}
    for port in program.inputs:
        out[f"{port.name}.int"] = port.from_tensor(integers[port.tensor])
    for port in program.outputs:
        form = program.formats[port.tensor]
        out[f"{port.name}.int"] = port.from_tensor(results[port.tensor])
        out[port.name] = form.dequantise(out[f"{port.name}.int"])
    if len(out) < len(program.inputs) + 2 * len(program.outputs):
        raise BadInput(f"{program.name}: results NAME and NAME.int would share a name. Rename the model's outputs.")
    return out


def generate(
    program: Program,
    target: str | Path,
    size: Target | None = None,
    frames: int = DEFAULT_FRAMES,
    progress: Progress = silent,
) -> Plan:
    """Write RTL, memories, testbench and vectors of `program` into the folder `target`.

    Parameters
    ----------
    size
        How large and how fast; the default of `Target` when None.
    frames
        Samples for the testbench of the build.
    progress
        Is told each step.

    Raises
    ------
    BadInput
        When the folder cannot be used, or the size cannot be met.
    """
    check_target(Path(target))
    progress("Choosing the folding", None)
    plan = make_plan(program, (size or Target()).folds(program))
    progress("Writing hardware and vectors", None)
    write_build(plan, Path(target), frames)
    return plan


def verify(
    folder: str | Path,
    sim: str = "verilator",
    samples: int = 4,
    stall: float = 0.0,
    trace: bool = False,
    seed: int = 1,
    data: Data | None = None,
    progress: Progress = silent,
) -> list[Verification]:
    """Compare the RTL of a build with the simulator; one result for each simulator.

    Parameters
    ----------
    sim
        ``verilator``, ``icarus`` or ``all``.
    data
        Samples to use instead of those that the build carries.
    progress
        Is told each step.
    """
    chosen = _simulators(sim)
    inputs = None
    if data is not None:
        program = check.open_build(Path(folder)).plan.program
        arrays = load_arrays(data, [(port.name, port.dtype, port.index.shape) for port in program.inputs])
        inputs = quantise_inputs(program, arrays)
    return [check.verify(Path(folder), one, samples, stall, trace, seed, inputs, progress) for one in chosen]


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


def inspect(path: str | Path) -> str:
    """The text dump of an ONNX file's accepted graph, or of a program.

    Raises
    ------
    BadInput
        With every reason for which the model is refused.
    """
    path = Path(path)
    if path.suffix == ".hwq":
        return dump(serial.load(path))
    return graph_text.dump(simplify(read(path)))


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
    program = quantize(model, calib, config, progress)
    plan = generate(program, target, size, frames, progress)
    checked = verify(target, sim, samples, stall, progress=progress)
    return summarise(plan, checked), checked
