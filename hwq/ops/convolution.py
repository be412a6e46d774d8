"""Convolution: what dense, grouped and depthwise convolutions share, a window over the image."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops.linear import Linear


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Convolution(Linear):
    """A linear operation over windows; taps outside of the image read `pad_value`, the zero point (rule L4)."""

    window: Window
    pad_value: int

    @abstractmethod
    def weight_shape(self, x: TensorType) -> tuple[int, ...]:
        """The shape that `weight` has for inputs of type `x`."""

    @abstractmethod
    def tap(self, view: IntArray, kh: int, kw: int) -> IntArray:
        """What the tap (kh, kw), which reads `view` (batch, rows, columns, C), adds to all accumulators."""

    def result(self, *types: TensorType) -> TensorType:
        """(rows, columns, M)."""
        x = types[0]
        self.check_weights(self.weight_shape(x))
        if any(self.window.pads):
            x.check_holds("pad_value", self.pad_value)
        return self.typed(*self.window.output(*x.shape[:2]), self.channels)

    def reach(self, interval: Interval) -> Interval:
        """The input, and the padding where there is any."""
        return self.window.reach(interval, self.pad_value)

    def accumulate(self, *xs: IntArray) -> IntArray:
        """The bias, and what each tap adds."""
        x = xs[0]
        acc = np.full((x.shape[0], *self.window.output(*x.shape[1:3]), self.channels), self.bias, np.int64)
        for kh, kw, view in self.window.slices(x, self.pad_value):
            acc += self.tap(view, kh, kw)
        return acc
