"""ONNX in: a file becomes a `FloatGraph`. Nothing else in hwq reads ONNX."""

from __future__ import annotations

from pathlib import Path

from hwq.frontend.graph import FloatGraph
from hwq.frontend.importer import import_model
from hwq.frontend.load import load


def read(path: str | Path) -> FloatGraph:
    """Read and import the ONNX model at `path`, as it stands: `passes.simplify` comes after.

    Raises
    ------
    BadInput
        When the file is no valid ONNX model, or with every reason for which hwq cannot build it.
    """
    return import_model(load(path))
