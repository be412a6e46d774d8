"""MatMul: the product of two tensors, head by head, as attention needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.requantised import Requantised


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatMul(Requantised):
    """acc[h, t, n] = sum over k of (a[h, t, k] - zeros[0]) * (b[h, n, k] - zeros[1]) (rule L7).

    Heads lie in the rows of the inputs, (H, T, K) and (H, N, K); the output is (H, T, N).  `channels` is K.
    """

    kind: ClassVar[str] = "matmul"

    zeros: tuple[int, int]
    channels: int

    def result(self, *types: TensorType) -> TensorType:
        """(H, T, N)."""
        a, b = types
        if a.shape[0] != b.shape[0]:
            raise ValueError(f"inputs are {a} and {b}, expected equal heights")
        if not a.channels == b.channels == self.channels:
            raise ValueError(f"inputs are {a} and {b}, expected {self.channels} channels")
        for zero, type_ in zip(self.zeros, types, strict=True):
            type_.check_holds("zero point", zero)
        if len(self.requant.multiplier) != 1:
            raise ValueError("matmul has one multiplier")
        return self.typed(*a.shape[:2], b.shape[1])

    def accumulate(self, *xs: IntArray) -> IntArray:
        """One matrix product for each head."""
        a, b = (x - zero for x, zero in zip(xs, self.zeros, strict=True))
        acc: IntArray = a @ np.swapaxes(b, -1, -2)
        return acc

    def accumulator(self, *intervals: Interval) -> Interval:
        """K times the least and the greatest product of two ends: each is a product that every k can have."""
        a, b = self._moved(intervals)
        products = [x * y for x in a for y in b]
        return self.channels * min(products), self.channels * max(products)

    def partial_sum(self, *intervals: Interval) -> int:
        """K * max(abs(a - za)) * max(abs(b - zb))."""
        a, b = (max(abs(v) for v in ends) for ends in self._moved(intervals))
        return self.channels * a * b

    def pixels_needed(self, which: int, *types: TensorType) -> IntArray:
        """Of a the pixel of the output, of b all of the head."""
        heads, rows, _ = types[0].shape
        if which == 0:
            return np.arange(heads * rows) + 1
        return (np.arange(heads).repeat(rows) + 1) * types[1].shape[1]

    def _moved(self, intervals: tuple[Interval, ...]) -> list[Interval]:
        return [(low - zero, high - zero) for (low, high), zero in zip(intervals, self.zeros, strict=True)]
