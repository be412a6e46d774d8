"""ConvTranspose: a convolution for each phase of the stride, whose outputs are then put side by side.

With stride s, output q - pads comes from phase r = q mod s: it reads the taps r, r + s, .. of the kernel, over inputs
that lie next to each other. So one ordinary convolution with s times s times the filters computes all phases without a
multiplication by zero, and its channels become rows and columns (compare Shi et al., "Is the deconvolution layer the
same as a convolutional layer?", 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.frontend.graph import Conv, FloatArray, Layer
from hwq.frontend.handlers.spatial import pair
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: input `size`, `stride`, elements of the dilated kernel, elements cut off before, and output size."""

    size: int
    stride: int
    span: int
    cut: int
    output: int

    @property
    def taps(self) -> int:
        """Taps of each phase."""
        return -(-self.span // self.stride)

    @property
    def first(self) -> int:
        """First position of the convolution that is needed, as far as padding before it can be left out."""
        return min(self.cut // self.stride, self.taps - 1)

    @property
    def pads(self) -> tuple[int, int]:
        """Padding of the convolution."""
        last = (self.output - 1 + self.cut) // self.stride
        return self.taps - 1 - self.first, max(0, last + 1 - self.size)

    @property
    def positions(self) -> int:
        """Positions of the convolution."""
        return self.size + sum(self.pads) - self.taps + 1

    def phases(self, weight: FloatArray, axis: int) -> FloatArray:
        """`weight` with `axis`, the dilated kernel, split into (phases, taps), the taps in reading order."""
        room = [(0, 0)] * weight.ndim
        room[axis] = (0, self.taps * self.stride - self.span)
        shape = (*weight.shape[:axis], self.taps, self.stride, *weight.shape[axis + 1 :])
        return np.flip(np.pad(weight, room).reshape(shape), axis).swapaxes(axis, axis + 1)


def conv_transpose(node: Node, state: State) -> None:
    """Import a ConvTranspose node in one or two dimensions."""
    source, shape = state.image(node)
    weight = state.weights(node, 1, "weight")
    dims, groups = len(state.data(node).shape) - 1, node.integer("group", 1)
    if weight.ndim != dims + 2:
        raise Refusal(f"weight has the shape {weight.shape}, expected {dims + 2} axes as the input has")
    if groups < 1 or weight.shape[0] != shape[0] or shape[0] % groups:
        raise Refusal(f"weight {weight.shape} with group {groups} does not fit {shape[0]} input channels")
    weight = weight.reshape(*weight.shape[:2], *(1,) * (2 - dims), *weight.shape[2:])
    filters = weight.shape[1] * groups
    bias = np.zeros(filters)
    if node.has_input(2):
        bias = state.weights(node, 2, "bias")
        if bias.shape != (filters,):
            raise Refusal(f"bias has the shape {bias.shape}, expected ({filters},)")
    axes = _axes(node, shape[1:], (weight.shape[2], weight.shape[3]), dims)
    weight = _dilated(weight, pair(node, "dilations", node.integers("dilations"), dims))
    kernel, order = _phased(weight, axes, groups)
    rows, columns = axes

    def build(name: str) -> Layer:
        return Conv(
            name=name,
            inputs=(source,),
            source=node.label,
            weight=kernel,
            bias=bias[order.ravel()],
            pads=(rows.pads[0], columns.pads[0], rows.pads[1], columns.pads[1]),
            groups=groups,
        )

    made = state.inner_layer(node, "phases", (order.size, rows.positions, columns.positions), build)
    index = spread(made.index, np.argsort(order, axis=None, kind="stable").reshape(filters, -1), axes)
    state.select(node, made, index if dims == 2 else index[:, 0])


def _phased(weight: FloatArray, axes: tuple[Axis, Axis], groups: int) -> tuple[FloatArray, np.ndarray]:
    """Weights (phases * M, C/groups, taps, taps) of the convolution, and the filter that each of its outputs is of.

    `weight` is (C, M/groups, KH, KW); within a group outputs are ordered by phase.
    """
    inputs, each = weight.shape[0] // groups, weight.shape[1]
    split = axes[1].phases(axes[0].phases(weight, 2), 4)
    split = split.reshape(groups, inputs, each, axes[0].stride, axes[0].taps, axes[1].stride, axes[1].taps)
    ordered = split.transpose(0, 3, 5, 2, 1, 4, 6)
    order = np.broadcast_to(np.arange(groups * each).reshape(groups, 1, 1, each), ordered.shape[:4])
    return ordered.reshape(-1, inputs, axes[0].taps, axes[1].taps), order


def spread(index: np.ndarray, channels: np.ndarray, axes: tuple[Axis, Axis]) -> np.ndarray:
    """Where each output (M, rows, columns) is in `index` (channels, positions, positions).

    `channels` (M, phases) names the channel of each phase, those of rows outermost.
    """
    places = [np.arange(axis.output) + axis.cut for axis in axes]
    phases = [place % axis.stride for place, axis in zip(places, axes, strict=True)]
    at = [place // axis.stride - axis.first for place, axis in zip(places, axes, strict=True)]
    phase = phases[0][:, None] * axes[1].stride + phases[1][None, :]
    found: np.ndarray = index[channels[:, phase], at[0][:, None], at[1][None, :]]
    return found


def _dilated(weight: FloatArray, dilation: tuple[int, int]) -> FloatArray:
    span = [(size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilation, strict=True)]
    out = np.zeros((*weight.shape[:2], *span))
    out[:, :, :: dilation[0], :: dilation[1]] = weight
    return out


def _axes(node: Node, sizes: tuple[int, int], kernel: tuple[int, int], dims: int) -> tuple[Axis, Axis]:
    declared = node.integers("kernel_shape")
    if declared is not None and declared != kernel[2 - dims :]:
        raise Refusal(
            f"kernel_shape is {declared}, expected {kernel[2 - dims :]} as the weights have. Re-export the model"
        )
    stride = pair(node, "strides", node.integers("strides"), dims)
    dilation = pair(node, "dilations", node.integers("dilations"), dims)
    extra = node.integers("output_padding") or (0,) * dims
    wanted = node.integers("output_shape")
    pads = node.integers("pads") or (0,) * (2 * dims)
    mode = node.text("auto_pad", "NOTSET")
    if len(extra) != dims or len(pads) != 2 * dims or (wanted is not None and len(wanted) != dims):
        raise Refusal(f"pads are {pads} and output_padding {extra}, expected numbers for {dims} axes")
    axes = []
    for axis in range(2):
        k = axis - (2 - dims)
        span = (kernel[axis] - 1) * dilation[axis] + 1
        full = (sizes[axis] - 1) * stride[axis] + span + (extra[k] if k >= 0 else 0)
        cut, output = (pads[k], full - pads[k] - pads[k + dims]) if k >= 0 else (0, full)
        if k >= 0 and (wanted is not None or mode.startswith("SAME")):
            output = wanted[k] if wanted is not None else sizes[axis] * stride[axis]
            total = full - output
            cut = total // 2 if mode == "SAME_UPPER" else total - total // 2
        if cut < 0 or output < 1 or output + cut > full:
            raise Refusal(f"pads are {pads} for an output of {full} elements, expected less, and none below 0")
        axes.append(Axis(sizes[axis], stride[axis], span, cut, output))
    return axes[0], axes[1]
