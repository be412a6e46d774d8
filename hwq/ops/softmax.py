"""Softmax: the share of each channel in the sum of exponentials over its pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval, Rounding, shift_round
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType

LEAST_FIRST = 1 << 15
"""Lowest value of the first entry; so no sum of exponentials is below it, and no reciprocal above 2^(R - 15)."""
MAX_RECIPROCAL_BITS = 46


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Softmax(Op):
    """e = exps[max - x], one entry in 2^step stored; y = e / (sum of e), as a fraction of `bits` bits (rule N1)."""

    kind: ClassVar[str] = "softmax"
    rounding: ClassVar[Rounding] = Rounding.HALF_UP

    exps: IntArray
    step: int
    reciprocal_bits: int
    bits: int

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the input, unsigned."""
        x = types[0]
        self._check_fields(x.bits)
        if x.channels * int(self.exps[0]) >= 1 << 62:
            raise ValueError(f"{x.channels} channels of up to {self.exps[0]}: their sum needs more than 62 bits")
        return TensorType(x.shape, self.bits, False)

    def _check_fields(self, input_bits: int) -> None:
        if not 0 <= self.step <= input_bits:
            raise ValueError(f"step is {self.step}, expected 0 to {input_bits}, the bits of the input")
        if not 1 <= self.bits <= 16:
            raise ValueError(f"bits is {self.bits}, expected 1 to 16")
        if not self.bits + 16 <= self.reciprocal_bits <= MAX_RECIPROCAL_BITS:
            raise ValueError(
                f"reciprocal_bits is {self.reciprocal_bits}, expected {self.bits + 16} to {MAX_RECIPROCAL_BITS}"
            )
        most = (1 << (input_bits - self.step)) + (self.step > 0)
        if self.exps.ndim != 1 or not 1 <= self.exps.size <= most:
            raise ValueError(f"exps has shape {self.exps.shape}, expected 1 to {most} entries")
        if self.exps[0] < LEAST_FIRST or self.exps[0] >= 1 << 16 or self.exps[-1] < 0 or (np.diff(self.exps) > 0).any():
            raise ValueError(f"exps must begin with {LEAST_FIRST} to 65535, never rise and never be negative")

    def evaluate(self, *xs: IntArray) -> IntArray:
        """Rule N1, with the reciprocal of each pixel rounded down."""
        e = self.exponentials(xs[0].max(axis=-1, keepdims=True) - xs[0])
        reciprocal = (1 << self.reciprocal_bits) // e.sum(axis=-1, keepdims=True)
        share = shift_round(e * reciprocal, self.reciprocal_bits - self.bits, self.rounding)
        return np.minimum(share, (1 << self.bits) - 1)

    def exponentials(self, below: IntArray) -> IntArray:
        """The table at the distances `below` the maximum, between its entries along straight lines."""
        last = len(self.exps) - 1
        index, fraction = below >> self.step, below & ((1 << self.step) - 1)
        left, right = self.exps[np.minimum(index, last)], self.exps[np.minimum(index + 1, last)]
        weighted = left * ((1 << self.step) - fraction) + right * fraction
        return shift_round(weighted, self.step, self.rounding)

    def bound(self, *intervals: Interval) -> Interval:
        """All fractions."""
        return 0, (1 << self.bits) - 1

    def magnitude(self, *intervals: Interval) -> int:
        """The numerator of the reciprocal, which no product exceeds; or a weighted sum of two entries."""
        return max(1 << self.reciprocal_bits, 1 << (16 + self.step))
