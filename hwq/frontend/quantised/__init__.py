"""QONNX in: a model that is quantised already, with Quant and BipolarQuant nodes, becomes a `Program` as it stands."""

from __future__ import annotations

from pathlib import Path

from onnx import GraphProto

from hwq.errors import BadInput
from hwq.frontend.data import Data
from hwq.frontend.load import load, parse
from hwq.frontend.node import Node
from hwq.frontend.quantised.importer import Importer
from hwq.frontend.quantised.quantiser import OPERATORS
from hwq.ir.program import Program


def is_quantised(path: str | Path) -> bool:
    """Whether the file is an ONNX model with quantisers of QONNX; False for what is no model."""
    try:
        return has_quantisers(parse(Path(path)).graph)
    except BadInput:
        return False


def has_quantisers(graph: GraphProto) -> bool:
    """Whether a graph has quantisers of QONNX."""
    return any(node.op in OPERATORS and not node.is_standard for node in map(Node.of, graph.node))


def read_quantised(path: str | Path, samples: Data) -> Program:
    """The program of the ONNX model at `path`, whose integers are those of the executor of qonnx.

    Parameters
    ----------
    path
        The model.
    samples
        Data as for `hwq.frontend.data.load_arrays`, from which the integers of the inputs are told.

    Raises
    ------
    BadInput
        When the file is no valid ONNX model, or with every reason for which hwq cannot build it.
    """
    return Importer(load(path)).run(samples)
