"""Programs from files, whichever form they have."""

from __future__ import annotations

from pathlib import Path

from hwq import golden
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.storage import is_archive


def save_program(program: Program, path: str | Path) -> None:
    """Write ``NET.hwq``, as `hwq quantize` does.

    Raises
    ------
    BadInput
        When the file cannot be written.
    """
    serial.save(program, Path(path))


def load_program(path: str | Path) -> Program:
    """Read a program: ``NET.hwq``, or a golden model that `export` wrote with format ``onnx``.

    Its content says which it is.

    Raises
    ------
    BadInput
        When the file is missing, damaged, or neither.
    """
    path = Path(path)
    if is_archive(path) or (path.suffix != ".onnx" and not golden.is_golden(path)):
        return serial.load(path)
    return golden.load(path)
