"""Sources: which kind of trace a path holds, by its content."""

from __future__ import annotations

from pathlib import Path

from hwq import golden
from hwq.arith import IntArray
from hwq.emit.folder import MARKER as BUILD
from hwq.emit.vector_folder import MANIFEST
from hwq.errors import BadInput
from hwq.frontend import read
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.storage import is_archive
from hwq.passes import simplify
from hwq.verify.check import open_build
from hwq.verify.record import is_recording, load_recording
from hwq.verify.traces import FloatTrace, ProgramTrace, RecordedTrace, Trace, VectorTrace


class GoldenTrace(ProgramTrace):
    """A golden ONNX file, in onnxruntime."""

    def __init__(self, path: Path) -> None:
        super().__init__(golden.load(path), str(path), "golden model")
        self._model = golden.parse(path)

    def execute(self, inputs: dict[str, IntArray]) -> dict[str, IntArray]:
        """As `ProgramTrace.execute`, by the nodes of the file."""
        return golden.run(self._model, inputs, keep_all=True)


def open_trace(source: str | Path | Program) -> Trace:
    """The trace at a path: a float model, a golden model, a program, a build, a recording or a folder of vectors.

    Raises
    ------
    BadInput
        When there is nothing of that kind, or it is damaged.
    """
    if isinstance(source, Program):
        return ProgramTrace(source, source.name)
    path = Path(source)
    if path.is_dir():
        if (path / BUILD).is_file():
            return ProgramTrace(open_build(path).plan.program, str(path), "program of a build")
        if (path / MANIFEST).is_file():
            return VectorTrace(path)
        raise BadInput(f"{path}: holds neither {BUILD} nor {MANIFEST}, expected a build or a folder of vectors.")
    if is_recording(path):
        return RecordedTrace(load_recording(path), str(path))
    if golden.is_golden(path):
        return GoldenTrace(path)
    if is_archive(path) and path.suffix == ".npz":
        raise BadInput(f"{path}: holds no readable recording, expected one that `hwq verify --record` wrote.")
    if is_archive(path) or path.suffix == ".hwq":
        return ProgramTrace(serial.load(path), str(path))
    return FloatTrace(simplify(read(path)), str(path))
