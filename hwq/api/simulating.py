"""Programs on the host: results and texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hwq.errors import BadInput
from hwq.frontend import read
from hwq.frontend import text as graph_text
from hwq.frontend.data import Data, load_arrays
from hwq.ir import serial
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.text import dump
from hwq.passes import simplify
from hwq.sim import simulate_fast, simulate_plain


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
