"""Mul: the product of two tensors, element by element, each less its zero point."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ops.requantised import Requantised


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mul(Requantised):
    """acc = (a - zeros[0]) * (b - zeros[1]) (rule A2); both inputs may be the same tensor."""

    kind: ClassVar[str] = "mul"

    zeros: tuple[int, int]

    def result(self, *types: TensorType) -> TensorType:
        """The common shape."""
        a, b = types
        if a.shape != b.shape:
            raise ValueError(f"inputs are {a} and {b}, expected equal shapes")
        if len(self.requant.multiplier) != 1:
            raise ValueError("mul has one multiplier")
        if not all(t.range[0] <= zero <= t.range[1] for zero, t in zip(self.zeros, types, strict=True)):
            raise ValueError(f"zeros are {self.zeros}, expected values of {a} and {b}")
        return self.typed(*a.shape)

    def accumulate(self, *xs: IntArray) -> IntArray:
        """The products."""
        return (xs[0] - self.zeros[0]) * (xs[1] - self.zeros[1])

    def accumulator(self, *intervals: Interval) -> Interval:
        """The ends of a product are among those of the corners; of a square, among those of the ends and the vertex."""
        corners = list(product(*intervals))
        if self.inputs[0] == self.inputs[1]:
            low, high = intervals[0]
            vertex = min(max(sum(self.zeros) // 2, low), high)
            corners = [(x, x) for x in (low, high, vertex)]
        found = [(a - self.zeros[0]) * (b - self.zeros[1]) for a, b in corners]
        return min(found), max(found)

    def partial_sum(self, *intervals: Interval) -> int:
        """There is one product and no sum."""
        return max(abs(end) for end in self.accumulator(*intervals))
