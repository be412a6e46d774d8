"""Programs and float networks for tests of `hwq diff`, and what they differ in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import float_nets as fn
import numpy as np
from nets import add, conv, corners, dense, depthwise, maxpool, program, tensor

from hwq.frontend import graph as fg
from hwq.ir.program import Program, replace_ops
from hwq.ir.window import Window
from hwq.quant import QuantConfig, quantize

X = tensor(4, 4, 3)
SAME = Window((3, 3), pads=(1, 1, 1, 1))
RAISED = np.array([12.0, 0.0, 8.0, 0.1, 20.0, 9.0])
"""Biases so large that some channels never come near zero."""


def residual(name: str = "net") -> Program:
    """Two branches, of two layers and of one, that join; a pool and a dense layer; with samples."""
    y = tensor(4, 4, 3)
    half = tensor(2, 2, 3)
    ops = [
        conv(X, 3, SAME, name="c1", source="a"),
        depthwise(y, SAME, name="d1", source="c1"),
        conv(X, 3, SAME, name="c2", source="a"),
        add(y, y, name="sum", sources=("d1", "c2")),
        maxpool(y, Window((2, 2), (2, 2)), name="pool", source="sum"),
        dense(half, 5, name="y", source="pool"),
    ]
    return program(ops, {"a": X}, name=name, samples=corners({"a": X}, 6))


def with_weight(net: Program, layer: str, at: tuple[int, ...], change: int) -> Program:
    """`net` with one weight nearer to zero by `change`, so that accumulators are wide enough as they are."""
    ops = []
    for op in net.ops:
        if op.name == layer:
            weight = op.weight.copy()  # type: ignore[attr-defined]
            weight[at] -= change * np.sign(weight[at])
            op = replace(op, weight=weight)  # type: ignore[call-arg]
        ops.append(op)
    return replace_ops(net, ops)


def samples_of(net: Program) -> dict[str, np.ndarray]:
    """The samples that a program carries as a user's arrays."""
    return {"a": net.formats["a"].dequantise(net.samples["a"])}


def raised() -> fg.FloatGraph:
    """Layers with large biases, of which some can be absorbed; the second and the third are unpadded."""
    layers: list[fg.Layer] = [
        replace(fn.conv("a", "in", (6, 2, 3, 3), pads=fn.BORDER, clip=fn.RELU), bias=RAISED),
        replace(fn.conv("b", "a", (6, 1, 3, 3), groups=6, clip=fn.RELU), bias=2.0 * RAISED[::-1]),
        replace(fn.conv("c", "b", (6, 6, 1, 1), 0.1, clip=fn.RELU), bias=3.0 * RAISED),
        fn.dense("out", "c", (5, 6, 4, 4)),
    ]
    return fn.graph((2, 6, 6), layers, {"a": (6, 6, 6), "b": (6, 4, 4), "c": (6, 4, 4), "out": (5, 1, 1)})


def uneven() -> fg.FloatGraph:
    """Channels of very different sizes, and dead ones in two layers, of which slimming removes some."""
    gains = np.array([1.0, 1e-2, 30.0, 0.0, 0.3, 0.0, 5.0, 1e-3])
    first, second = fn.conv("a", "in", (8, 2, 3, 3), pads=fn.BORDER, clip=fn.RELU), fn.conv("b", "a", (8, 8, 1, 1))
    layers: list[fg.Layer] = [
        replace(first, weight=first.weight * gains[:, None, None, None], bias=first.bias * gains),
        replace(
            second, weight=second.weight / np.where(gains, gains, 1.0)[:, None, None], bias=second.bias, clip=fn.RELU
        ),
        fg.AvgPool(name="mean", inputs=("b",), kernel=(6, 6)),
        fn.dense("out", "mean", (5, 8, 1, 1)),
    ]
    return fn.graph((2, 6, 6), layers, {"a": (8, 6, 6), "b": (8, 6, 6), "mean": (8, 1, 1), "out": (5, 1, 1)})


def quantised(graph: fg.FloatGraph, count: int = 60, **options: Any) -> tuple[Program, dict[str, np.ndarray]]:
    """A program and the calibration data that it was made with, by the model's input name."""
    data = fn.data(graph.shapes["in"], count)
    return quantize(graph, data, QuantConfig(**options)), {"x": data["in"]}
