"""Dense: a fully connected layer over the whole input tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.linear import Linear


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dense(Linear):
    """weight (M, H, W, C) over an input of (H, W, C); the output is (1, 1, M)."""

    kind: ClassVar[str] = "dense"

    def result(self, *types: TensorType) -> TensorType:
        """(1, 1, M)."""
        self.check_weights((self.channels, *types[0].shape))
        return self.typed(1, 1, self.channels)

    def reach(self, interval: Interval) -> Interval:
        """The input alone: nothing is padded."""
        return interval

    def pixels_needed(self, which: int, *types: TensorType) -> IntArray:
        """The whole input."""
        return np.array([types[which].pixels])

    def accumulate(self, *xs: IntArray) -> IntArray:
        """One matrix product."""
        x = xs[0]
        flat = x.reshape(len(x), -1) @ self.weight.reshape(self.channels, -1).T + self.bias
        return flat.reshape(len(x), 1, 1, self.channels)
