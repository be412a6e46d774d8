"""Requantised: what all operations share that end in acc = linear form + bias, then requantise (rule R1)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import MULTIPLIER_BITS, IntArray, Interval, Requant, shift_round, signed_bits
from hwq.ir.op import Op
from hwq.ir.types import TensorType


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requantised(Op):
    """An operation with an accumulator of `acc_bits` bits (signed) and an output of `bits` bits."""

    makes_wide: ClassVar[bool] = True

    requant: Requant
    acc_bits: int
    bits: int
    signed: bool

    @property
    def start(self) -> Interval:
        """Bounds of what an accumulator holds before it has seen an input."""
        return 0, 0

    @abstractmethod
    def accumulate(self, *xs: IntArray) -> IntArray:
        """The accumulators, bias included: int64 (batch, rows, columns, channels)."""

    @abstractmethod
    def accumulator(self, *intervals: Interval) -> Interval:
        """Exact lowest and highest accumulator over all channels."""

    def accumulator_bits(self, *intervals: Interval) -> int:
        """Width of the narrowest accumulator; at least 2, a sign and a value (rule L3)."""
        return max(2, signed_bits(self.start), signed_bits(self.accumulator(*intervals)))

    @abstractmethod
    def partial_sum(self, *intervals: Interval) -> int:
        """Bound on the magnitude of every partial sum, bias included, in any order of evaluation."""

    def evaluate(self, *xs: IntArray) -> IntArray:
        """Rule R1 over the accumulators."""
        return self.requant(self.accumulate(*xs))

    def bound(self, *intervals: Interval) -> Interval:
        """Requantisation is monotonic in the accumulator, so its ends bound the output."""
        return requant_bound(self.requant, self.accumulator(*intervals))

    def magnitude(self, *intervals: Interval) -> int:
        """The largest value that requantisation handles, or returns."""
        ends = abs(self.requant.qmin), abs(self.requant.qmax)
        return max(self.requant.product_bound(self.partial_sum(*intervals)), *ends)

    def typed(self, rows: int, columns: int, channels: int) -> TensorType:
        """The output type, after checks that the clamp and the multipliers fit it."""
        if rows < 1 or columns < 1:
            raise ValueError(f"output would be {rows} by {columns}")
        out = TensorType((rows, columns, channels), self.bits, self.signed)
        check_requant(self.requant, out)
        return out


def check_requant(requant: Requant, out: TensorType) -> None:
    """Refuse a clamp, a zero point or multipliers that do not fit the type of the result."""
    low, high = out.range
    if not low <= requant.qmin <= requant.qmax <= high:
        raise ValueError(f"clamp [{requant.qmin},{requant.qmax}] is outside of {out}")
    if not -(1 << out.bits) <= requant.zero_point < 1 << out.bits:
        raise ValueError(f"zero point {requant.zero_point} is out of reach of {out}")
    if len(requant.multiplier) not in (1, out.channels):
        raise ValueError(f"{len(requant.multiplier)} multipliers for {out.channels} channels")
    if not all(0 <= m < 1 << MULTIPLIER_BITS for m in requant.multiplier):
        raise ValueError(f"a multiplier is outside of 0 to {(1 << MULTIPLIER_BITS) - 1}")


def requant_bound(requant: Requant, interval: Interval) -> Interval:
    """Lowest and highest result for accumulators within `interval`, over all multipliers."""
    low, high = interval
    # Python integers: nothing has proved yet that these fit 64 bits.
    ends = np.array([[low * m, high * m] for m in set(requant.multiplier)], object)
    rounded = shift_round(ends, requant.shift, requant.rounding) + requant.zero_point
    clamped = np.clip(rounded, requant.qmin, requant.qmax)
    return int(clamped.min()), int(clamped.max())
