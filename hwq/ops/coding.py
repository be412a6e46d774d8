"""Codings: weights that are not stored as plain integers, but as numbers of table entries or as powers of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, int_range
from hwq.ir.codec import register_value

MAX_ENTRIES = 256
"""Largest codebook."""
MAX_TERMS = 2
"""Most powers of two in a sum."""


@register_value
@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Each weight is an entry of a table, stored as its number (rule L5).

    `entries` is int64 (K,), one table for the layer, or (M, K), one for each output channel; K is 2 to 256.  Entries
    may repeat, so that channels with fewer values fit.  Bipolar weights are ``Codebook(np.array([-1, 1]))``.
    """

    entries: IntArray

    def stored_bits(self, weight_bits: int) -> int:
        """Bits of the number of an entry, ceil(log2(K))."""
        return int(self.entries.shape[-1] - 1).bit_length()

    def table_bits(self, weight_bits: int) -> int:
        """Bits of all tables."""
        return self.entries.size * weight_bits

    def values(self, weight_bits: int) -> IntArray:
        """The entries."""
        return self.entries

    def check(self, channels: int, weight_bits: int) -> None:
        """Refuse tables of another shape, or with entries wider than `weight_bits`."""
        shape = self.entries.shape
        if shape[:-1] not in ((), (channels,)) or not 2 <= shape[-1] <= MAX_ENTRIES:
            raise ValueError(
                f"codebook has shape {shape}, expected 2 to {MAX_ENTRIES} entries, or as many for each of "
                f"{channels} channels"
            )
        low, high = int_range(weight_bits, True)
        if self.entries.min() < low or self.entries.max() > high:
            raise ValueError(f"codebook exceeds {weight_bits} bits")


@register_value
@dataclass(frozen=True, slots=True)
class PowerSums:
    """Each weight is a sum of at most `terms` (1 or 2) signed powers of two: shifts and adders multiply (rule L6).

    Exponents are 0 to weight_bits - 2.  The idea is that of Li et al., "Additive Powers-of-Two Quantization", ICLR
    2020, but here both terms take all exponents.
    """

    terms: int

    def magnitude_bits(self, weight_bits: int) -> int:
        """Bits of a term beside its sign: exponent + 1, or 0 for no term."""
        return (weight_bits - 1).bit_length()

    def stored_bits(self, weight_bits: int) -> int:
        """Bits of all terms, each a sign and a magnitude."""
        return self.terms * (1 + self.magnitude_bits(weight_bits))

    def table_bits(self, weight_bits: int) -> int:
        """0: there is no table."""
        return 0

    def values(self, weight_bits: int) -> IntArray:
        """The weight of each code (rule L6), 0 for codes that stand for none."""
        low, high = int_range(weight_bits, True)
        magnitude = np.arange(1 << self.magnitude_bits(weight_bits))
        power = (1 << magnitude) >> 1
        power[weight_bits:] = 1 << weight_bits  # too large for any sum to fit
        term = np.concatenate([power, -power])
        total = term
        for _ in range(1, self.terms):
            total = (term[:, None] + total).ravel()
        return np.where((low <= total) & (total <= high), total, 0)

    def check(self, channels: int, weight_bits: int) -> None:
        """Refuse another number of terms than 1 or 2."""
        if not 1 <= self.terms <= MAX_TERMS:
            raise ValueError(f"{self.terms} powers of two in a weight, expected 1 to {MAX_TERMS}")


Coding = Codebook | PowerSums
"""How weights are stored; None in its place stands for plain integers."""


def allowed(coding: PowerSums, weight_bits: int) -> IntArray:
    """The weights that `coding` can express, in ascending order.

    Examples
    --------
    >>> allowed(PowerSums(1), 4).tolist()
    [-4, -2, -1, 0, 1, 2, 4]
    >>> allowed(PowerSums(2), 4).tolist()
    [-8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6]
    """
    return np.unique(coding.values(weight_bits))


def stored_bits(coding: Coding | None, weight_bits: int) -> int:
    """Bits of one weight in memory."""
    return coding.stored_bits(weight_bits) if coding else weight_bits


def table_bits(coding: Coding | None, weight_bits: int) -> int:
    """Bits of the tables that stored weights point into."""
    return coding.table_bits(weight_bits) if coding else 0


def codes(weight: IntArray, values: IntArray, weight_bits: int) -> IntArray:
    """The lowest code of each weight.

    Parameters
    ----------
    weight
        int64, output channel first, within `weight_bits`.
    values
        Weight of each code: (codes,), or (M, codes) for a table of each channel.

    Raises
    ------
    ValueError
        When a weight has no code.
    """
    low, high = int_range(weight_bits, True)

    def found(weight: IntArray, values: IntArray) -> IntArray:
        code = np.full(high - low + 1, -1)
        code[values[::-1] - low] = np.arange(len(values))[::-1]
        return code[weight - low]

    if values.ndim == 1:
        out = found(weight, values)
    else:
        out = np.stack([found(*channel) for channel in zip(weight, values, strict=True)])
    if out.min() < 0:
        raise ValueError(f"weight {weight.flat[np.argmin(out)]} cannot be expressed by its coding")
    return out
