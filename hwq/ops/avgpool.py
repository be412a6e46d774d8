"""AvgPool: the mean of each window, as a sum that is requantised once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops.requantised import Requantised


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AvgPool(Requantised):
    """acc = sum(window) + bias, bias = -taps * zero point (rule P2); the multiplier holds 1 / taps.

    Taps outside of the image read `pad_value`, the zero point, and count.  A window over the whole image
    is global average pooling.
    """

    kind: ClassVar[str] = "avgpool"

    window: Window
    pad_value: int
    bias: int

    def result(self, *types: TensorType) -> TensorType:
        """(rows, columns, C)."""
        x = types[0]
        if len(self.requant.multiplier) != 1:
            raise ValueError("average pooling has one multiplier")
        if any(self.window.pads):
            x.check_holds("pad_value", self.pad_value)
        return self.typed(*self.window.output(*x.shape[:2]), x.channels)

    def accumulate(self, *xs: IntArray) -> IntArray:
        """The sum over the taps."""
        x = xs[0]
        acc = np.full((x.shape[0], *self.window.output(*x.shape[1:3]), x.shape[3]), self.bias, np.int64)
        for _, _, view in self.window.slices(x, self.pad_value):
            acc += view
        return acc

    def accumulator(self, *intervals: Interval) -> Interval:
        """taps * x + bias at both ends."""
        low, high = self.window.reach(intervals[0], self.pad_value)
        return self.window.taps * low + self.bias, self.window.taps * high + self.bias

    def partial_sum(self, *intervals: Interval) -> int:
        """taps * max(abs(x)) + abs(bias)."""
        return self.window.taps * max(abs(v) for v in self.window.reach(intervals[0], self.pad_value)) + abs(self.bias)
