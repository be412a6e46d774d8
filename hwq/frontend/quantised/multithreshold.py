"""MultiThreshold: how many thresholds of its channel a real value reaches, as the qonnx executor counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, signed_bits
from hwq.frontend.node import Node, Refusal
from hwq.frontend.quantised.quantiser import Affine, Float32
from hwq.ops.threshold import MAX_THRESHOLDS


@dataclass(frozen=True, slots=True, eq=False)
class MultiThreshold:
    """A MultiThreshold node without its input.

    `thresholds` is float32 (1, T) or (C, T); channels are the last axis with `last`, else the first behind the batch.
    Its integers are `low` and the count; `form` says what they stand for.
    """

    thresholds: Float32
    last: bool
    low: int
    form: Affine

    @classmethod
    def of(cls, node: Node, constants: Mapping[str, NDArray[np.generic]]) -> MultiThreshold:
        """The thresholds of a node.

        Raises
        ------
        Refusal
            When they are not constant or too many, or no integer stands for the value of a count.
        """
        name = node.inputs[1]
        if name not in constants:
            raise Refusal(f"its input '{name}' is computed, expected a constant. Export fixed thresholds")
        rows = np.asarray(constants[name], np.float32)
        if rows.ndim != 2 or not 1 <= rows.shape[1] <= MAX_THRESHOLDS:
            raise Refusal(
                f"thresholds have shape {rows.shape}, expected a row for each channel of 1 to {MAX_THRESHOLDS}"
            )
        layout = node.text("data_layout", "NCHW")
        if layout not in ("NCHW", "NHWC", "NC"):
            raise Refusal(f"data_layout is {layout}, expected NCHW, NHWC or NC")
        return cls(rows, layout != "NCHW", *_form(node.real("out_scale", 1.0), node.real("out_bias", 0.0)))

    @property
    def signed(self) -> bool:
        """Whether integers are below zero."""
        return self.low < 0

    @property
    def bits(self) -> int:
        """Of its integers."""
        ends = (self.low, self.low + self.thresholds.shape[1])
        return signed_bits(ends) if self.signed else ends[1].bit_length()

    def integers(self, x: Float32) -> IntArray:
        """The integers of real values x (V, ...), of which the axes behind the first are those of one sample.

        Raises
        ------
        Refusal
            When there is no row for each channel.
        """
        axis = x.ndim - 1 if self.last else 1
        channels = x.shape[axis]
        if len(self.thresholds) not in (1, channels):
            raise Refusal(f"has {len(self.thresholds)} rows of thresholds, expected 1 or {channels}, one a channel")
        rows = np.broadcast_to(self.thresholds, (channels, self.thresholds.shape[1]))
        along = [1] * x.ndim
        along[axis] = channels
        counts = np.full(x.shape, self.low, np.int64)
        for threshold in rows.T:
            counts += x >= threshold.reshape(along)
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
