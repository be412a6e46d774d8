"""Programs from files, whichever form they have."""

from __future__ import annotations

from pathlib import Path

from hwq import golden
from hwq.ir import serial
from hwq.ir.program import Program


def load_program(path: str | Path) -> Program:
    """Read a program: ``NET.hwq``, or a golden model that `export` wrote with format ``onnx``.

    A name that ends in ``.onnx``, or a content that is a golden model, makes the difference.

    Raises
    ------
    BadInput
        When the file is missing, damaged, or neither.
    """
    path = Path(path)
    if path.suffix == ".onnx" or golden.is_golden(path):
        return golden.load(path)
    return serial.load(path)
