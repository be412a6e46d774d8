"""Requantised: what all operations share that end in acc = linear form + bias, then requantise (rule R1)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, Interval, Requant, shift_round, signed_bits
from hwq.ir.op import Op
from hwq.ir.types import TensorType


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requantised(Op):
    """An operation with an accumulator of `acc_bits` bits (signed) and an output of `bits` bits."""

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
        low, high = self.accumulator(*intervals)
        # Python integers: nothing has proved yet that these fit 64 bits.
        ends = np.array([[low * m, high * m] for m in set(self.requant.multiplier)], object)
        rounded = shift_round(ends, self.requant.shift, self.requant.rounding) + self.requant.zero_point
        clamped = np.clip(rounded, self.requant.qmin, self.requant.qmax)
        return int(clamped.min()), int(clamped.max())

    def magnitude(self, *intervals: Interval) -> int:
        """The largest value that requantisation handles."""
        return self.requant.product_bound(self.partial_sum(*intervals))

    def typed(self, rows: int, columns: int, channels: int) -> TensorType:
        """The output type, after checks that the clamp and the multipliers fit it."""
        if rows < 1 or columns < 1:
            raise ValueError(f"output would be {rows} by {columns}")
        out = TensorType((rows, columns, channels), self.bits, self.signed)
        low, high = out.range
        if not low <= self.requant.qmin <= self.requant.qmax <= high:
            raise ValueError(f"clamp [{self.requant.qmin},{self.requant.qmax}] is outside of {out}")
        if not -(1 << self.bits) <= self.requant.zero_point < 1 << self.bits:
            raise ValueError(f"zero point {self.requant.zero_point} is out of reach of {out}")
        if len(self.requant.multiplier) not in (1, channels):
            raise ValueError(f"{len(self.requant.multiplier)} multipliers for {channels} channels")
        if not all(0 <= m < 1 << 16 for m in self.requant.multiplier):
            raise ValueError("a multiplier is outside of 0 to 65535")
        return out
