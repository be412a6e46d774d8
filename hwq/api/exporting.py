"""Programs to ONNX files for other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwq import golden
from hwq.emit.exchange import FileFormat, exchange
from hwq.errors import BadInput
from hwq.ir.program import Program
from hwq.ir.storage import check_writable, write_atomically

GOLDEN = "onnx"
FORMATS = (GOLDEN, *(form.value for form in FileFormat))


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the size in bytes, and why the integers of a layer may differ from the program's.

    Nothing differs in the golden model.  With an empty `inexact`, files of float operators are bit-exact in float32.
    """

    size: int
    inexact: dict[str, str]


def export(
    program: Program, path: str | Path, form: str = GOLDEN, real: bool = False, shift_bias: bool = True
) -> Exported:
    """Write `program` as an ONNX file.

    Parameters
    ----------
    form
        ``onnx``: the golden model, standard operators on integers; docs/golden.md describes it.  ``qdq``, ``qonnx``:
        float operators between quantisers, for tools that read those; docs/exchange.md says what they keep.
    real
        The golden model takes and gives real values: it quantises its inputs and scales its outputs.
    shift_bias
        For ``qdq`` and ``qonnx``: shift biases so that ties are rounded as in the program.

    Raises
    ------
    BadInput
        When the format is unknown, the program cannot be expressed in it, the file would be larger than ONNX allows,
        or it cannot be written.
    """
    path = Path(path)
    if form not in FORMATS:
        raise BadInput(f"--format {form}: expected {', '.join(FORMATS)}.")
    check_writable(path)
    if form == GOLDEN:
        data, inexact = golden.serialise(golden.write(program, real)), {}
    else:
        made = exchange(program, FileFormat(form), shift_bias)
        data, inexact = made.data, made.inexact
    write_atomically(path, data)
    return Exported(len(data), inexact)
