"""Depthwise: a convolution in which each channel has its own kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops.linear import Linear


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Depthwise(Linear):
    """weight (C, KH, KW); taps outside of the image read `pad_value`, the zero point (rule L4)."""

    kind: ClassVar[str] = "depthwise"

    window: Window
    pad_value: int

    def result(self, *types: TensorType) -> TensorType:
        """(rows, columns, C)."""
        x = types[0]
        self.check_weights((x.channels, *self.window.kernel))
        return self.typed(*self.window.output(*x.shape[:2]), self.channels)

    def reach(self, interval: Interval) -> Interval:
        """The input, and the padding where there is any."""
        return self.window.reach(interval, self.pad_value)

    def accumulate(self, *xs: IntArray) -> IntArray:
        """One multiply-add for each tap."""
        x = xs[0]
        acc = np.zeros((x.shape[0], *self.window.output(*x.shape[1:3]), self.channels), np.int64) + self.bias
        for kh, kw, view in self.window.slices(x, self.pad_value):
            acc += view * self.weight[:, kh, kw]
        return acc
