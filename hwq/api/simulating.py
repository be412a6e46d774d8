"""Programs on the host: results and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.api.loading import load_program
from hwq.errors import BadInput
from hwq.frontend import read
from hwq.frontend import text as graph_text
from hwq.frontend.cut import WHOLE, Cut
from hwq.frontend.data import Data, Port, load_arrays
from hwq.golden import is_golden
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.storage import is_archive
from hwq.ir.text import dump
from hwq.passes import simplify
from hwq.quant import Progress, silent
from hwq.sim import Simulator, simulate_plain
from hwq.verify.native import NativeSimulator


class Engine(Enum):
    """What computes a program; all give the same integers."""

    FAST = "fast"
    """onnxruntime, on all processors (see `hwq.sim`)."""
    PLAIN = "plain"
    """The definition, in numpy: slow."""
    NATIVE = "native"
    """The C++ of `generate --backend hls`, compiled with g++; one thread."""


def simulate(
    program: Program, data: Data, engine: Engine | str = Engine.FAST, progress: Progress = silent
) -> dict[str, NDArray[Any]]:
    """Bit-accurate results.

    Parameters
    ----------
    data
        An npz or npy file, or arrays by input name, batch first.
    engine
        What computes; results are equal.
    progress
        Is told what takes time before the first sample.

    Returns
    -------
    dict
        For each output NAME: ``NAME`` (in the port's own type, rule T2 exactly) and ``NAME.int`` (int64); for each
        input NAME the quantised input ``NAME.int``.
    """
    arrays = load_arrays(data, input_ports(program))
    return prepare(program, engine, progress)(arrays)


def prepare(
    program: Program, engine: Engine | str = Engine.FAST, progress: Progress = silent
) -> Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]:
    """The function from checked arrays (input name to batch) to results, both as `simulate` has them.

    Raises
    ------
    BadInput
        When two results would have one name, or there is no such engine.
    ToolMissing
        When the native engine finds no compiler.
    """
    engine = engine_named(engine)
    names = [f"{port.name}.int" for port in (*program.inputs, *program.outputs)]
    names += [port.name for port in program.outputs]
    if len(set(names)) < len(names):
        raise BadInput(f"{program.name}: results NAME and NAME.int would share a name. Rename the model's outputs.")
    compute = _computing(program, engine, progress)

    def results(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        found = compute(arrays)
        out = {f"{port.name}.int": port.from_tensor(found[port.tensor]).astype(np.int64) for port in program.inputs}
        for port in program.outputs:
            out[f"{port.name}.int"] = port.from_tensor(found[port.tensor]).astype(np.int64)
            out[port.name] = port.real(found[port.tensor], program.formats[port.tensor])
        return out

    return results


def _computing(
    program: Program, engine: Engine, progress: Progress
) -> Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]:
    """The function from checked arrays to tensors: outputs and inputs at least."""
    if engine is Engine.FAST:
        return Simulator(program).from_reals
    run = NativeSimulator(program, progress) if engine is Engine.NATIVE else partial(simulate_plain, program)

    def compute(arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        integers = quantise_inputs(program, arrays)
        return {**run(integers), **integers}

    return compute


def engine_named(name: Engine | str) -> Engine:
    """The engine of that name.

    Raises
    ------
    BadInput
        When there is none.
    """
    try:
        return Engine(name)
    except ValueError:
        known = ", ".join(engine.value for engine in Engine)
        raise BadInput(f"engine: is {name!r:.40}, expected one of {known}.") from None


def input_ports(program: Program) -> list[Port]:
    """Name, type and shape of each input, as data are checked against."""
    return [(port.name, port.dtype, port.index.shape) for port in program.inputs]


def inspect(path: str | Path, part: Cut = WHOLE) -> str:
    """The text dump of an ONNX file's accepted graph or of a part of it, or of a program (a golden model is one).

    Raises
    ------
    BadInput
        With every reason for which the model is refused.
    """
    path = Path(path)
    if path.suffix == ".hwq" or is_archive(path) or is_golden(path):
        return dump(load_program(path))
    return graph_text.dump(simplify(read(path, part)))
