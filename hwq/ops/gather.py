"""Gather: each element of the output is one element of the input, or a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gather(Op):
    """y.flat[n] = x.flat[index.flat[n]], or `pad_value` where the index is -1 (rule C3).

    `index` has the output's shape (height, width, channels).  Elements may be repeated or left out.
    """

    kind: ClassVar[str] = "gather"

    index: IntArray
    pad_value: int

    def result(self, *types: TensorType) -> TensorType:
        """The shape of the index; type and format are those of the input."""
        x = types[0]
        size = x.pixels * x.channels
        if self.index.ndim != 3 or not self.index.size:
            raise ValueError(f"index has shape {self.index.shape}, expected height, width and channels")
        low, high = int(self.index.min()), int(self.index.max())
        if low < -1 or high >= size:
            raise ValueError(f"index reaches from {low} to {high}, expected -1 to {size - 1} for {x}")
        x.check_holds("pad_value", self.pad_value)
        height, width, channels = self.index.shape
        return TensorType((height, width, channels), x.bits, x.signed)

    def evaluate(self, *xs: IntArray) -> IntArray:
        """Elements by flat position; position -1 is one more element behind the last."""
        flat = xs[0].reshape(len(xs[0]), -1)
        if self.index.min() < 0:
            flat = np.concatenate([flat, np.full((len(flat), 1), self.pad_value, flat.dtype)], axis=1)
        return np.take(flat, self.index, axis=1)

    def bound(self, *intervals: Interval) -> Interval:
        """The input where any of it is read, and `pad_value` where there is some."""
        low, high = intervals[0]
        if self.index.max() < 0:
            return self.pad_value, self.pad_value
        if self.index.min() < 0:
            return min(low, self.pad_value), max(high, self.pad_value)
        return low, high

    def magnitude(self, *intervals: Interval) -> int:
        """That of the input and of `pad_value`."""
        return max(*(abs(end) for end in intervals[0]), abs(self.pad_value))

    def pixels_needed(self, which: int, *types: TensorType) -> IntArray:
        """Up to the last pixel read so far, at least the first; hardware that stores blocks waits for more."""
        last: IntArray = self.index.reshape(-1, self.index.shape[2]).max(axis=1) // types[which].channels
        needed: IntArray = np.maximum.accumulate(np.maximum(last, 0)) + 1
        return needed

    @property
    def keeps_order(self) -> bool:
        """Whether the output is the input with some elements left out, and no padding."""
        flat = self.index.ravel()
        return bool(flat[0] >= 0 and (np.diff(flat) > 0).all())

    def group(self, channels: int) -> int:
        """How many neighbouring channels always move together, from and to the same lanes; 0 where all of them do.

        Of an input of `channels` channels.  A beat may have any number of lanes that divides the group.
        """
        live, channel = self.index >= 0, self.index % channels
        shifts = (np.arange(self.index.shape[2]) - channel)[live]
        follows = (self.index[..., 1:] == self.index[..., :-1] + 1) & live[..., :-1]
        together = follows | ~(live[..., 1:] | live[..., :-1])
        breaks = np.flatnonzero(~together.all(axis=(0, 1))) + 1
        return int(np.gcd.reduce(np.concatenate([shifts, breaks]), initial=0))
