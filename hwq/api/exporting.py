"""Programs to files for other tools: ONNX, and C."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwq import golden
from hwq.emit.cmodel import DEFAULT_BYTES, CModel, c_model
from hwq.emit.exchange import FileFormat, exchange
from hwq.errors import BadInput
from hwq.ir.program import Program
from hwq.ir.storage import check_writable, write_atomically

GOLDEN = "onnx"
C_MODEL = "c"
FORMATS = (GOLDEN, *(form.value for form in FileFormat), C_MODEL)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the size in bytes, and why the integers of a layer may differ from the program's.

    Nothing differs in the golden model and in C.  With an empty `inexact`, files of float operators are bit-exact in
    float32.  `c` is what was written in C.
    """

    size: int
    inexact: dict[str, str]
    c: CModel | None = None


def export(
    program: Program,
    path: str | Path,
    form: str = GOLDEN,
    real: bool = False,
    shift_bias: bool = True,
    name: str | None = None,
    memory_limit: int = DEFAULT_BYTES,
) -> Exported:
    """Write `program` as an ONNX file, or as C into a folder.

    Parameters
    ----------
    path
        The file, or for ``c`` the folder, which is made; files of the same names in it are replaced.
    form
        ``onnx``: the golden model, standard operators on integers; docs/golden.md describes it.  ``qdq``, ``qonnx``:
        float operators between quantisers, for tools that read those; docs/exchange.md says what they keep.  ``c``:
        a C99 file and its header, described in docs/c.md.
    real
        The golden model takes and gives real values: it quantises its inputs and scales its outputs.
    shift_bias
        For ``qdq`` and ``qonnx``: shift biases so that ties are rounded as in the program.
    name
        For ``c``: what files, functions and macros are called after, by default the program's name.
    memory_limit
        For ``c``: most bytes of static memory.

    Raises
    ------
    BadInput
        When the format is unknown, the program cannot be expressed in it, the file would be larger than ONNX allows,
        its memory larger than the limit, or it cannot be written.
    """
    path = Path(path)
    if form not in FORMATS:
        raise BadInput(f"--format {form}: expected {', '.join(FORMATS)}.")
    if form == C_MODEL:
        model = c_model(program, name, memory_limit)
        _write_folder(path, {file: text.encode("ascii") for file, text in model.files.items()})
        return Exported(sum(map(len, model.files.values())), {}, model)
    check_writable(path)
    if form == GOLDEN:
        data, inexact = golden.serialise(golden.write(program, real)), {}
    else:
        made = exchange(program, FileFormat(form), shift_bias)
        data, inexact = made.data, made.inexact
    write_atomically(path, data)
    return Exported(len(data), inexact)


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder, which is made, after a check that all of them can be written."""
    if folder.suffix in (".c", ".h"):
        raise BadInput(
            f"{folder}: is the name of a file, expected a folder for {' and '.join(files)}. Leave {folder.suffix} out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be made a folder ({error.strerror}). Choose another output.") from None
    for name in files:
        check_writable(folder / name)
    for name, data in files.items():
        write_atomically(folder / name, data)
