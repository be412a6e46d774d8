"""Concat: tensors one behind the other along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op, register
from hwq.ir.types import TensorType

MAX_INPUTS = 16
"""Most inputs of one concat."""
AXES = ("rows", "columns", "channels")


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concat(Op):
    """The inputs in order, along rows (`axis` 0), columns (1) or channels (2); integers are moved (rule C1)."""

    kind: ClassVar[str] = "concat"
    takes_turns: ClassVar[bool] = True

    axis: int

    def result(self, *types: TensorType) -> TensorType:
        """The common type; along the axis as many elements as all inputs together."""
        if not 0 <= self.axis < len(AXES):
            raise ValueError(f"axis is {self.axis}, expected 0 (rows), 1 (columns) or 2 (channels)")
        if not 2 <= len(types) <= MAX_INPUTS:
            raise ValueError(f"has {len(types)} inputs, expected 2 to {MAX_INPUTS}")
        first = types[0]
        for type_ in types[1:]:
            if (type_.bits, type_.signed) != (first.bits, first.signed):
                raise ValueError(f"inputs are {first} and {type_}, expected one integer type")
            if self._across(type_) != self._across(first):
                raise ValueError(f"inputs are {first} and {type_}, expected other sizes of {AXES[self.axis]} alone")
        height, width, channels = first.shape
        joined = sum(type_.shape[self.axis] for type_ in types)
        shape = ((joined, width, channels), (height, joined, channels), (height, width, joined))[self.axis]
        return TensorType(shape, first.bits, first.signed)

    def _across(self, type_: TensorType) -> tuple[int, ...]:
        """Sizes along the other axes."""
        return type_.shape[: self.axis] + type_.shape[self.axis + 1 :]

    def evaluate(self, *xs: IntArray) -> IntArray:
        """The joined arrays; their first axis is the batch."""
        joined: IntArray = np.concatenate(xs, axis=self.axis + 1)
        return joined

    def bound(self, *intervals: Interval) -> Interval:
        """What any input can hold."""
        return min(low for low, _ in intervals), max(high for _, high in intervals)

    def pixels_needed(self, which: int, *types: TensorType) -> IntArray:
        """On the channel axis the same pixel of each input, else those of `which` up to the output pixel."""
        y, x = self.result(*types), types[which]
        pixels = np.arange(1, y.pixels + 1)
        if self.axis == 2:
            return pixels
        before = sum(type_.shape[self.axis] for type_ in types[:which])
        if self.axis == 0:
            return np.clip(pixels - before * x.shape[1], 0, x.pixels)
        row = np.clip(np.arange(1, y.shape[1] + 1) - before, 0, x.shape[1])
        needed: IntArray = (np.arange(y.shape[0])[:, None] * x.shape[1] + row).ravel()
        return needed
