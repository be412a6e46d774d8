"""Kernel, stride, dilation and padding of a sliding window, read from a node's attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwq.frontend.graph import Pads, Pair, Shape
from hwq.frontend.node import Node, Refusal

MAX_SIZE = 4096
"""The largest kernel, stride, dilation or padding that is accepted."""


@dataclass(frozen=True, slots=True)
class Spatial:
    """A window in two dimensions; one-dimensional ones have height 1."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: Pads

    def output(self, shape: Shape) -> Pair:
        """Height and width of the result on an input of `shape`; refuses an empty one."""
        sizes = tuple(
            (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
            for size, before, after, kernel, dilation, stride in zip(
                shape[1:], self.pads[:2], self.pads[2:], self.kernel, self.dilation, self.stride, strict=True
            )
        )
        if min(sizes) < 1:
            raise Refusal(f"kernel {self.kernel} is larger than its padded input {shape[1:]}, expected it to fit")
        return (sizes[0], sizes[1])


def read(node: Node, shape: Shape, kernel: Sequence[int] | None, dims: int) -> Spatial:
    """The window of a Conv or pooling node on an input of canonical `shape`.

    Parameters
    ----------
    node
        The node.
    shape
        (C, H, W) of the input.
    kernel
        Kernel size where the weights give it, else None.
    dims
        1 for (N, C, W) tensors, 2 for (N, C, H, W).
    """
    declared = node.integers("kernel_shape")
    if kernel is not None and declared is not None and tuple(kernel) != declared:
        raise Refusal(f"kernel_shape is {declared}, expected {tuple(kernel)} as the weights have. Re-export the model")
    size = pair(node, "kernel_shape", declared if kernel is None else tuple(kernel), dims)
    stride = pair(node, "strides", node.integers("strides"), dims)
    dilation = pair(node, "dilations", node.integers("dilations"), dims)
    mode = node.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(shape, size, stride, dilation, lower=mode == "SAME_LOWER")
    elif mode == "VALID":
        pads = (0, 0, 0, 0)
    elif mode == "NOTSET":
        pads = _pads(node.integers("pads"), dims)
    else:
        raise Refusal(f"auto_pad is {mode!r}, expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    return Spatial(size, stride, dilation, pads)


def pair(node: Node, name: str, found: tuple[int, ...] | None, dims: int) -> Pair:
    """Two numbers of a node, ones where they are not given; 1 for the height of a signal."""
    values = (1,) * dims if found is None else found
    if len(values) != dims or min(values) < 1 or max(values) > MAX_SIZE:
        raise Refusal(f"{name} is {values}, expected {dims} number(s) from 1 to {MAX_SIZE}")
    return (1, values[0]) if dims == 1 else (values[0], values[1])


def _pads(found: tuple[int, ...] | None, dims: int) -> Pads:
    values = (0,) * (2 * dims) if found is None else found
    if len(values) != 2 * dims or min(values) < 0 or max(values) > MAX_SIZE:
        raise Refusal(f"pads is {values}, expected {2 * dims} numbers from 0 to {MAX_SIZE}. Crop outside the model")
    return (0, values[0], 0, values[1]) if dims == 1 else (values[0], values[1], values[2], values[3])


def _same(shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, *, lower: bool) -> Pads:
    before, after = [], []
    for size, k, s, d in zip(shape[1:], kernel, stride, dilation, strict=True):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        small, large = total // 2, total - total // 2
        before.append(large if lower else small)
        after.append(small if lower else large)
    return (before[0], before[1], after[0], after[1])
