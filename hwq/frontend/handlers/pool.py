"""Pooling over windows, and means over whole axes."""

from __future__ import annotations

import numpy as np

from hwq.frontend.graph import AvgPool, Layer, MaxPool, Pads, Shape
from hwq.frontend.handlers import spatial
from hwq.frontend.handlers.spatial import Spatial
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import Index, State, Value, canonical_layout


def max_pool(node: Node, state: State) -> None:
    """Import a MaxPool node; ceil_mode becomes padding, which never wins."""
    value = state.data(node)
    shape = value.image()
    window = spatial.read(node, shape, None, len(value.shape) - 1)
    pads = _with_ceiling(window, shape) if node.integer("ceil_mode", 0) else window.pads
    window = Spatial(window.kernel, window.stride, window.dilation, pads)
    reach = [(kernel - 1) * dilation + 1 for kernel, dilation in zip(window.kernel, window.dilation, strict=True)]
    if any(pad >= size for pad, size in zip(pads, (*reach, *reach), strict=True)):
        raise Refusal(f"pads are {pads} (top, left, bottom, right), expected less than the kernel {tuple(reach)}")
    height, width = window.output(shape)

    def build(name: str) -> Layer:
        return MaxPool(
            name=name,
            inputs=(value.tensor,),
            source=node.label,
            kernel=window.kernel,
            stride=window.stride,
            dilation=window.dilation,
            pads=window.pads,
        )

    state.add_image(node, value, (shape[0], height, width), build)


def average_pool(node: Node, state: State) -> None:
    """Import an AveragePool node whose windows all have the same divisor."""
    value = state.data(node)
    shape = value.image()
    window = spatial.read(node, shape, None, len(value.shape) - 1)
    if window.dilation != (1, 1):
        raise Refusal(f"dilations are {window.dilation}, expected 1. Use a Conv with constant weights")
    if any(window.pads) and not node.integer("count_include_pad", 0):
        raise Refusal(
            f"pads are {window.pads} with count_include_pad 0, expected no padding or count_include_pad 1. "
            "The divisor would change along the border"
        )
    if node.integer("ceil_mode", 0) and _with_ceiling(window, shape) != window.pads:
        raise Refusal("ceil_mode 1 adds windows that reach over the border, expected ceil_mode 0. Pad the input")
    if any(pad >= size for pad, size in zip(window.pads, window.kernel * 2, strict=True)):
        raise Refusal(f"pads are {window.pads} (top, left, bottom, right), expected less than {window.kernel}")
    height, width = window.output(shape)

    def build(name: str) -> Layer:
        return AvgPool(
            name=name,
            inputs=(value.tensor,),
            source=node.label,
            kernel=window.kernel,
            stride=window.stride,
            pads=window.pads,
        )

    state.add_image(node, value, (shape[0], height, width), build)


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


def global_average_pool(node: Node, state: State) -> None:
    """Import a GlobalAveragePool node."""
    value = state.data(node)
    value.image()
    _mean(node, state, value, tuple(range(1, len(value.shape))), keep=True)


def reduce_mean(node: Node, state: State) -> None:
    """Import a ReduceMean node over height, width or both, in whatever axis order the tensor has."""
    value = state.data(node)
    axes = state.settings(node, "axes", 1) or ()
    if not axes and node.integer("noop_with_empty_axes", 0):
        state.relabel(node, value, value.index)
        return
    rank = len(value.shape) + 1
    wanted = {axis + rank if axis < 0 else axis for axis in axes}
    if not wanted or not wanted <= set(range(1, rank)):
        raise Refusal(f"axes are {axes}, expected axes of height and width and not the batch. List the axes")
    _mean(node, state, value, tuple(sorted(axis - 1 for axis in wanted)), keep=bool(node.integer("keepdims", 1)))


def _mean(node: Node, state: State, value: Value, axes: tuple[int, ...], *, keep: bool) -> None:
    positions = np.moveaxis(value.positions(), axes, range(-len(axes), 0))
    rest = positions.shape[: -len(axes)]
    assert value.layout.shape is not None
    channels, height, width = value.layout.shape
    groups = np.stack(np.unravel_index(positions.reshape(*rest, -1), (channels, height, width)))
    first = groups[..., :1]
    fixed = (groups == first).all(axis=-1).reshape(3, -1).all(axis=-1)
    kernel = (1 if fixed[1] else height, 1 if fixed[2] else width)
    if not fixed[0] or groups.shape[-1] != kernel[0] * kernel[1]:
        raise Refusal("the mean runs over channels, expected over whole height, whole width or both")
    shape = (channels, height // kernel[0], width // kernel[1])
    kept = (first[0, ..., 0], *(first[1 + axis, ..., 0] * (kernel[axis] == 1) for axis in range(2)))
    index: Index = np.asarray(np.ravel_multi_index(kept, shape), np.int64)
    if keep:
        index = np.expand_dims(index, axes)

    def build(name: str) -> Layer:
        return AvgPool(name=name, inputs=(value.tensor,), source=node.label, kernel=kernel)

    if kernel == (1, 1):
        order = np.argsort(value.layout.place(np.arange(value.index.size)))
        state.relabel(node, value, order[index])
    else:
        state.add_layer(node, canonical_layout(shape), index, build)
