"""MaxPool: the largest value of each window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType
from hwq.ir.window import Window


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool(Op):
    """Taps outside of the image read `pad_value`, the lowest value of the type, and so never win (rule P1)."""

    kind: ClassVar[str] = "maxpool"

    window: Window
    pad_value: int

    def result(self, *types: TensorType) -> TensorType:
        """The type of the input over the output grid."""
        x = types[0]
        rows, columns = self.window.output(*x.shape[:2])
        if rows < 1 or columns < 1:
            raise ValueError(f"output would be {rows} by {columns}")
        w = self.window
        axes = zip((rows, columns), w.stride, w.dilation, w.kernel, w.pads[:2], x.shape[:2], strict=True)
        if not all(_meets_image(*axis) for axis in axes):
            raise ValueError(f"{w} has a window that lies wholly in the padding of {x}")
        if self.pad_value != x.range[0]:
            raise ValueError(f"pad_value is {self.pad_value}, expected {x.range[0]}, the lowest value of {x}")
        return TensorType((rows, columns, x.channels), x.bits, x.signed)

    def evaluate(self, *xs: IntArray) -> IntArray:
        """The maximum over the taps."""
        out: IntArray | None = None
        for _, _, view in self.window.slices(xs[0], self.pad_value):
            out = view.copy() if out is None else np.maximum(out, view, out=out)
        assert out is not None
        return out

    def bound(self, *intervals: Interval) -> Interval:
        """The input's own bounds: every window holds at least one pixel of the image."""
        return intervals[0]


def _meets_image(count: int, stride: int, dilation: int, kernel: int, before: int, size: int) -> bool:
    """Whether each of `count` windows along one axis of `size` elements has a tap on it."""
    start = np.arange(count) * stride - before
    tap = np.maximum(0, -(start // dilation))  # the first that is not before the image
    return bool(((tap < kernel) & (start + tap * dilation < size)).all())
