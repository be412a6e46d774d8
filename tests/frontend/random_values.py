"""Random operators that compute: functions, sums and products, joins, reductions, normalisation, attention."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx_models import weights

Shape = tuple[int, ...]

FUNCTIONS: dict[str, dict[str, float]] = {
    "Abs": {}, "Elu": {"alpha": 0.7}, "Erf": {}, "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "LeakyRelu": {"alpha": 0.2}, "Neg": {}, "Selu": {}, "Sigmoid": {}, "Softplus": {}, "Softsign": {}, "Tanh": {},
}  # fmt: skip
NEWER = {"HardSwish": 14, "Mish": 18, "Gelu": 20}
STEEP = ("Cos", "Exp", "Sin")
"""Functions that need an argument within bounds to be compared at all."""
PAIRS = ("Add", "Sub", "Mul", "Div", "Max", "Min")


class Values:
    """Steps of a `random_net.Net`, which has what they call."""

    def elementwise(self: Any, source: str, shape: Shape) -> None:
        op = self.one_of("Relu", "Clip", "Add", "Mul", "Sub", "BatchNormalization", "Identity", "PRelu", "Max")
        column = (shape[0], *(1,) * (len(shape) - 1))
        extra: list[str] = []
        if op == "Clip":
            extra = [self.constant(np.float32(-0.5)), self.constant(np.float32(0.75))]
        elif op == "BatchNormalization":
            extra = [self.random(shape[0]) for _ in range(3)]
            extra.append(self.constant(weights(shape[0]) ** 2 + np.float32(0.25)))
        elif op in ("Add", "Mul", "Sub", "PRelu", "Max"):
            whole = op != "PRelu" and self.flag()
            extra = [self.random(*(shape if whole else column))]
        self.add(op, [source, *extra], shape)

    def function(self: Any, source: str, shape: Shape) -> None:
        op = self.one_of(*FUNCTIONS, *STEEP, *(name for name, since in NEWER.items() if self.opset >= since))
        if op in STEEP:
            source = self.add("Tanh", [source], shape)
        made = self.add(op, [source], shape, **FUNCTIONS.get(op, {}))
        if self.integer(0, 3) == 0:
            self.add("Mul", [source, self.add("Tanh", [made], shape)], shape)

    def two(self: Any, source: str, shape: Shape) -> None:
        """Two tensors, one or both of which are repeated; what multiplies or divides is bounded."""
        others = [item for item in self.tensors if item[1] == shape or _is_broadcast(item[1], shape)]
        other, small = self.draw(self.pick(others))
        if small == shape and self.flag():
            axes = [axis for axis in range(len(shape)) if self.flag()]
            other, small = self.reduced("ReduceMean", other, small, axes or [len(shape) - 1], keep=True)
            if len(shape) > 1 and self.integer(0, 2) == 0:
                source, shape = self.reduced("ReduceMean", source, shape, [0], keep=True)
        op = self.one_of(*PAIRS)
        if op in ("Mul", "Div"):
            other = self.add("Tanh", [other], small)
        if op == "Div":
            other = self.add("Exp", [other], small)
        pair = [source, other] if op == "Div" or self.flag() else [other, source]
        self.add(op, pair, tuple(np.broadcast_shapes(shape, small)))

    def reduced(self: Any, op: str, source: str, shape: Shape, axes: list[int], *, keep: bool) -> tuple[str, Shape]:
        out = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
        out = out if keep else tuple(size for axis, size in enumerate(shape) if axis not in axes)
        numbers = [axis + 1 if self.flag() else axis - len(shape) for axis in axes]
        since = 13 if op == "ReduceSum" else 18
        return self.setting(op, source, out, "axes", numbers, since, keepdims=int(keep)), out

    def reduce(self: Any, source: str, shape: Shape) -> None:
        axes = [axis for axis in range(len(shape)) if self.flag()] or [self.integer(0, len(shape) - 1)]
        keep = len(axes) == len(shape) or self.flag()
        self.reduced(self.one_of("ReduceMean", "ReduceMax", "ReduceSum"), source, shape, axes, keep=keep)

    def join(self: Any, source: str, shape: Shape) -> None:
        axis = self.integer(0, len(shape) - 1)
        fitting = [item for item in self.tensors if _joins(item[1], shape, axis)]
        parts = [(source, shape)] + [self.draw(self.pick(fitting)) for _ in range(self.integer(1, 2))]
        if self.integer(0, 2) == 0:
            size = (*shape[:axis], self.integer(1, 2), *shape[axis + 1 :])
            parts.append((self.random(1, *size), size))
        total = sum(size[axis] for _, size in parts)
        if total * np.prod(shape) / shape[axis] > 240:
            return
        number = axis + 1 if self.flag() else axis - len(shape)
        names = self.draw(self.shuffled([name for name, _ in parts]))
        self.add("Concat", names, (*shape[:axis], total, *shape[axis + 1 :]), axis=number)

    def normalise(self: Any, source: str, shape: Shape) -> None:
        """Of a bounded tensor: differences of large numbers cannot be compared."""
        kinds = ["InstanceNormalization", "Softmax"] + (["LayerNormalization"] if self.opset >= 17 else [])
        op = self.one_of(*kinds)
        source = self.add("Tanh", [source], shape)
        if op == "Softmax":
            axis = len(shape) if self.opset < 13 else self.integer(1, len(shape))
            self.add(op, [source], shape, axis=axis)
            return
        size = shape[0] if op == "InstanceNormalization" else shape[-1]
        self.add(op, [source, self.random(size), self.random(size)], shape, epsilon=0.1)

    def project(self: Any, source: str, shape: Shape) -> None:
        size = self.integer(1, 4)
        self.add("MatMul", [source, self.random(shape[-1], size)], (*shape[:-1], size))

    def attend(self: Any, source: str, shape: Shape) -> None:
        """The product of a bounded tensor with another one turned, in either order of the axes."""
        bounded = self.add("Tanh", [source], shape)
        rank = len(shape)
        turned = (*shape[:-2], shape[-1], shape[-2])
        other = self.add("Transpose", [source], turned, perm=[*range(rank - 1), rank, rank - 1])
        if self.flag():
            product, out = [bounded, other], (*shape[:-1], shape[-2])
        else:
            product, out = [other, bounded], (*turned[:-1], shape[-1])
        made = self.add("MatMul", product, out)
        if self.flag():
            made = self.add("Mul", [made, self.constant(np.float32(0.25))], out)
            self.add("Softmax", [made], out, axis=rank)


def _is_broadcast(small: Shape, shape: Shape) -> bool:
    return len(small) == len(shape) and all(a in (1, b) for a, b in zip(small, shape, strict=True))


def _joins(other: Shape, shape: Shape, axis: int) -> bool:
    return len(other) == len(shape) and all(
        a == b for k, (a, b) in enumerate(zip(other, shape, strict=True)) if k != axis
    )
