"""Pad: a constant border around height and width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType
from hwq.ir.window import Window


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pad(Op):
    """A 1 x 1 window with padding that reads `pad_value` outside of the image (rule P3)."""

    kind: ClassVar[str] = "pad"

    window: Window
    pad_value: int

    def result(self, *types: TensorType) -> TensorType:
        """The input's type over the larger grid."""
        x = types[0]
        if self.window.kernel != (1, 1) or self.window.stride != (1, 1):
            raise ValueError(f"window is {self.window}, expected 1 by 1")
        x.check_holds("pad_value", self.pad_value)
        return TensorType((*self.window.output(*x.shape[:2]), x.channels), x.bits, x.signed)

    def evaluate(self, *xs: IntArray) -> IntArray:
        """The padded image."""
        return self.window.pad(xs[0], self.pad_value)

    def bound(self, *intervals: Interval) -> Interval:
        """The input and the border."""
        return self.window.reach(intervals[0], self.pad_value)
