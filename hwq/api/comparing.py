"""Two forms of one network against each other."""

from __future__ import annotations

from pathlib import Path

from hwq.frontend.data import Data
from hwq.ir.program import Program
from hwq.quant import Progress, silent
from hwq.verify.diff import Diff, compare
from hwq.verify.sources import open_trace


def diff(
    a: str | Path | Program, b: str | Path | Program, data: Data | None = None, progress: Progress = silent
) -> Diff:
    """Where two forms of one network begin to differ, and by how much, tensor by tensor.

    Parameters
    ----------
    a, b
        A float ONNX model, a golden ONNX model, a program, a build, a recording of the RTL (``verify`` with ``record``)
        or a folder of vectors, known by content.  Integers are compared with integers; with a float model on one side,
        or with other scales, the real values.
    data
        An npz file, or arrays by input name, batch first; not needed where a recording or vectors bring inputs.
    progress
        Is told each step.

    Raises
    ------
    BadInput
        When one of the two cannot be read, they are not of one network, or the data are not its inputs.
    """
    progress("Reading both sides", None)
    return compare(open_trace(a), open_trace(b), data, progress)
