"""Cutting the taps off a kernel that are zero in every channel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwq.arith import IntArray
from hwq.ir.types import TensorType
from hwq.ops import Convolution


@dataclass(frozen=True, slots=True)
class Axis:
    """A window along one axis: the taps that stay, and what dilation and padding become."""

    taps: slice
    dilation: int
    before: int
    after: int


def cut_kernel(op: Convolution, x: TensorType) -> Convolution:
    """`op` over the smallest window that reads every tap with a weight; the same accumulators for input type `x`.

    Rows and columns of zeros go from both ends as far as the padding can make up for them (padding is never
    negative), and from between the others where equal steps remain, as a larger dilation.
    """
    w = op.window
    rows, columns = (
        _cut(_used(op, axis), x.shape[axis], w.stride[axis], w.dilation[axis], w.pads[axis], w.pads[axis + 2])
        for axis in (0, 1)
    )
    weight = np.ascontiguousarray(op.weight[:, rows.taps, columns.taps])
    window = replace(
        w,
        kernel=(weight.shape[1], weight.shape[2]),
        dilation=(rows.dilation, columns.dilation),
        pads=(rows.before, columns.before, rows.after, columns.after),
    )
    return replace(op, weight=weight, window=window)


def _used(op: Convolution, axis: int) -> np.ndarray:
    """Which rows (axis 0) or columns (axis 1) of the kernel have a weight."""
    others = tuple(other for other in range(op.weight.ndim) if other != axis + 1)
    largest: IntArray = np.abs(op.weight).max(axis=others)
    return largest > 0


def _cut(used: np.ndarray, size: int, stride: int, dilation: int, before: int, after: int) -> Axis:
    """The shortest window along an axis of `size` elements that keeps the taps `used` and the number of positions.

    Tap k of position i reads element i * stride - before + k * dilation (rule L4): without its first tap the window
    is the same with `dilation` less padding before it.  The padding behind it decides the number of positions alone.
    A window that would lie wholly in the padding somewhere is not cut so far: hardware paces itself by what it reads.
    """
    kernel = len(used)
    positions = (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
    reachable = min(before // dilation, kernel - 1)
    wanted = np.flatnonzero(used) if used.any() else np.array([reachable])
    first = min(int(wanted[0]), reachable)
    front = before - first * dilation
    for last in range(int(wanted[-1]), kernel):
        most = positions * stride + (last - first) * dilation - size - front  # more would add a position
        back = min(max(after - (kernel - 1 - last) * dilation, 0), most)
        step = int(np.gcd.reduce([*(wanted - first), last - first]))
        taps = slice(first, last + 1, step or 1)
        read = np.arange(positions)[:, None] * stride - before + np.arange(kernel)[taps] * dilation
        if back >= 0 and ((read >= 0) & (read < size)).any(axis=1).all():
            return Axis(taps, step * dilation or 1, front, back)
    return Axis(slice(0, kernel), dilation, before, after)
