"""Const: a tensor that is the same for every sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Const(Op):
    """The frame `values` (height, width, channels), again and again (rule C2)."""

    kind: ClassVar[str] = "const"

    values: IntArray
    bits: int
    signed: bool

    def result(self, *types: TensorType) -> TensorType:
        """The type that holds `values`."""
        if types:
            raise ValueError(f"has {len(types)} inputs, expected none")
        if self.values.ndim != 3 or not self.values.size:
            raise ValueError(f"values have shape {self.values.shape}, expected (height, width, channels)")
        height, width, channels = self.values.shape
        type_ = TensorType((height, width, channels), self.bits, self.signed)
        low, high = self.bound()
        if low < type_.range[0] or high > type_.range[1]:
            raise ValueError(f"values span {low} to {high}, which {type_} does not hold")
        return type_

    def evaluate(self, *xs: IntArray) -> IntArray:
        """A batch of one."""
        return self.values[None]

    def bound(self, *intervals: Interval) -> Interval:
        """What occurs."""
        return int(self.values.min()), int(self.values.max())

    def magnitude(self, *intervals: Interval) -> int:
        """What occurs."""
        return max(map(abs, self.bound()))
