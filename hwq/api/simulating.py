"""Programs on the host: results and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from hwq.sim import Simulator, simulate_plain


def simulate(program: Program, data: Data, plain: bool = False) -> dict[str, NDArray[Any]]:
    """Bit-accurate results.

    Parameters
    ----------
    data
        An npz or npy file, or arrays by input name, batch first.
    plain
        Use the plain simulator, the definition, rather than the fast one that is equal to it.

    Returns
    -------
    dict
        For each output NAME: ``NAME`` (float64, rule T2 exactly) and ``NAME.int`` (int64); for each
        input NAME the quantised input ``NAME.int``.
    """
    return prepare(program, plain)(load_arrays(data, input_ports(program)))


def prepare(program: Program, plain: bool = False) -> Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]:
    """The function from checked arrays (input name to batch) to results, both as `simulate` has them.

    Raises
    ------
    BadInput
        When two results would have one name.
    """
    names = [f"{port.name}.int" for port in (*program.inputs, *program.outputs)]
    names += [port.name for port in program.outputs]
    if len(set(names)) < len(names):
        raise BadInput(f"{program.name}: results NAME and NAME.int would share a name. Rename the model's outputs.")
    fast = None if plain else Simulator(program)

    def results(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if fast:
            found = fast.from_reals(arrays)
        else:
            integers = quantise_inputs(program, arrays)
            found = simulate_plain(program, integers) | integers
        out = {f"{port.name}.int": port.from_tensor(found[port.tensor]).astype(np.int64) for port in program.inputs}
        for port in program.outputs:
            leaving = port.from_tensor(found[port.tensor])
            out[f"{port.name}.int"] = leaving.astype(np.int64)
            out[port.name] = program.formats[port.tensor].dequantise(leaving)
        return out

    return results


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
