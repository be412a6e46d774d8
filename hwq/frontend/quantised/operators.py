"""Operators on integers, as quantisers around the float operators that they stand for.

QLinearConv is DequantizeLinear, Conv and QuantizeLinear, computed on integers; the operators of onnxruntime's own
domain are alike, ConvInteger and MatMulInteger leave their sums as they are, and those of the channels-last domain have
their channels at the end.  Spelled out, one importer reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from hwq.errors import refuse_all
from hwq.frontend.load import Source
from hwq.frontend.node import Node, Refusal
from hwq.frontend.quantised.handlers import LINEAR

CHANNELS_LAST = "qonnx.custom_op.channels_last"


@dataclass(slots=True, eq=False)
class Spelling:
    """Nodes in the place of one, and constants that they need."""

    node: Node
    constants: dict[str, NDArray[np.generic]]
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def add(self, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Append a node; its output."""
        output = output or self.name("step")
        self.nodes.append(helper.make_node(op, inputs, [output], name=self.node.name, **attributes))
        return output

    def name(self, what: str) -> str:
        """A name that the model does not have."""
        return f"{self.node.outputs[0]}:{what}{len(self.nodes)}"

    def constant(self, array: NDArray[np.generic]) -> str:
        """A constant; its name."""
        name = self.name(f"constant{len(self.constants)}_")
        self.constants[name] = array
        return name

    def real(self, tensor: int, scale: int, zero: int, **attributes: Any) -> str:
        """The real values of an input, whose scale and zero point are inputs too; the scale 1 where it is -1."""
        names = [self.node.inputs[tensor]]
        names.append(self.node.inputs[scale] if scale >= 0 else self.constant(np.ones((), np.float32)))
        if self.node.has_input(zero):
            names.append(self.node.inputs[zero])
        return self.add("DequantizeLinear", names, **attributes)

    def quantised(self, x: str, scale: int, zero_first: bool = False) -> None:
        """The result: integers of `x`, whose scale and zero point are the inputs from `scale` on; `x` without.

        Some operators of onnxruntime add the zero point before they round: ties go elsewhere where it is odd.
        """
        if not self.node.has_input(scale):
            self.add("Identity", [x], self.node.outputs[0])
            return
        names = [self.node.inputs[at] for at in (scale, scale + 1) if self.node.has_input(at)]
        self.add("QuantizeLinear", [x, *names], self.node.outputs[0], zero_first=int(zero_first))

    def known(self, position: int, what: str) -> NDArray[np.float32]:
        """A constant input."""
        name = self.node.inputs[position]
        if name not in self.constants:
            raise Refusal(f"its {what} '{name}' is computed, expected a constant. Quantise the model statically")
        return np.asarray(self.constants[name], np.float32)

    def bias(self, tensor: int, scale: NDArray[np.float32]) -> str:
        """The real values of an int32 bias."""
        names = [self.node.inputs[tensor], self.constant(np.asarray(scale, np.float32).reshape(-1))]
        if scale.size == 1:
            self.constants[names[1]] = np.asarray(scale, np.float32).reshape(())
        return self.add("DequantizeLinear", names, axis=0)


def _conv(to: Spelling) -> None:
    x, w = to.real(0, 1, 2), to.real(3, 4, 5, axis=0)
    inputs = [x, w]
    if to.node.has_input(8):
        inputs.append(to.bias(8, to.known(1, "scale") * to.known(4, "scale")))
    to.quantised(to.add("Conv", inputs, **to.node.attributes), 6)


def _matmul(to: Spelling) -> None:
    to.quantised(to.add("MatMul", [to.real(0, 1, 2), to.real(3, 4, 5, axis=1)]), 6)


def _gemm(to: Spelling) -> None:
    given = to.node.attributes
    alpha, across = float(given.get("alpha", 1.0)), int(given.get("transB", 0))
    inputs = [to.real(0, 1, 2), to.real(3, 4, 5, axis=0 if across else 1)]
    if to.node.has_input(6):
        inputs.append(to.bias(6, np.float32(alpha) * to.known(1, "scale") * to.known(4, "scale")))
    to.quantised(to.add("Gemm", inputs, **{name: value for name, value in given.items() if name != "alpha"}), 7)
    if alpha != 1.0:
        raise Refusal(f"alpha is {alpha}, expected 1. Fold it into the scale of the weights")


def _two(op: str) -> Callable[[Spelling], None]:
    def spell(to: Spelling) -> None:
        to.quantised(to.add(op, [to.real(0, 1, 2), to.real(3, 4, 5)]), 6, zero_first=True)

    return spell


def _one(op: str) -> Callable[[Spelling], None]:
    def spell(to: Spelling) -> None:
        given = dict(to.node.attributes)
        if given.pop("channels_last", 0):
            raise Refusal("channels_last is 1, expected 0. Export it with channels first")
        to.quantised(to.add(op, [to.real(0, 1, 2)], **given), 3, zero_first=op == "AveragePool")

    return spell


def _concat(to: Spelling) -> None:
    parts = [to.real(at, at + 1, at + 2) for at in range(2, len(to.node.inputs), 3)]
    to.quantised(to.add("Concat", parts, axis=to.node.integer("axis", 1)), 0)


def _of_integers(op: str) -> Callable[[Spelling], None]:
    def spell(to: Spelling) -> None:
        inputs = [to.real(0, -1, 2), to.real(1, -1, 3, axis=0 if op == "Conv" else 1)]
        to.add(op, inputs, to.node.outputs[0], **to.node.attributes)

    return spell


def _standard(to: Spelling) -> None:
    to.add(to.node.op, to.node.inputs, to.node.outputs[0], **to.node.attributes)


def _channels_last(to: Spelling) -> None:
    inputs = [to.add("Transpose", [to.node.inputs[0]], perm=[0, 3, 1, 2]), *to.node.inputs[1:]]
    if to.node.op == "Conv":
        inputs[1] = to.add("Transpose", [inputs[1]], perm=[0, 3, 1, 2])
    made = to.add(to.node.op, inputs, **to.node.attributes)
    to.add("Transpose", [made], to.node.outputs[0], perm=[0, 2, 3, 1])


OPERATORS: dict[str, Callable[[Spelling], None]] = {
    "ConvInteger": _of_integers("Conv"), "MatMulInteger": _of_integers("MatMul"), "QGemm": _gemm, "QLinearAdd":
    _two("Add"), "QLinearAveragePool": _one("AveragePool"), "QLinearConcat": _concat, "QLinearConv": _conv,
    "QLinearGlobalAveragePool": _one("GlobalAveragePool"), "QLinearLeakyRelu": _one("LeakyRelu"),
    "QLinearMatMul": _matmul, "QLinearMul": _two("Mul"), "QLinearSigmoid": _one("Sigmoid"),
}  # fmt: skip
"""Operators of the standard and of onnxruntime that compute with integers."""


def expanded(source: Source) -> Source:
    """The model with every such operator spelled out.

    Raises
    ------
    BadInput
        With every one that cannot be.
    """
    constants, nodes, refusals = dict(source.initializers), [], []
    for node in map(Node.of, source.graph.node):
        spell = _spelling(node)
        if spell is None:
            nodes.append(node.proto)
            continue
        to = Spelling(node, constants)
        try:
            spell(to)
        except Refusal as refusal:
            refusals.append(f"{node.label}: {refusal}")
        nodes += to.nodes
    refuse_all(refusals)
    graph = onnx.GraphProto()
    graph.CopyFrom(source.graph)
    del graph.node[:]
    graph.node.extend(nodes)
    return replace(source, graph=graph, initializers=constants)


def _spelling(node: Node) -> Callable[[Spelling], None] | None:
    """How a node is spelled out; None for one that stays."""
    if node.proto.domain == CHANNELS_LAST:
        return _channels_last
    if node.op in OPERATORS:
        return OPERATORS[node.op]
    return _standard if node.op in LINEAR and not node.is_standard else None
