"""Depthwise: a convolution in which each channel has its own kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.convolution import Convolution


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Depthwise(Convolution):
    """weight (C, KH, KW)."""

    kind: ClassVar[str] = "depthwise"

    @property
    def kernels(self) -> IntArray:
        """A group for each channel."""
        return self.weight[:, None, :, :, None]

    def weight_shape(self, x: TensorType) -> tuple[int, ...]:
        """(C, KH, KW)."""
        return x.channels, *self.window.kernel

    def tap(self, view: IntArray, kh: int, kw: int) -> IntArray:
        """One product for each channel."""
        product: IntArray = view * self.weight[:, kh, kw]
        return product
