"""Nodes and constants of a float ONNX model in the making."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper


class Nodes:
    """Nodes and constants; `batch_of` names a tensor whose first axis is the batch."""

    def __init__(self, batch_of: str) -> None:
        self.batch_of = batch_of
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, op: str, inputs: Sequence[str], output: str, *others: str, **attributes: Any) -> str:
        """Append a node, named as its first output; returns that name."""
        self.nodes.append(helper.make_node(op, list(inputs), [output, *others], name=output, **attributes))
        return output

    def constant(self, name: str, values: ArrayLike) -> str:
        """A float32 constant; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def integers(self, name: str, values: ArrayLike) -> str:
        """An int64 constant; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.int64), name))
        return name
