"""ONNX in: a file becomes a `FloatGraph`. Nothing else in hwq reads ONNX."""

from __future__ import annotations

from pathlib import Path

from hwq.errors import BadInput
from hwq.frontend.cut import WHOLE, Cut, cut
from hwq.frontend.graph import FloatGraph
from hwq.frontend.importer import import_model
from hwq.frontend.load import load
from hwq.frontend.quantised import has_quantisers


def read(path: str | Path, part: Cut = WHOLE) -> FloatGraph:
    """Read and import the ONNX model at `path`, or a part of it, as it stands: `passes.simplify` comes after.

    Raises
    ------
    BadInput
        When the file is no valid ONNX model of floats, or with every reason for which hwq cannot build it.
    """
    source = load(path)
    if has_quantisers(source.graph):
        raise BadInput(
            f"{path}: quantised already, expected a model of floats. Make a program of it with `hwq quantize`, and "
            "use that."
        )
    return import_model(source if part == WHOLE else cut(source, part))
