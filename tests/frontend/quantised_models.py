"""Small models as Brevitas exports them to QONNX, and what the executor of qonnx makes of them, in plain numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import qonnx_nodes  # noqa: F401  (adds the operators of qonnx)
from onnx import helper
from onnx_models import model
from plain_nodes import run_plain

DOMAIN = "onnx.brevitas"
F = np.float32


class Network:
    """Nodes one behind the other; each method appends some and `last` is the tensor that they made."""

    domains: tuple[str, ...] = (DOMAIN,)

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
            self.nodes,
            {"x": self.shape},
            outputs or [self.last],
            self.constants,
            opset=13,
            batch=1,
            domains=self.domains,
        )
        made.graph.input.extend(
            helper.make_tensor_value_info(item.name, item.data_type, item.dims) for item in made.graph.initializer
        )
        return made


def executed(made: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of a model for a batch of inputs."""
    return run_plain(made, F(x))
