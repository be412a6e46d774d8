"""Threshold: how many of a channel's thresholds its values reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType

MAX_THRESHOLDS = 255
"""Comparators of a lane in hwq_threshold.sv."""


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Threshold(Op):
    """y = low + the number of thresholds that x has reached (rule B1).

    `thresholds` is int64 (1, T), the same for all channels, or (C, T), a row for each, rising; the output has `bits`
    bits.  A sign is one threshold.
    """

    kind: ClassVar[str] = "threshold"
    reads_wide: ClassVar[bool] = True

    thresholds: IntArray
    low: int
    bits: int
    signed: bool

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the input."""
        x, y = types[0], TensorType(types[0].shape, self.bits, self.signed)
        shape = self.thresholds.shape
        if len(shape) != 2 or shape[0] not in (1, x.channels) or not 1 <= shape[1] <= MAX_THRESHOLDS:
            raise ValueError(
                f"thresholds have shape {shape}, expected one row, or {x.channels}, of 1 to {MAX_THRESHOLDS}"
            )
        if (np.diff(self.thresholds) < 0).any():
            raise ValueError("thresholds of a channel fall, expected rising ones")
        least, most = int(self.thresholds.min()), int(self.thresholds.max())
        if least < x.range[0] - 1 or most > x.range[1] + 1:
            raise ValueError(
                f"thresholds reach from {least} to {most}, expected {x.range[0] - 1} to {x.range[1] + 1} for {x}"
            )
        if self.low < y.range[0] or self.low + shape[1] > y.range[1]:
            raise ValueError(f"output is {self.low} to {self.low + shape[1]}, outside of {y}")
        return y

    def evaluate(self, *xs: IntArray) -> IntArray:
        """Channel by channel; a place behind all that are not greater is their number."""
        y = np.empty_like(xs[0])
        for channel in range(y.shape[-1]):
            row = self.thresholds[channel % len(self.thresholds)]
            y[..., channel] = self.low + np.searchsorted(row, xs[0][..., channel], "right")
        return y

    def bound(self, *intervals: Interval) -> Interval:
        """The least and the greatest number over all channels, at the ends of the interval."""
        least, most = ((self.thresholds <= end).sum(axis=1) for end in intervals[0])
        return self.low + int(least.min()), self.low + int(most.max())
