"""The arithmetic of hwq: every rounding, saturation and requantisation in the project is defined here.

The rule numbers are those of docs/semantics.md; SystemVerilog and C++ cite the same numbers.
All integer functions work on numpy int64 arrays and are exact while no intermediate exceeds 63 bits,
which `Program.verify` proves for each operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Floats = NDArray[np.float32] | NDArray[np.float64]
Interval = tuple[int, int]
"""Lowest and highest value, both included."""
MULTIPLIER_BITS = 24
"""Widest multiplier of a requantisation, and factor of a sum of two tensors (see hwq_requant.sv)."""
MANTISSA_BITS = 4
"""Widest odd part of a multiplier that hardware multiplies by with adders and a shifter (see hwq_requant.sv)."""


class Rounding(IntEnum):
    """How a discarded fraction is rounded (rule R2); the value is the ROUND parameter of the hardware."""

    FLOOR = 0
    HALF_UP = 1
    HALF_EVEN = 2
    HALF_AWAY = 3


def int_range(bits: int, signed: bool) -> Interval:
    """Lowest and highest value of an integer of `bits` bits (rule T1).

    Examples
    --------
    >>> int_range(8, True), int_range(8, False)
    ((-128, 127), (0, 255))
    """
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def signed_bits(interval: Interval) -> int:
    """Bits of the narrowest two's complement integer that holds all of `interval`.

    Examples
    --------
    >>> signed_bits((-128, 127)), signed_bits((0, 128)), signed_bits((0, 0))
    (8, 9, 1)
    """
    low, high = interval
    return max(~low, high).bit_length() + 1


def shift_round(x: IntArray, shift: int, rounding: Rounding) -> IntArray:
    """round(x / 2**shift) to an integer, exactly (rule R2).

    Parameters
    ----------
    x
        int64, any shape; ``abs(x) + 2**(shift - 1)`` must be below 2**63.
    shift
        Bits discarded, 0 to 62.
    rounding
        What happens to a discarded fraction; HALF_UP sends ties toward plus infinity.

    Examples
    --------
    >>> ties = np.array([-6, -2, 2, 6])  # -1.5 -0.5 0.5 1.5
    >>> [shift_round(ties, 2, mode).tolist() for mode in Rounding]
    [[-2, -1, 0, 1], [-1, 0, 1, 2], [-2, 0, 0, 2], [-2, -1, 1, 2]]
    """
    if not shift:
        return x
    half = 1 << (shift - 1)
    match rounding:
        case Rounding.FLOOR:
            return x >> shift
        case Rounding.HALF_UP:
            return (x + half) >> shift
        case Rounding.HALF_EVEN:
            return (x + (half - 1) + ((x >> shift) & 1)) >> shift
        case Rounding.HALF_AWAY:
            return (x + half - (x < 0)) >> shift


def shift_round_float(x: Floats, shift: int, rounding: Rounding) -> Floats:
    """`shift_round` on integers held in floats, in place where it can be.

    Equal to `shift_round` while ``abs(x) + 2**(shift - 1)`` is at most 2**24 (float32) or 2**53 (float64):
    the sum, the product with a power of two and the rounding to an integer are then all exact.
    """
    if not shift:
        return x
    scale = x.dtype.type(2.0**-shift)
    half = x.dtype.type(2.0 ** (shift - 1))
    match rounding:
        case Rounding.FLOOR:
            x *= scale
        case Rounding.HALF_UP:
            x += half
            x *= scale
        case Rounding.HALF_EVEN:
            x *= scale
            np.rint(x, out=x)
            return x
        case Rounding.HALF_AWAY:
            x += np.copysign(half, x)
            x *= scale
            np.trunc(x, out=x)
            return x
    np.floor(x, out=x)
    return x


@dataclass(frozen=True, slots=True)
class Requant:
    """y = clamp(round(acc * multiplier / 2**shift) + zero_point, qmin, qmax): rule R1, one rounding only.

    `multiplier` has one entry, or one for each channel (the last axis); entries are 0 to 2**24 - 1.
    A power-of-two scale is a multiplier of 1; a left shift by k is a multiplier of 2**k with shift 0.
    """

    multiplier: tuple[int, ...]
    shift: int
    rounding: Rounding
    zero_point: int
    qmin: int
    qmax: int

    def __call__(self, acc: IntArray) -> IntArray:
        """Requantise int64 accumulators, channels on the last axis."""
        scaled = shift_round(acc * np.array(self.multiplier, np.int64), self.shift, self.rounding)
        return np.clip(scaled + self.zero_point, self.qmin, self.qmax)

    def apply_float(self, acc: Floats) -> Floats:
        """The same on integers held in floats; exact under the condition of `shift_round_float`."""
        if self.multiplier != (1,):
            acc = acc * np.array(self.multiplier, acc.dtype)
        acc = shift_round_float(acc, self.shift, self.rounding)
        if self.zero_point:
            acc += acc.dtype.type(self.zero_point)
        return np.clip(acc, self.qmin, self.qmax, out=acc)

    def product_bound(self, acc_magnitude: int) -> int:
        """Largest magnitude before the shift when no accumulator exceeds `acc_magnitude`."""
        return acc_magnitude * max(self.multiplier) + (1 << self.shift)

    @property
    def is_shift(self) -> bool:
        """True when the hardware needs no multiplier."""
        return self.multiplier == (1,)

    @property
    def mantissa_bits(self) -> int:
        """Bits of the widest odd part of a multiplier; 1 when each is a power of two, 16 when one is 0 and has none.

        A product with an odd part of b bits takes b - 1 adders, one with a power of two a shifter.

        Examples
        --------
        >>> Requant((1, 64, 96, 40), 7, Rounding.HALF_UP, 0, -128, 127).mantissa_bits
        3
        """
        return max((m // (m & -m)).bit_length() if m else 16 for m in self.multiplier)

    @property
    def multiplies(self) -> bool:
        """True when the hardware needs a multiplier, because an odd part has more than `MANTISSA_BITS` bits."""
        return self.mantissa_bits > MANTISSA_BITS

    @property
    def words(self) -> tuple[int, ...]:
        """The multipliers as hardware stores them: as they are, or {exponent, odd part / 2} without a multiplier."""
        bits = self.mantissa_bits
        if self.multiplies:
            return self.multiplier
        return tuple((e := (m & -m).bit_length() - 1) << (bits - 1) | m >> (e + 1) for m in self.multiplier)

    @property
    def word_bits(self) -> int:
        """Bits of one of `words`; at least one of them is an exponent's."""
        return max(1 if self.multiplies else self.mantissa_bits, max(self.words).bit_length())

    def __str__(self) -> str:
        ends = sorted({min(self.multiplier), max(self.multiplier)})
        factor = "" if self.is_shift else "*" + "..".join(map(str, ends))
        zero = f"{self.zero_point:+d}" if self.zero_point else ""
        return f"{factor}>>{self.shift}{zero} {self.rounding.name.lower()} [{self.qmin},{self.qmax}]"


def quantise(
    x: NDArray[np.float64],
    scale: float,
    zero_point: int,
    qmin: int,
    qmax: int,
    rounding: Rounding = Rounding.HALF_UP,
) -> IntArray:
    """The integers of real values (rule T2): clamp(round(x / scale) + zero_point, qmin, qmax).

    Evaluated in float64; this is done on the host only, for the inputs of a model and for constants.

    Examples
    --------
    >>> ties = np.array([-1.5, -0.5, 0.5, 1.5])
    >>> [quantise(ties, 1.0, 0, -9, 9, mode).tolist() for mode in Rounding]
    [[-2, -1, 0, 1], [-1, 0, 1, 2], [-2, 0, 0, 2], [-2, -1, 1, 2]]
    """
    q = np.asarray(np.asarray(x, np.float64) / scale)
    match rounding:
        case Rounding.FLOOR:
            np.floor(q, out=q)
        case Rounding.HALF_UP:
            q += 0.5
            np.floor(q, out=q)
        case Rounding.HALF_EVEN:
            np.rint(q, out=q)
        case Rounding.HALF_AWAY:
            q += np.copysign(0.5, q)
            np.trunc(q, out=q)
    q += zero_point
    np.clip(q, qmin, qmax, out=q)
    return q.astype(np.int64)


def dequantise(q: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float64]:
    """The real values of integers of any type (rule T2): (q - zero_point) * scale, in float64."""
    return (q.astype(np.float64) - zero_point) * scale
