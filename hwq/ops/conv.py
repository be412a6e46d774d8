"""Conv: dense two-dimensional convolution (one-dimensional signals have height 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.convolution import Convolution


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conv(Convolution):
    """weight (M, KH, KW, C)."""

    kind: ClassVar[str] = "conv"

    def weight_shape(self, x: TensorType) -> tuple[int, ...]:
        """(M, KH, KW, C)."""
        return self.channels, *self.window.kernel, x.channels

    def tap(self, view: IntArray, kh: int, kw: int) -> IntArray:
        """One matrix product."""
        product: IntArray = view @ self.weight[:, kh, kw].T
        return product
