"""A float graph in ONNX while it is being written: nodes, constants, and names that nothing else has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from hwq.golden.ports import Wiring

QONNX_DOMAIN = "qonnx.custom_op.general"


class Graph:
    """Nodes and initialisers in order.

    The tensors of the file are called ``TENSOR__what``.  Names of a program have no double underscore; where a port
    of the model is called like that, all of them get a prefix, so that no name of a model meets one of ours.
    """

    def __init__(self, tensors: Collection[str], ports: Collection[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.opset = 17
        self._prefix = ""
        while any(port.startswith(f"{self._prefix}{name}__") for port in ports for name in tensors):
            self._prefix += "hwq__"

    def name(self, tensor: str, what: str) -> str:
        """The name of something that belongs to a tensor of the program."""
        return f"{self._prefix}{tensor}__{what}"

    def constant(self, tensor: str, what: str, values: NDArray[Any]) -> str:
        """An initialiser; returns its name."""
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), self.name(tensor, what)))
        return self.constants[-1].name

    def number(self, tensor: str, what: str, value: float) -> str:
        """A float32 scalar."""
        return self.constant(tensor, what, np.array(value, np.float32))

    def add(self, op_type: str, tensor: str, what: str, inputs: Sequence[str], domain: str = "", **attrs: Any) -> str:
        """A node with one output, called after what it makes; returns the name of the output."""
        output = self.name(tensor, what)
        self.nodes.append(helper.make_node(op_type, inputs, [output], output, domain=domain, **attrs))
        return output

    def wire(self, wiring: Wiring) -> None:
        """Nodes that move elements, with their constants."""
        self.nodes += wiring[0]
        self.constants += wiring[1]

    def needs(self, opset: int) -> None:
        """Use at least this version of the standard operators."""
        self.opset = max(self.opset, opset)

    def rename(self, old: str, new: str) -> None:
        """Give the output of a node another name, wherever it is read."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name == old:
                        names[i] = new
