"""Add: the sum or difference of two tensors, each with its own factor, rounded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import MULTIPLIER_BITS, IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.requantised import Requantised


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Add(Requantised):
    """acc = a * factors[0] + b * factors[1] + bias, bias = -(za * factors[0] + zb * factors[1]) (rule A1)."""

    kind: ClassVar[str] = "add"

    factors: tuple[int, int]
    bias: int

    def result(self, *types: TensorType) -> TensorType:
        """The common shape."""
        a, b = types
        if a.shape != b.shape:
            raise ValueError(f"inputs are {a} and {b}, expected equal shapes")
        if not self.requant.is_shift:
            raise ValueError("add has its multipliers in `factors` and none in `requant`")
        top = (1 << MULTIPLIER_BITS) - 1
        if not all(0 < abs(f) <= top for f in self.factors):
            raise ValueError(f"factors are {self.factors}, expected -{top} to {top} and not 0")
        return self.typed(*a.shape)

    def accumulate(self, *xs: IntArray) -> IntArray:
        """The weighted sum."""
        return xs[0] * self.factors[0] + xs[1] * self.factors[1] + self.bias

    def accumulator(self, *intervals: Interval) -> Interval:
        """The ends add; a negative factor exchanges those of its input."""
        ends = [sorted(v * f for v in interval) for interval, f in zip(intervals, self.factors, strict=True)]
        return sum(low for low, _ in ends) + self.bias, sum(high for _, high in ends) + self.bias

    def partial_sum(self, *intervals: Interval) -> int:
        """The magnitudes add."""
        terms = zip(intervals, self.factors, strict=True)
        return sum(max(abs(v) for v in ends) * abs(f) for ends, f in terms) + abs(self.bias)
