"""Random float networks of layers beside convolutions: functions, products, joins, moves, normalisation, cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import float_nets as fn
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.frontend.expression import Expr, X, number

CURVES = (
    Expr("Sigmoid", (X,)), Expr("Tanh", (X,)), Expr("Mul", (X, Expr("Sigmoid", (X,)))),
    Expr("Elu", (X,), attributes=(("alpha", 0.7),)), Expr("Abs", (X,)), Expr("Exp", (Expr("Neg", (X,)),)),
    Expr("Reciprocal", (Expr("Add", (Expr("Abs", (X,)), number(1.0))),)), Expr("Softplus", (X,)),
)  # fmt: skip
MOST = 160
"""Elements of a tensor that may grow."""


class Layers:
    """A network in the making; every step draws a layer that fits the last tensor, or another one."""

    def __init__(self, draw: st.DrawFn, shape: fg.Shape) -> None:
        self.draw = draw
        self.layers: list[fg.Layer] = []
        self.shapes: dict[str, fg.Shape] = {}
        self.last = "in"
        self.shape = shape
        self.all: dict[str, fg.Shape] = {"in": shape}

    def add(self, kind: type[fg.Layer], inputs: Sequence[str], shape: fg.Shape, **fields: Any) -> str:
        self.last, self.shape = f"l{len(self.layers)}", shape
        self.layers.append(kind(name=self.last, inputs=tuple(inputs), **fields))
        self.shapes[self.last] = self.all[self.last] = shape
        return self.last

    def conv(self, channels: int, **more: Any) -> str:
        seed = len(self.layers)
        weight = fn.rng(seed).normal(0, 1, (channels, self.shape[0], 1, 1)) / self.shape[0] ** 0.5
        bias = fn.rng(seed + 50).normal(0, 0.2, channels)
        return self.add(fg.Conv, [self.last], (channels, *self.shape[1:]), weight=weight, bias=bias, **more)

    def partner(self, fits: Callable[[fg.Shape], bool]) -> str:
        return self.draw(st.sampled_from([name for name, shape in self.all.items() if fits(shape)]))

    def same(self) -> str:
        return self.partner(lambda shape: shape == self.shape)

    def function(self) -> None:
        self.add(fg.Function, [self.last], self.shape, expr=self.draw(st.sampled_from(CURVES)))

    def prelu(self) -> None:
        slopes = fn.rng(len(self.layers)).choice([0.0, 0.1, -0.3, 1.5], self.shape[0])
        self.add(fg.PRelu, [self.last], self.shape, slopes=slopes)

    def product(self) -> None:
        self.add(fg.Mul, [self.last, self.same()], self.shape)

    def constant(self) -> None:
        source, shape, rng = self.last, self.shape, fn.rng(len(self.layers))
        values = rng.normal(0, 1, shape) * self.draw(st.sampled_from((0.0, 1.0, 5.0)))
        kind = self.draw(st.sampled_from((fg.Mul, fg.Add)))
        self.add(kind, [source, self.add(fg.Const, [], shape, values=values)], shape)

    def difference(self) -> None:
        self.add(fg.Add, [self.last, self.same()], self.shape, signs=(1, -1), clip=self.draw(st.sampled_from((
            fg.Clip(), fn.RELU))))  # fmt: skip

    def extremum(self) -> None:
        self.add(fg.Extremum, [self.last, self.same()], self.shape, largest=self.draw(st.booleans()))

    def concat(self) -> None:
        axis = self.draw(st.integers(0, 2))
        rest = [size for number, size in enumerate(self.shape) if number != axis]
        other = self.partner(lambda shape: [size for k, size in enumerate(shape) if k != axis] == rest)
        out = list(self.shape)
        out[axis] += self.all[other][axis]
        if np.prod(out) <= MOST:
            self.add(fg.Concat, [self.last, other], (out[0], out[1], out[2]), axis=axis)

    def gather(self) -> None:
        out = self.draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)))
        size = int(np.prod(self.shape))
        least = self.draw(st.sampled_from((0, -1)))
        index = fn.rng(len(self.layers)).integers(least, size, out)
        index.flat[0] = max(0, index.flat[0])
        self.add(fg.Gather, [self.last], out, index=index, value=self.draw(st.sampled_from((0.0, 0.5))))

    def pool(self) -> None:
        kind = self.draw(st.sampled_from((fg.MaxPool, fg.AvgPool)))
        self.add(kind, [self.last], (self.shape[0], 1, self.shape[2]), kernel=(self.shape[1], 1))

    def product_of_matrices(self) -> None:
        other = self.partner(lambda shape: shape[:2] == self.shape[:2])
        out = (self.all[other][2], *self.shape[1:])
        self.add(fg.MatMul, [self.last, other], out, scale=0.5)

    def softmax(self) -> None:
        self.add(fg.Softmax, [self.last], self.shape)

    def normalise(self) -> None:
        self.add(fg.Normalise, [self.last], self.shape, epsilon=0.1)

    def recurrent(self) -> None:
        cell, units = self.draw(st.sampled_from(fg.Cell)), self.draw(st.integers(1, 3))
        rng = fn.rng(len(self.layers))
        if self.shape[1] > 1:
            self.pool()
        self.conv(cell.gates * units)
        weight, bias = rng.normal(0, 0.5, (cell.gates * units, units)), rng.normal(0, 0.2, units)
        bias = bias if cell is fg.Cell.GRU_AFTER else np.zeros(units)
        self.add(fg.Recurrent, [self.last], (units, *self.shape[1:]), cell=cell, weight=weight, bias=bias)

    def linear(self) -> None:
        self.conv(self.draw(st.integers(1, 5)), clip=self.draw(st.sampled_from((fg.Clip(), fn.RELU))))


STEPS = (
    Layers.function, Layers.prelu, Layers.product, Layers.constant, Layers.difference, Layers.extremum, Layers.concat,
    Layers.concat, Layers.gather, Layers.pool, Layers.product_of_matrices, Layers.softmax, Layers.normalise,
    Layers.recurrent, Layers.linear,
)  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> fg.FloatGraph:
    """Up to six layers between two convolutions; every tensor that nothing reads is an output."""
    shape = draw(st.sampled_from(((2, 3, 4), (3, 1, 5), (4, 1, 1))))
    made = Layers(draw, shape)
    made.linear()
    for _ in range(draw(st.integers(1, 6))):
        draw(st.sampled_from(STEPS))(made)
    made.conv(3)
    read = {name for layer in made.layers for name in layer.inputs}
    outputs = tuple(name for name in made.shapes if name not in read)
    return fn.graph(shape, made.layers, made.shapes, outputs)


def inputs(graph: fg.FloatGraph, count: int, seed: int) -> dict[str, NDArray[Any]]:
    """Samples of about the size of one."""
    (port,) = graph.inputs
    return {"in": fn.rng(seed).normal(0, 1, (count, *graph.shapes[port.tensor])).astype(np.float32)}
