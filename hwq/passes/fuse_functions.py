"""Make one function of layers that compute on single values of one tensor, as GELU or a swish are exported."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from hwq.frontend.expression import Expr, X, number
from hwq.frontend.graph import Activation, Add, BatchNorm, Clip, Extremum, FloatGraph, Function, Layer, Mul
from hwq.passes.rewrite import producers, replaced

MAX_STEPS = 64
"""Expressions of more steps are not looked into any further."""


def fuse_functions(graph: FloatGraph) -> FloatGraph:
    """Put a Function in the place of each layer that is one of the farthest tensor on which it alone depends.

    What bounds, sums and products with numbers do stays with the layers that do that.  Layers in between go when
    nothing else reads them.
    """
    for layer in graph.layers:
        found = [(base, expr) for base, expr in _views(graph, layer.name) if not expr.is_piecewise_linear]
        if found:
            base, expr = found[-1]
            fused = Function(name=layer.name, inputs=(base,), source=layer.source, expr=expr)
            if fused != layer:
                graph = replaced(graph, {layer.name: fused})
    return graph


def _views(graph: FloatGraph, tensor: str) -> Iterator[tuple[str, Expr]]:
    """Tensors of which `tensor` is a function by itself, each with that function, the nearest first."""
    makers = producers(graph)

    @cache
    def views(name: str) -> list[tuple[str, Expr]]:
        found = [(name, X)]
        step = _step(makers[name]) if name in makers else None
        if step is None:
            return found
        inner = [views(source) for source in makers[name].inputs]
        for base, first in inner[0]:
            others = [next((expr for other, expr in rest if other == base), None) for rest in inner[1:]]
            if None not in others and sum(1 for _ in first.steps()) <= MAX_STEPS:
                found.append((base, _substituted(step, (first, *(expr for expr in others if expr)))))
        return found

    return iter(views(tensor)[1:])


def _substituted(step: Expr, args: tuple[Expr, ...]) -> Expr:
    """`step`, which is a function of one argument or an operator over two, with `args` in place."""
    return Expr(step.op, args, step.value, step.attributes) if len(args) > 1 else step.of(args[0])


def _step(layer: Layer) -> Expr | None:
    """What the layer does to single values: a function of one argument, or an operator over two."""
    match layer:
        case Function():
            return layer.expr
        case Activation() if layer.clip.factors is None:
            return _clipped(X, layer.clip)
        case BatchNorm() if np.ptp(layer.scale) == 0.0 and np.ptp(layer.shift) == 0.0:
            return _affine(float(layer.scale[0]), float(layer.shift[0]))
        case Add() if layer.clip.is_identity and layer.signs[0] > 0:
            return Expr("Add" if layer.signs[1] > 0 else "Sub", (X, X))
        case Mul():
            return Expr("Mul", (X, X))
        case Extremum():
            return Expr("Max" if layer.largest else "Min", (X, X))
    return None


def _affine(scale: float, shift: float) -> Expr:
    product = X if scale == 1.0 else Expr("Mul", (X, number(scale)))
    return Expr("Add", (product, number(shift))) if shift else product


def _clipped(inner: Expr, clip: Clip) -> Expr:
    for op, bound in (("Max", clip.low), ("Min", clip.high)):
        inner = Expr(op, (inner, number(bound))) if np.isfinite(bound) else inner
    return inner
