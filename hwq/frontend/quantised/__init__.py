"""Models that are quantised already: QONNX, QDQ, QCDQ and QOperator files become a `Program` as they stand."""

from __future__ import annotations

from pathlib import Path

from onnx import GraphProto

from hwq.errors import BadInput
from hwq.frontend.data import Data
from hwq.frontend.load import load, parse
from hwq.frontend.node import Node
from hwq.frontend.quantised.handlers import CUSTOM, LINEAR
from hwq.frontend.quantised.importer import import_quantised
from hwq.frontend.quantised.operators import OPERATORS, expanded
from hwq.ir.program import Program


def is_quantised(path: str | Path) -> bool:
    """Whether the file is an ONNX model that is quantised already; False for what is no model."""
    try:
        return has_quantisers(parse(Path(path)).graph)
    except BadInput:
        return False


def has_quantisers(graph: GraphProto) -> bool:
    """Whether a graph has data that is quantised; weights alone, which become floats, do not count."""
    known = {item.name for item in graph.initializer}
    for node in map(Node.of, graph.node):
        if all(not name or name in known for name in node.inputs):
            known.update(node.outputs)
        elif (
            (node.op in CUSTOM and not node.is_standard)
            or node.op in OPERATORS
            or node.op in (*LINEAR, "DynamicQuantizeLinear")
        ):
            return True
    return any(node.op in CUSTOM and not node.is_standard for node in map(Node.of, graph.node))


def read_quantised(path: str | Path, samples: Data) -> Program:
    """The program of the ONNX model at `path`, whose integers are those of the model.

    Parameters
    ----------
    path
        The model.
    samples
        Data as for `hwq.frontend.data.load_arrays`; the integers of inputs that no quantiser reads are told from it.

    Raises
    ------
    BadInput
        When the file is no valid ONNX model, or with every reason for which hwq cannot build it.
    """
    return import_quantised(expanded(load(path)), samples)
