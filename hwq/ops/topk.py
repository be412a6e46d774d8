"""TopK: which channels of each pixel are the largest, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType

MAX_K = 16
"""Registers that hwq_topk.sv keeps sorted."""


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TopK(Op):
    """The indices of the `k` largest channels, the largest first; of equal ones the lowest index first (rule M2)."""

    kind: ClassVar[str] = "topk"

    channels: int
    k: int

    def result(self, *types: TensorType) -> TensorType:
        """(H, W, k), unsigned, as many bits as the largest index needs."""
        x = types[0]
        if x.channels != self.channels:
            raise ValueError(f"input is {x}, expected {self.channels} channels")
        if not 1 <= self.k <= min(self.channels, MAX_K):
            raise ValueError(f"k is {self.k}, expected 1 to {min(self.channels, MAX_K)}")
        return TensorType((*x.shape[:2], self.k), max(1, (self.channels - 1).bit_length()), False)

    def evaluate(self, *xs: IntArray) -> IntArray:
        """A stable sort leaves equal values in the order of their indices."""
        order: IntArray = np.argsort(-xs[0], axis=-1, kind="stable").astype(np.int64)
        return order[..., : self.k]

    def bound(self, *intervals: Interval) -> Interval:
        """All indices."""
        return 0, self.channels - 1
