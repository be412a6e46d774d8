"""Gradients through layers beside convolutions and pools; arrays are (batch, height, width, channels)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.frontend import graph as fg

Array = NDArray[np.float32]
Values = dict[str, Array]
STEP = 2.0**-10
"""Half of the distance, as a share of the largest value, over which a function's slope is taken."""


def _function(layer: fg.Function, grad: Array, values: Values) -> list[Array]:
    x = values[layer.inputs[0]].astype(np.float64)
    step = STEP * max(float(np.abs(x).max()), 1e-6)
    slope = (layer.expr(x + step) - layer.expr(x - step)) / (2.0 * step)
    return [grad * np.nan_to_num(slope, posinf=0.0, neginf=0.0).astype(np.float32)]


def _prelu(layer: fg.PRelu, grad: Array, values: Values) -> list[Array]:
    slopes = layer.slopes.astype(np.float32)
    return [grad * np.where(values[layer.inputs[0]] < 0, slopes, np.float32(1.0))]


def _mul(layer: fg.Mul, grad: Array, values: Values) -> list[Array]:
    a, b = (values[name] for name in layer.inputs)
    return [grad * b, grad * a]


def _extremum(layer: fg.Extremum, grad: Array, values: Values) -> list[Array]:
    a, b = (values[name] for name in layer.inputs)
    first = a >= b if layer.largest else a <= b
    return [grad * first, grad * ~first]


def _concat(layer: fg.Concat, grad: Array, values: Values) -> list[Array]:
    axis = {0: 3, 1: 1, 2: 2}[layer.axis]
    ends = np.cumsum([values[name].shape[axis] for name in layer.inputs])
    return list(np.split(grad, ends[:-1], axis=axis))


def _gather(layer: fg.Gather, grad: Array, values: Values) -> list[Array]:
    x = values[layer.inputs[0]]
    batch, height, width, channels = x.shape
    flat = grad.transpose(0, 3, 1, 2).reshape(batch, -1)
    index = layer.index.ravel()
    taken = index >= 0
    found = np.zeros((batch, channels * height * width), np.float32)
    for row, part in zip(found, flat, strict=True):
        row += np.bincount(index[taken], part[taken], len(row)).astype(np.float32)
    return [found.reshape(batch, channels, height, width).transpose(0, 2, 3, 1)]


def _const(layer: fg.Const, grad: Array, values: Values) -> list[Array]:
    return []


def _matmul(layer: fg.MatMul, grad: Array, values: Values) -> list[Array]:
    a, b = (values[name] for name in layer.inputs)
    scaled: Array = (grad * np.float32(layer.scale)).astype(np.float32)
    return [np.asarray(scaled @ b, np.float32), np.asarray(scaled.swapaxes(2, 3) @ a, np.float32)]


def _softmax(layer: fg.Softmax, grad: Array, values: Values) -> list[Array]:
    y = values[layer.name]
    return [y * (grad - (grad * y).sum(-1, keepdims=True))]


def _normalise(layer: fg.Normalise, grad: Array, values: Values) -> list[Array]:
    x, y = values[layer.inputs[0]], values[layer.name]
    spread = np.sqrt(x.var(-1, keepdims=True) + np.float32(layer.epsilon))
    inner = grad - grad.mean(-1, keepdims=True) - y * (grad * y).mean(-1, keepdims=True)
    return [(inner / spread).astype(np.float32)]


def _recurrent(layer: fg.Recurrent, grad: Array, values: Values) -> list[Array]:
    """The mean size of the gradient behind, for all inputs alike: what a cell forgets depends on its whole past."""
    size = np.sqrt((grad.astype(np.float64) ** 2).mean(axis=(1, 2, 3), keepdims=True)).astype(np.float32)
    return [np.broadcast_to(size, values[layer.inputs[0]].shape).copy()]


VALUE_GRADIENTS: dict[type[fg.Layer], Callable[..., list[Any]]] = {
    fg.Concat: _concat, fg.Const: _const, fg.Extremum: _extremum, fg.Function: _function, fg.Gather: _gather,
    fg.MatMul: _matmul, fg.Mul: _mul, fg.Normalise: _normalise, fg.PRelu: _prelu, fg.Recurrent: _recurrent,
    fg.Softmax: _softmax,
}  # fmt: skip
"""Gradients of the inputs of a layer from that of its output."""
