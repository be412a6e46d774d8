"""ArgMax: which channel of each pixel is the largest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArgMax(Op):
    """The index of the largest channel; of equal ones the lowest index wins (rule M1)."""

    kind: ClassVar[str] = "argmax"

    channels: int

    def result(self, *types: TensorType) -> TensorType:
        """(H, W, 1), unsigned, as many bits as the largest index needs."""
        x = types[0]
        if x.channels != self.channels:
            raise ValueError(f"input is {x}, expected {self.channels} channels")
        return TensorType((*x.shape[:2], 1), max(1, (self.channels - 1).bit_length()), False)

    def evaluate(self, *xs: IntArray) -> IntArray:
        """numpy's argmax returns the first of equal values."""
        index: IntArray = np.argmax(xs[0], axis=-1, keepdims=True).astype(np.int64)
        return index

    def bound(self, *intervals: Interval) -> Interval:
        """All indices."""
        return 0, self.channels - 1
