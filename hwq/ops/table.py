"""Table: any function of one value, by its entries and straight lines between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray, Interval, Rounding
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType
from hwq.ops.lookup import Lookup


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table(Op):
    """y = entries[(x - low) / 2^step] / 2^fraction, interpolated and rounded (rule F1).

    `entries` is int64 (E,), one for each 2^step values of the input's type, the lowest first, and with `step` above 0
    one more behind the last.  `low` is the lowest value of the input's type; the output has `bits` bits.
    """

    kind: ClassVar[str] = "table"
    rounding: ClassVar[Rounding] = Lookup.rounding

    entries: IntArray
    step: int
    fraction: int
    low: int
    bits: int
    signed: bool

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the input."""
        x = types[0]
        self.curve.check(x.bits)
        if self.low != x.range[0]:
            raise ValueError(f"low is {self.low}, expected {x.range[0]}, the lowest value of {x}")
        return TensorType(x.shape, self.bits, self.signed)

    @property
    def curve(self) -> Lookup:
        """The function alone."""
        return Lookup(self.entries, self.step, self.fraction, self.bits, self.signed)

    def evaluate(self, *xs: IntArray) -> IntArray:
        """One value after the other."""
        return self.curve(xs[0], self.low)

    def bound(self, *intervals: Interval) -> Interval:
        """That of the function."""
        return self.curve.bound(intervals[0], self.low)

    def magnitude(self, *intervals: Interval) -> int:
        """The distance of x from the lowest value, or the largest sum and its rounding offset."""
        return max(max(abs(end) for end in intervals[0]) + abs(self.low), self.curve.magnitude)
