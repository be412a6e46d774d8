"""Normalise: the channels of each pixel at zero mean and unit variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval, Rounding, int_range, shift_round
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType

MAX_PAIRS = 30
MAX_VARIANCE_BITS = 2 * MAX_PAIRS
FRACTION = (-16, 30)
"""Least and most bits behind the point of an entry."""
INDEX_BITS = (4, 10)
"""Least and most bits of the table's index."""
_POWERS = 1 << np.arange(0, MAX_VARIANCE_BITS, 2)
"""The powers of four that a variance reaches."""


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Normalise(Op):
    """d = C * x - (sum of x), V = (sum of d^2) + eps; y = d / sqrt(V), the root from a table (rule N2)."""

    kind: ClassVar[str] = "normalise"
    rounding: ClassVar[Rounding] = Rounding.HALF_UP

    eps: int
    table: IntArray
    index_bits: int
    fraction: int
    bits: int
    signed: bool

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the input."""
        x = types[0]
        self._check_fields()
        variance = largest_variance(x, self.eps).bit_length()
        if variance > MAX_VARIANCE_BITS:
            raise ValueError(
                f"{x.channels} channels of {x.bits} bits: their variance needs {variance} bits, "
                f"expected at most {MAX_VARIANCE_BITS}"
            )
        return TensorType(x.shape, self.bits, self.signed)

    def _check_fields(self) -> None:
        least, most = INDEX_BITS
        if not least <= self.index_bits <= most:
            raise ValueError(f"index_bits is {self.index_bits}, expected {least} to {most}")
        if self.table.shape != (3 << self.index_bits,):
            raise ValueError(f"table has shape {self.table.shape}, expected {3 << self.index_bits} entries")
        if self.table.min() < 0 or self.table.max() >= 1 << 16:
            raise ValueError("an entry of the table is outside of 0 to 65535")
        coarsest, finest = FRACTION
        if not coarsest <= self.fraction <= finest:
            raise ValueError(f"fraction is {self.fraction}, expected {coarsest} to {finest}")
        if self.eps < 1:
            raise ValueError(f"eps is {self.eps}, expected at least 1")
        if not 1 <= self.bits <= 16:
            raise ValueError(f"bits is {self.bits}, expected 1 to 16")

    def evaluate(self, *xs: IntArray) -> IntArray:
        """Rule N2."""
        x = xs[0]
        d = x.shape[-1] * x - x.sum(axis=-1, keepdims=True)
        variance = (d * d).sum(axis=-1, keepdims=True) + self.eps
        pairs = np.searchsorted(_POWERS, variance, "right").astype(np.int64)
        excess = 2 * pairs - (self.index_bits + 2)
        index = (variance << np.maximum(-excess, 0)) >> np.maximum(excess, 0)
        product = (d << (MAX_PAIRS - pairs)) * self.table[index - (1 << self.index_bits)]
        scaled = shift_round(product, MAX_PAIRS + self.fraction, self.rounding)
        return np.clip(scaled, *int_range(self.bits, self.signed))

    def bound(self, *intervals: Interval) -> Interval:
        """From d^2 < V < 4^j * (i + 1) / 2^(T + 2), whatever the input."""
        reach = self.table**2 * (np.arange(1 << self.index_bits, 4 << self.index_bits) + 1)
        most = math.isqrt(int(reach.max()) << (self.index_bits + 2)) + 1
        top = math.floor(Fraction(most, 4 << self.index_bits) / Fraction(2) ** self.fraction + Fraction(1, 2))
        low, high = int_range(self.bits, self.signed)
        return max(low, -top), min(high, top)

    def magnitude(self, *intervals: Interval) -> int:
        """The largest variance that `result` admits; no product, nor what is added to round it, exceeds it."""
        return (1 << MAX_VARIANCE_BITS) - 1


def largest_variance(x: TensorType, eps: int) -> int:
    """Largest V of a pixel: half of its channels lowest, half highest.

    Examples
    --------
    >>> largest_variance(TensorType((1, 1, 3), 8, True), 1)
    390151
    """
    return x.channels * (x.channels**2 // 4) * ((1 << x.bits) - 1) ** 2 + eps
