"""PRelu: one factor for what lies above zero, another one, of the tensor or of each channel, for what lies below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.requantised import Requantised


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PRelu(Requantised):
    """acc = d * positive where d = x + bias is not negative, else d * negative, bias = -zero point (rule A3)."""

    kind: ClassVar[str] = "prelu"

    bias: int
    positive: int
    negative: tuple[int, ...]

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the input."""
        x = types[0]
        if not self.requant.is_shift:
            raise ValueError("prelu has its multipliers in `positive` and `negative` and none in `requant`")
        low, high = x.range
        if not low <= -self.bias <= high:
            raise ValueError(f"bias is {self.bias}, expected {-high} to {-low}, a zero point of {x} negated")
        if not 0 < self.positive < 1 << 16:
            raise ValueError(f"positive is {self.positive}, expected 1 to 65535")
        if len(self.negative) not in (1, x.channels):
            raise ValueError(f"{len(self.negative)} negative factors for {x.channels} channels")
        if not all(abs(factor) < 1 << 16 for factor in self.negative):
            raise ValueError("a negative factor is outside of -65535 to 65535")
        return self.typed(*x.shape)

    def accumulate(self, *xs: IntArray) -> IntArray:
        """The distance from zero times the factor of its side."""
        d = xs[0] + self.bias
        return d * np.where(d < 0, np.array(self.negative, np.int64), self.positive)

    def accumulator(self, *intervals: Interval) -> Interval:
        """The ends of both sides, as far as the interval reaches, under the least and the greatest factor."""
        low, high = intervals[0][0] + self.bias, intervals[0][1] + self.bias
        found = [d * self.positive for d in (max(low, 0), high) if high >= 0]
        found += [d * f for d in (low, min(high, -1)) if low < 0 for f in (min(self.negative), max(self.negative))]
        return min(found), max(found)

    def partial_sum(self, *intervals: Interval) -> int:
        """The largest distance times the largest factor."""
        distance = max(abs(end) for end in intervals[0]) + abs(self.bias)
        return distance * max(self.positive, *map(abs, self.negative))
