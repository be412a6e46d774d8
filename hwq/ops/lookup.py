"""Lookup: a function of one integer, held as a table, that an operation applies to a value of its own (rule F1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval, Rounding, int_range, shift_round
from hwq.ir.codec import register_value
from hwq.ir.program import MAX_TENSOR_BITS

MAX_INDEX_BITS = 14
"""Bits of the number of an entry: larger tables take a larger step."""
MAX_STEP = 10
MAX_FRACTION = 8
MAX_ENTRY_BITS = 24


@register_value
@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """y = entries[(x - low) / 2^step] / 2^fraction, interpolated, rounded and clamped to the output's type (rule F1).

    `entries` is int64 (E,), one for each 2^step values of the input's type, the lowest first, and with `step` above 0
    one more behind the last.  The output has `bits` bits.
    """

    rounding: ClassVar[Rounding] = Rounding.HALF_UP

    entries: IntArray
    step: int
    fraction: int
    bits: int
    signed: bool

    def __call__(self, x: IntArray, low: int) -> IntArray:
        """The values for integers of any shape, of a type whose lowest value is `low`."""
        u = x - low
        index = u >> self.step
        offset = u - (index << self.step)
        # Where the offset is 0 the following entry does not count, and behind the last one there is none.
        deltas = np.diff(self.entries, append=0)
        sums = (self.entries[index] << self.step) + deltas[index] * offset
        rounded = shift_round(sums, self.step + self.fraction, self.rounding)
        return np.clip(rounded, *int_range(self.bits, self.signed))

    def check(self, in_bits: int) -> None:
        """Refuse sizes that hardware is not built for, or another number of entries than `in_bits` bits ask for."""
        if not 1 <= self.bits <= MAX_TENSOR_BITS:
            raise ValueError(f"a table's values have {self.bits} bits, expected 1 to {MAX_TENSOR_BITS}")
        if not 0 <= self.step <= MAX_STEP:
            raise ValueError(f"step is {self.step}, expected 0 to {MAX_STEP}")
        if not 0 <= self.fraction <= MAX_FRACTION:
            raise ValueError(f"fraction is {self.fraction}, expected 0 to {MAX_FRACTION}")
        if not 0 <= in_bits - self.step <= MAX_INDEX_BITS:
            raise ValueError(
                f"step is {self.step} for an input of {in_bits} bits, expected {max(0, in_bits - MAX_INDEX_BITS)} to "
                f"{min(in_bits, MAX_STEP)}"
            )
        expected = (1 << (in_bits - self.step)) + (self.step > 0)
        if self.entries.shape != (expected,):
            raise ValueError(f"entries have shape {self.entries.shape}, expected ({expected},)")
        low, high = int_range(MAX_ENTRY_BITS, True)
        if self.entries.min() < low or self.entries.max() > high:
            raise ValueError(f"an entry exceeds {MAX_ENTRY_BITS} bits")

    def bound(self, interval: Interval, low: int) -> Interval:
        """Between two entries the function rises or falls: the ends and the entries within `interval` decide."""
        first, last = interval
        start, stop = (first - low) >> self.step, (last - low) >> self.step
        entries = low + (np.arange(start, stop + 1) << self.step)
        y = self(np.append(np.maximum(entries, first), last), low)
        return int(y.min()), int(y.max())

    @property
    def magnitude(self) -> int:
        """The largest sum before the shift, and its rounding offset."""
        return (int(np.abs(self.entries).max()) << self.step) + (1 << (self.step + self.fraction))
