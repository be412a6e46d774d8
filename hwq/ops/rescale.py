"""Rescale: one tensor brought to another scale, or clipped, where no operation before it could do so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.requantised import Requantised


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rescale(Requantised):
    """acc = x + bias, bias = -zero point (rule S1)."""

    kind: ClassVar[str] = "rescale"

    bias: int

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the input."""
        if len(self.requant.multiplier) != 1:
            raise ValueError("rescale has one multiplier")
        return self.typed(*types[0].shape)

    def accumulate(self, *xs: IntArray) -> IntArray:
        """The input without its zero point."""
        return xs[0] + self.bias

    def accumulator(self, *intervals: Interval) -> Interval:
        """Both ends move."""
        return intervals[0][0] + self.bias, intervals[0][1] + self.bias

    def partial_sum(self, *intervals: Interval) -> int:
        """The magnitudes add."""
        return max(abs(v) for v in intervals[0]) + abs(self.bias)
