"""Backward pass of a float network: the gradient of its outputs with respect to every tensor.

Reverse-mode differentiation as in any textbook (Griewank and Walther, "Evaluating Derivatives", 2008, chapter 3);
arrays are (batch, height, width, channels), as in the simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.ir.window import Window
from hwq.quant.value_gradients import VALUE_GRADIENTS

Array = NDArray[np.float32]
Values = dict[str, Array]


def backward(graph: fg.FloatGraph, values: Values, seeds: Values) -> Iterator[tuple[str, Array]]:
    """Gradients of sum(seed * tensor) over the tensors in `seeds`, from the last layer to the first.

    Parameters
    ----------
    values
        Every tensor of the float network, (batch, height, width, channels).
    seeds
        What to differentiate: tensor name to its weights, of the tensor's shape.

    Yields
    ------
    tuple[str, ndarray]
        ``name + ":pre"`` and the gradient before the clip of a layer, then `name` of the tensors after it and
        of the inputs.  A gradient is complete when it is yielded.
    """
    grads = {name: np.asarray(seed, np.float32) for name, seed in seeds.items()}
    for layer in reversed(graph.layers):
        grad = grads.pop(layer.name, None)
        if grad is None:
            continue
        yield layer.name, grad
        grad = _through_clip(layer, values[layer.name], grad)
        yield f"{layer.name}:pre", grad
        for name, part in zip(layer.inputs, _INPUTS[type(layer)](layer, grad, values), strict=True):
            grads[name] = grads[name] + part if name in grads else part
    yield from grads.items()


def _through_clip(layer: fg.Layer, y: Array, grad: Array) -> Array:
    clip = fg.clip_of(layer)
    if clip.is_identity:
        return grad
    low, high = (bound.astype(np.float32) for bound in clip.bounds())
    return grad * ((y > low) & (y < high))


def scatter(window: Window, shape: tuple[int, ...], taps: Callable[[int, int], Array]) -> Array:
    """The adjoint of `Window.slices`: adds ``taps(kh, kw)`` to what each tap reads of an array of `shape`."""
    top, left, bottom, right = window.pads
    batch, height, width, channels = shape
    padded = np.zeros((batch, height + top + bottom, width + left + right, channels), np.float32)
    bare = Window(window.kernel, window.stride, window.dilation)
    for kh, kw, view in bare.slices(padded, 0):
        view += taps(kh, kw)
    return padded[:, top : top + height, left : left + width]


def window_of(layer: fg.Conv | fg.MaxPool | fg.AvgPool) -> Window:
    """The window of a layer."""
    kernel = layer.weight.shape[2:] if isinstance(layer, fg.Conv) else layer.kernel
    return Window(kernel, layer.stride, getattr(layer, "dilation", (1, 1)), layer.pads)


def _conv(layer: fg.Conv, grad: Array, values: Values) -> list[Array]:
    weight = layer.weight.astype(np.float32)
    shape = values[layer.inputs[0]].shape
    if layer.groups == 1:
        return [scatter(window_of(layer), shape, lambda kh, kw: grad @ weight[:, :, kh, kw])]
    weight = weight.reshape(layer.groups, -1, *weight.shape[1:])
    outputs = grad.reshape(*grad.shape[:3], layer.groups, -1)

    def taps(kh: int, kw: int) -> Array:
        inputs: Array = np.einsum("nhwgm,gmc->nhwgc", outputs, weight[:, :, :, kh, kw])
        return inputs.reshape(*grad.shape[:3], -1)

    return [scatter(window_of(layer), shape, taps)]


def _dense(layer: fg.Dense, grad: Array, values: Values) -> list[Array]:
    weight = layer.weight.transpose(0, 2, 3, 1).astype(np.float32)
    flat = grad.reshape(len(grad), -1) @ weight.reshape(len(weight), -1)
    return [flat.reshape(values[layer.inputs[0]].shape)]


def _same(layer: fg.Layer, grad: Array, values: Values) -> list[Array]:
    signs = layer.signs if isinstance(layer, fg.Add) else (1,)
    return [grad if sign > 0 else -grad for sign in signs]


def _avgpool(layer: fg.AvgPool, grad: Array, values: Values) -> list[Array]:
    window = window_of(layer)
    share = grad / np.float32(window.taps)
    return [scatter(window, values[layer.inputs[0]].shape, lambda kh, kw: share)]


def _maxpool(layer: fg.MaxPool, grad: Array, values: Values) -> list[Array]:
    window, x, y = window_of(layer), values[layer.inputs[0]], values[layer.name]
    winners: dict[tuple[int, int], Array] = {}
    free = np.ones(y.shape, bool)
    for kh, kw, view in window.slices(x, int(np.floor(x.min())) - 1):
        won = free & (view == y)
        free &= ~won
        winners[kh, kw] = grad * won
    return [scatter(window, x.shape, lambda kh, kw: winners[kh, kw])]


def _pad(layer: fg.Pad, grad: Array, values: Values) -> list[Array]:
    top, left, _, _ = layer.pads
    height, width = values[layer.inputs[0]].shape[1:3]
    return [grad[:, top : top + height, left : left + width]]


def _argmax(layer: fg.ArgMax, grad: Array, values: Values) -> list[Array]:
    return [np.zeros_like(values[layer.inputs[0]])]


_INPUTS: dict[type[fg.Layer], Callable[..., list[Any]]] = {
    fg.Conv: _conv, fg.Dense: _dense, fg.Add: _same, fg.Activation: _same, fg.AvgPool: _avgpool,
    fg.MaxPool: _maxpool, fg.Pad: _pad, fg.ArgMax: _argmax, fg.TopK: _argmax, **VALUE_GRADIENTS,
}  # fmt: skip
"""Gradients of the inputs of a layer from that before its clip."""
