"""Operations with given weights for tests of slimming, and what slimming leaves of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from nets import corners, program, tensor

from hwq.arith import IntArray, Requant, Rounding
from hwq.ir.op import Op
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Conv, Dense, Linear
from hwq.quant.slim import check_equal, slim

K1, K3 = Window((1, 1)), Window((3, 3))
SAME = Window((3, 3), pads=(1, 1, 1, 1))
X = tensor(4, 4, 2)
EXACT = Requant((1,), 0, Rounding.HALF_UP, 0, -128, 127)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def some(*shape: int, most: int = 20, seed: int = 1) -> IntArray:
    """Random weights without zeros."""
    size = rng(seed).integers(1, most + 1, shape)
    return size * rng(seed + 1).choice([-1, 1], shape)


def layer(kind: type[Linear], weight: IntArray, source: str, name: str, **more: Any) -> Any:
    fields: dict[str, Any] = {
        "bias": np.zeros(len(weight), np.int64), "weight_bits": 8, "requant": EXACT, "acc_bits": 40,
        "bits": 8, "signed": True,
    }  # fmt: skip
    return kind(name=name, inputs=(source,), weight=weight, **{**fields, **more})


def conv(weight: IntArray, source: str = "a", name: str = "t", window: Window | None = None, **more: Any) -> Conv:
    window = window or Window(weight.shape[1:3])  # type: ignore[arg-type]
    made: Conv = layer(Conv, weight, source, name, window=window, **{"pad_value": 0, **more})
    return made


def dense(weight: IntArray, source: str = "t", name: str = "y", **more: Any) -> Dense:
    made: Dense = layer(Dense, weight, source, name, **more)
    return made


def slimmed(ops: Sequence[Op], inputs: Mapping[str, TensorType] | None = None, **more: Any) -> dict[str, Any]:
    """The operations after slimming, by name, compared on extreme and random inputs."""
    before = program(ops, inputs or {"a": X}, **more)
    after, _ = slim(before)
    check_equal(before, after, corners(before.input_types, 40))
    assert after.output_tensors() == before.output_tensors() and after.input_types == before.input_types
    assert all(after.types[name] == before.types[name] for name in before.output_tensors())
    return {op.name: op for op in after.ops}


def constant(value: int, where: int = 1, channels: int = 3) -> Conv:
    """A 1 x 1 convolution whose channel `where` is always `value`, and whose others are not."""
    weight, bias = some(channels, 1, 1, 2), np.arange(channels)
    weight[where], bias[where] = 0, value
    return conv(weight, bias=bias)
