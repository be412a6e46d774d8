"""MultiThreshold: how many thresholds of its channel a real value reaches, as the qonnx executor counts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.frontend.node import Refusal
from hwq.frontend.quantised.quantiser import Affine, Float32, Reals
from hwq.ops.threshold import MAX_THRESHOLDS


@dataclass(frozen=True, slots=True, eq=False)
class MultiThreshold:
    """Thresholds, float32 (1, T), or (C, T) with a row for each channel.

    Its integers are `low` and the count; `form` says what they stand for.
    """

    thresholds: Float32
    low: int
    form: Affine

    @classmethod
    def of(cls, rows: Float32, scale: float, bias: float) -> MultiThreshold:
        """That of rows as a node has them, whose results are `scale` times a count plus `bias`.

        Raises
        ------
        Refusal
            When there are too many, or no integer stands for the value of a count.
        """
        if rows.ndim != 2 or not 1 <= rows.shape[1] <= MAX_THRESHOLDS:
            raise Refusal(
                f"thresholds have shape {rows.shape}, expected a row for each channel of 1 to {MAX_THRESHOLDS}"
            )
        return cls(rows, *_form(scale, bias))

    @property
    def limits(self) -> Interval:
        """The least and the greatest integer."""
        return self.low, self.low + self.thresholds.shape[1]

    @property
    def varies(self) -> bool:
        """Whether channels have thresholds of their own."""
        return len(self.thresholds) > 1

    def integers(self, x: Reals) -> IntArray:
        """The integers of real values (V, C)."""
        counts = np.full(x.shape, self.low, np.int64)
        for threshold in self.thresholds.T:
            counts += x >= threshold.astype(x.dtype)
        return counts


def _form(scale: float, bias: float) -> tuple[int, Affine]:
    """The integer of no count, and the formula by which integers stand for `scale` times a count plus `bias`."""
    if scale <= 0 or np.frexp(scale)[0] != 0.5:
        raise Refusal(f"out_scale is {scale:g}, expected a power of two. Move the rest into what follows")
    halves = 2 * bias / scale
    if np.isfinite(halves) and halves == int(halves):
        odd = int(halves) % 2
        return int(halves) // 2 * (1 - odd), Affine(1 + odd, int(halves) * odd, scale / (1 + odd))
    raise Refusal(f"out_bias is {bias:g}, expected a multiple of {scale / 2:g}. Move the rest into what follows")
