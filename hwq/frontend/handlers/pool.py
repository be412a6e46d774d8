"""Pooling over windows, and sums, means and maxima over whole axes."""

from __future__ import annotations

import math

import numpy as np

from hwq.frontend.graph import AvgPool, BatchNorm, FloatArray, Layer, MaxPool, Mul, Pads, Shape
from hwq.frontend.handlers import spatial
from hwq.frontend.handlers.spatial import Spatial
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Index, Value, canonical_layout, count_up


def max_pool(node: Node, state: State) -> None:
    """Import a MaxPool node; ceil_mode becomes padding, which never wins."""
    source, shape = state.image(node)
    window = spatial.read(node, shape, None, len(state.data(node).shape) - 1)
    pads = _with_ceiling(window, shape) if node.integer("ceil_mode", 0) else window.pads
    window = Spatial(window.kernel, window.stride, window.dilation, pads)
    reach = [(kernel - 1) * dilation + 1 for kernel, dilation in zip(window.kernel, window.dilation, strict=True)]
    if any(pad >= size for pad, size in zip(pads, (*reach, *reach), strict=True)):
        raise Refusal(f"pads are {pads} (top, left, bottom, right), expected less than the kernel {tuple(reach)}")
    height, width = window.output(shape)

    def build(name: str) -> Layer:
        return MaxPool(
            name=name,
            inputs=(source,),
            source=node.label,
            kernel=window.kernel,
            stride=window.stride,
            dilation=window.dilation,
            pads=window.pads,
        )

    state.add_image(node, (shape[0], height, width), build)


def average_pool(node: Node, state: State) -> None:
    """Import an AveragePool node; a divisor that changes along the border becomes a factor for each pixel."""
    source, shape = state.image(node)
    window = spatial.read(node, shape, None, len(state.data(node).shape) - 1)
    if window.dilation != (1, 1):
        raise Refusal(f"dilations are {window.dilation}, expected 1. Use a Conv with constant weights")
    pads = _with_ceiling(window, shape) if node.integer("ceil_mode", 0) else window.pads
    if any(pad >= size for pad, size in zip(pads, window.kernel * 2, strict=True)):
        raise Refusal(f"pads are {pads} (top, left, bottom, right), expected less than {window.kernel}")
    counted = window.pads if node.integer("count_include_pad", 0) else (0, 0, 0, 0)
    window = Spatial(window.kernel, window.stride, window.dilation, pads)
    height, width = window.output(shape)
    divisors = _divisors(window, shape, counted)

    def build(name: str) -> Layer:
        return AvgPool(
            name=name,
            inputs=(source,),
            source=node.label,
            kernel=window.kernel,
            stride=window.stride,
            pads=window.pads,
        )

    made = (shape[0], height, width)
    taps = window.kernel[0] * window.kernel[1]
    if (divisors == taps).all():
        state.add_image(node, made, build)
        return
    mean = state.inner_layer(node, "mean", made, build)
    factors = state.constant_layer(node, "factors", np.broadcast_to(taps / divisors, made).copy())

    def scaled(name: str) -> Layer:
        return Mul(name=name, inputs=(mean.tensor, factors.tensor), source=node.label)

    state.add_image(node, made, scaled)


def _divisors(window: Spatial, shape: Shape, counted: Pads) -> FloatArray:
    """Taps of each window that lie on the image or on its `counted` border, (rows, columns)."""
    sides = []
    for axis, positions in enumerate(window.output(shape)):
        first = np.arange(positions) * window.stride[axis] - window.pads[axis]
        low = np.maximum(first, -counted[axis])
        high = np.minimum(first + window.kernel[axis], shape[1 + axis] + counted[2 + axis])
        sides.append(high - low)
    return np.asarray(np.multiply.outer(sides[0], sides[1]), np.float64)


def _with_ceiling(window: Spatial, shape: Shape) -> Pads:
    """Pads with which rounding the output size down gives what ceil_mode gives."""
    pads = list(window.pads)
    for axis in range(2):
        size, stride = shape[1 + axis], window.stride[axis]
        reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1
        steps = -(-(size + pads[axis] + pads[2 + axis] - reach) // stride)
        if steps * stride >= size + pads[axis]:
            steps -= 1
        pads[2 + axis] = max(pads[2 + axis], steps * stride + reach - size - pads[axis])
    return (pads[0], pads[1], pads[2], pads[3])


def global_pool(node: Node, state: State) -> None:
    """Import GlobalAveragePool and GlobalMaxPool."""
    value = state.data(node)
    if len(value.shape) < 2:
        raise Refusal(f"input without batch is {value.shape}, expected channels and pixels")
    _reduce(node, state, value, tuple(range(1, len(value.shape))), keep=True, largest=node.op == "GlobalMaxPool")


def reduce(node: Node, state: State) -> None:
    """Import ReduceMean, ReduceSum, ReduceMax or ReduceMin over any axes but the batch."""
    value = state.data(node)
    axes = state.settings(node, "axes", 1) or ()
    if not axes and node.integer("noop_with_empty_axes", 0):
        state.relabel(node, value, value.index)
        return
    rank = len(value.shape) + 1
    wanted = {axis + rank if axis < 0 else axis for axis in axes}
    if not wanted or not wanted <= set(range(1, rank)):
        raise Refusal(f"axes are {axes}, expected some that are not the batch. List the axes")
    chosen = tuple(sorted(axis - 1 for axis in wanted))
    _reduce(node, state, value, chosen, keep=bool(node.integer("keepdims", 1)), largest=node.op == "ReduceMax")


def _reduce(node: Node, state: State, value: Value, axes: tuple[int, ...], *, keep: bool, largest: bool) -> None:
    """A pool over the whole of `axes`, in place where these are height or width, else with the others as channels."""
    moved = np.moveaxis(value.index, axes, range(-len(axes), 0))
    rest, count = moved.shape[: -len(axes)], math.prod(moved.shape[-len(axes) :])
    found = _in_place(value, moved.reshape(*rest, -1))
    if found is None:
        source = state.arranged(node, value, moved.reshape(-1, 1, count))
        kernel, shape = (1, count), (math.prod(rest), 1, 1)
        index = count_up(rest)
    else:
        source, (kernel, shape, index) = value.tensor, found
    if keep:
        index = np.expand_dims(index, axes)
    pool = MaxPool if largest else AvgPool

    def build(name: str) -> Layer:
        return pool(name=name, inputs=(source,), source=node.label, kernel=kernel)

    if node.op != "ReduceSum":
        state.add_layer(node, canonical_layout(shape), index, build)
        return
    mean = state.inner_layer(node, "mean", shape, build)

    def total(name: str) -> Layer:
        scale = np.full(shape[0], float(count))
        return BatchNorm(name=name, inputs=(mean.tensor,), source=node.label, scale=scale, shift=np.zeros(shape[0]))

    state.add_layer(node, canonical_layout(shape), index, total)


def _in_place(value: Value, groups: Index) -> tuple[tuple[int, int], Shape, Index] | None:
    """Kernel, shape and order of a pool over whole height, whole width or both; None where these are not the groups.

    `groups` (..., n) has the numbers of the n elements of each result.
    """
    channels, height, width = value.layout.settled
    places = np.stack(np.unravel_index(value.layout.place(groups), (channels, height, width)))
    first = places[..., :1]
    fixed = (places == first).all(axis=-1).reshape(3, -1).all(axis=-1)
    kernel = (1 if fixed[1] else height, 1 if fixed[2] else width)
    if not fixed[0] or groups.shape[-1] != kernel[0] * kernel[1]:
        return None
    shape = (channels, height // kernel[0], width // kernel[1])
    kept = (first[0, ..., 0], *(first[1 + axis, ..., 0] * (kernel[axis] == 1) for axis in range(2)))
    return kernel, shape, np.asarray(np.ravel_multi_index(kept, shape), np.int64)
