"""Table: any function of one value, by its entries and straight lines between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval, Rounding, int_range, shift_round
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType

MAX_INDEX_BITS = 14
"""Bits of the number of an entry: larger tables take a larger step."""
MAX_STEP = 10
MAX_FRACTION = 8
MAX_ENTRY_BITS = 24


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table(Op):
    """y = entries[(x - low) / 2^step] / 2^fraction, interpolated and rounded (rule F1).

    `entries` is int64 (E,), one for each 2^step values of the input's type, the lowest first, and with `step` above 0
    one more behind the last.  `low` is the lowest value of the input's type; the output has `bits` bits.
    """

    kind: ClassVar[str] = "table"

    entries: IntArray
    step: int
    fraction: int
    low: int
    bits: int
    signed: bool

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the input."""
        x = types[0]
        if not 0 <= self.step <= MAX_STEP:
            raise ValueError(f"step is {self.step}, expected 0 to {MAX_STEP}")
        if not 0 <= self.fraction <= MAX_FRACTION:
            raise ValueError(f"fraction is {self.fraction}, expected 0 to {MAX_FRACTION}")
        if not 0 <= x.bits - self.step <= MAX_INDEX_BITS:
            raise ValueError(
                f"step is {self.step} for an input of {x.bits} bits, expected {max(0, x.bits - MAX_INDEX_BITS)} to "
                f"{min(x.bits, MAX_STEP)}"
            )
        expected = (1 << (x.bits - self.step)) + (self.step > 0)
        if self.entries.shape != (expected,):
            raise ValueError(f"entries have shape {self.entries.shape}, expected ({expected},)")
        low, high = int_range(MAX_ENTRY_BITS, True)
        if self.entries.min() < low or self.entries.max() > high:
            raise ValueError(f"an entry exceeds {MAX_ENTRY_BITS} bits")
        if self.low != x.range[0]:
            raise ValueError(f"low is {self.low}, expected {x.range[0]}, the lowest value of {x}")
        return TensorType(x.shape, self.bits, self.signed)

    def lookup(self, x: IntArray) -> IntArray:
        """The values for integers of any shape; other operations that hold a table call this."""
        u = x - self.low
        index = u >> self.step
        offset = u - (index << self.step)
        # Where the offset is 0 the following entry does not count, and behind the last one there is none.
        deltas = np.diff(self.entries, append=0)
        sums = (self.entries[index] << self.step) + deltas[index] * offset
        return np.clip(
            shift_round(sums, self.step + self.fraction, Rounding.HALF_UP), *int_range(self.bits, self.signed)
        )

    def evaluate(self, *xs: IntArray) -> IntArray:
        """One value after the other."""
        return self.lookup(xs[0])

    def bound(self, *intervals: Interval) -> Interval:
        """Between two entries the function rises or falls: its ends and the entries within the interval decide."""
        first, last = intervals[0]
        start, stop = (first - self.low) >> self.step, (last - self.low) >> self.step
        entries = self.low + (np.arange(start, stop + 1) << self.step)
        y = self.lookup(np.append(np.maximum(entries, first), last))
        return int(y.min()), int(y.max())

    def magnitude(self, *intervals: Interval) -> int:
        """The distance of x from the lowest value, or the largest sum and its rounding offset."""
        place = max(abs(end) for end in intervals[0]) + abs(self.low)
        return max(place, (int(np.abs(self.entries).max()) << self.step) + (1 << (self.step + self.fraction)))
