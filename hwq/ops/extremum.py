"""Extremum: the larger, or the smaller, of two tensors, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extremum(Op):
    """y = max(a, b) where `largest`, else min(a, b) (rule A4); nothing is requantised."""

    kind: ClassVar[str] = "extremum"

    largest: bool

    def result(self, *types: TensorType) -> TensorType:
        """The common type."""
        a, b = types
        if a != b:
            raise ValueError(f"inputs are {a} and {b}, expected equal types")
        return a

    def evaluate(self, *xs: IntArray) -> IntArray:
        """One comparison for each element."""
        return np.maximum(*xs) if self.largest else np.minimum(*xs)

    def bound(self, *intervals: Interval) -> Interval:
        """It never falls when an input grows, so both ends are those of the ends."""
        choose = max if self.largest else min
        (al, ah), (bl, bh) = intervals
        return choose(al, bl), choose(ah, bh)
