"""Sliding windows: the one place that knows how kernel, stride, dilation and padding make positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A window that slides over height and width.

    `pads` are top, left, bottom, right.  Output row i covers the input rows
    ``i * stride - top + k * dilation`` for k below the kernel height; likewise for columns.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def taps(self) -> int:
        """Positions in one window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def span(self) -> Pair:
        """Rows and columns from the first tap to the last."""
        return (self.kernel[0] - 1) * self.dilation[0] + 1, (self.kernel[1] - 1) * self.dilation[1] + 1

    @property
    def wide_border(self) -> bool:
        """Whether a border is as wide as the kernel, which pools of onnxruntime do not take."""
        return any(pad >= size for pad, size in zip(self.pads, 2 * self.kernel, strict=True))

    def output(self, height: int, width: int) -> Pair:
        """Rows and columns of the output for an input of `height` by `width`; ValueError where this is no window."""
        if min(*self.kernel, *self.stride, *self.dilation) < 1 or min(self.pads) < 0:
            raise ValueError(f"{self!r}: expected kernel, stride and dilation of 1 or more, and no negative pads")
        top, left, bottom, right = self.pads
        rows = (height + top + bottom - self.span[0]) // self.stride[0] + 1
        columns = (width + left + right - self.span[1]) // self.stride[1] + 1
        return rows, columns

    def pixels_needed(self, height: int, width: int) -> NDArray[np.int64]:
        """Input pixels, in raster order, that each output pixel needs, in raster order; never falling."""
        rows, columns = self.output(height, width)
        bottom = _last_tap(rows, self.stride[0], self.pads[0], self.span[0], height)
        right = _last_tap(columns, self.stride[1], self.pads[1], self.span[1], width)
        return np.maximum.accumulate((bottom[:, None] * width + right[None, :]).ravel() + 1)

    def pad(self, x: NDArray[Any], value: int) -> NDArray[Any]:
        """`x` (batch, height, width, channels) with its border written; `x` itself when there is none."""
        top, left, bottom, right = self.pads
        if not any(self.pads):
            return x
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)

    def reach(self, interval: Interval, value: int) -> Interval:
        """Bounds of all that the taps read: the image's, and the border's `value` where there is a border."""
        low, high = interval
        return (min(low, value), max(high, value)) if any(self.pads) else interval

    def slices(self, x: NDArray[Any], value: int) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """For each tap its row, its column and the (batch, rows, columns, channels) view that it reads."""
        rows, columns = self.output(x.shape[1], x.shape[2])
        padded = self.pad(x, value)
        for kh in range(self.kernel[0]):
            for kw in range(self.kernel[1]):
                y, z = kh * self.dilation[0], kw * self.dilation[1]
                yield (
                    kh,
                    kw,
                    padded[
                        :,
                        y : y + (rows - 1) * self.stride[0] + 1 : self.stride[0],
                        z : z + (columns - 1) * self.stride[1] + 1 : self.stride[1],
                    ],
                )

    def __str__(self) -> str:
        text = f"k={self.kernel[0]}x{self.kernel[1]}"
        if self.stride != (1, 1):
            text += f" s={self.stride[0]}x{self.stride[1]}"
        if self.dilation != (1, 1):
            text += f" d={self.dilation[0]}x{self.dilation[1]}"
        return text + (f" p={','.join(map(str, self.pads))}" if any(self.pads) else "")


def _last_tap(count: int, stride: int, before: int, span: int, size: int) -> NDArray[np.int64]:
    return np.clip(np.arange(count) * stride - before + span - 1, 0, size - 1)
