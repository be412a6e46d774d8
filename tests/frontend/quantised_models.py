"""Small models as Brevitas exports them to QONNX, and what the executor of qonnx makes of them, in plain numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx_models import model

DOMAIN = "onnx.brevitas"
F = np.float32


class Network:
    """Nodes one behind the other; each method appends some and `last` is the tensor that they made."""

    def __init__(self, *shape: int, seed: int = 0) -> None:
        self.shape, self.rng = shape, np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Any] = {}
        self.last, self.width = "x", shape[-1]

    def constant(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> Network:
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [f"{name}_y"], name=name, domain=domain, **attributes))
        self.last = f"{name}_y"
        return self

    def apply(self, op: str, operand: Any) -> Network:
        return self.node(op, self.last, self.constant(F(operand)))

    def unary(self, op: str, **attributes: Any) -> Network:
        return self.node(op, self.last, **attributes)

    def flatten(self) -> Network:
        self.width = int(np.prod(self.shape))
        return self.node("Reshape", self.last, self.constant(np.array([-1, self.width])))

    def quant(self, bits: int, scale: Any = 1.0, zero: float = 0.0, **attributes: Any) -> Network:
        if not bits:
            return self.node("BipolarQuant", self.last, self.constant(F(scale)), domain=DOMAIN)
        fields = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND", **attributes}
        return self.node("Quant", self.last, *map(self.constant, (F(scale), F(zero), F(bits))), domain=DOMAIN, **fields)

    def counts(self, rows: Any, scale: float = 1.0, bias: float = 0.0, **attributes: Any) -> Network:
        fields = {"out_scale": scale, "out_bias": bias, "data_layout": "NC", **attributes}
        thresholds = self.constant(F(rows))
        return self.node("MultiThreshold", self.last, thresholds, domain=DOMAIN, **fields)

    def matmul(self, outputs: int, bits: int, scale: Any = 1.0) -> Network:
        data, drawn = self.last, self.rng.normal(0, 1, (outputs, self.width)) * (1 << max(bits - 1, 0)) * scale
        self.last, self.width = self.constant(F(drawn)), outputs
        self.quant(bits, scale)
        return self.node("Transpose", self.last, perm=[1, 0]).node("MatMul", data, self.last)

    def whole(self, outputs: int) -> Network:
        """A product with signs that no quantiser made."""
        drawn = np.sign(self.rng.normal(0, 1, (self.width, outputs)))
        self.width = outputs
        return self.node("MatMul", self.last, self.constant(F(drawn)))

    def norm(self) -> Network:
        """Batch normalisation, some of it with a factor below zero or of zero."""
        factor = F(self.rng.normal(0, 1, self.width))
        factor[::3] = -abs(factor[::3])
        factor[4:5] = 0
        arrays = (factor, *(F(self.rng.normal(0, 3, self.width)) for _ in range(2)))
        spread = F(self.rng.uniform(1, 60, self.width))
        return self.node("BatchNormalization", self.last, *map(self.constant, (*arrays, spread)))

    def done(self, outputs: Sequence[str] = ()) -> onnx.ModelProto:
        made = model(
            self.nodes, {"x": self.shape}, outputs or [self.last], self.constants, opset=13, batch=1, domains=[DOMAIN]
        )
        made.graph.input.extend(
            helper.make_tensor_value_info(item.name, item.data_type, item.dims) for item in made.graph.initializer
        )
        return made


def executed(made: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of a model for a batch of inputs."""
    found: dict[str, Any] = {item.name: numpy_helper.to_array(item) for item in made.graph.initializer}
    found[next(item.name for item in made.graph.input if item.name not in found)] = F(x)
    for node in made.graph.node:
        inputs = [found[name] for name in node.input]
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        found[node.output[0]] = _result(node.op_type, inputs, attributes)
    return found


def _result(op: str, inputs: list[Any], attributes: dict[str, Any]) -> np.ndarray:
    a, b = inputs[0], inputs[1] if len(inputs) > 1 else None
    match op:
        case "Shape":
            return np.array(a.shape)
        case "Gather":
            return np.take(a, b, attributes["axis"])
        case "Unsqueeze":
            return np.expand_dims(a, tuple(attributes["axes"]))
        case "Concat":
            return np.concatenate(inputs, attributes["axis"])
        case "Reshape":
            return a.reshape(b)
        case "Transpose":
            return a.transpose(attributes["perm"])
        case "Relu":
            return np.maximum(a, F(0))
        case "Add" | "Sub" | "Div" | "Mul" | "Pow" | "MatMul":
            return {
                "Add": np.add, "Sub": np.subtract, "Div": np.divide, "Mul": np.multiply, "Pow": np.power,
                "MatMul": np.matmul,
            }[op](a, b)  # fmt: skip
        case "BatchNormalization":
            factor = inputs[1] / np.sqrt(inputs[4] + F(attributes.get("epsilon", 1e-5)))
            return a * factor + (inputs[2] - inputs[3] * factor)
        case "Sign":
            return np.sign(a)
        case "MultiThreshold":
            counts = (a[..., None] >= b).sum(-1).astype(F)
            return counts * F(attributes["out_scale"]) + F(attributes["out_bias"])
        case "BipolarQuant":
            return np.where(a >= 0, F(1), F(-1)) * b
    assert op == "Quant", op
    scale, zero, bits = b, inputs[2], int(inputs[3])
    signed, narrow = attributes["signed"], attributes["narrow"]
    high = 2 ** (bits - signed) - 1 - (narrow and not signed)
    low = -(2 ** (bits - 1)) + narrow if signed else 0
    way = {b"ROUND": np.round, b"FLOOR": np.floor, b"CEIL": np.ceil, b"DOWN": np.trunc}[attributes["rounding_mode"]]
    return (way(np.minimum(np.maximum(a / scale + zero, F(low)), F(high))) - zero) * scale
