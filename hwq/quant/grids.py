"""Grids: the integers that the weights of a layer may have, and the scales worth trying for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwq.ops.coding import Codebook, Coding, PowerSums, allowed
from hwq.quant.config import LayerConfig, ScaleKind, WeightKind
from hwq.quant.ranges import POW2_STEPS

FIXED_RATIOS = 2.0 ** (-np.arange(7) / 4)
"""Parts of the full range of real scales that are tried."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Allowed integers, ascending, (K,) or (groups, rows, K); consecutive ones only when `uniform`."""

    levels: Array
    uniform: bool
    bits: int
    coding: Coding | None = None

    @property
    def top(self) -> float:
        """The largest magnitude that has both signs."""
        return float(min(-self.levels.min(), self.levels.max()))

    def project(self, values: Array) -> Array:
        """Nearest allowed integers of (groups, rows, n) values; the larger one of two that are equally near."""
        if self.uniform:
            nearest: Array = np.clip(np.floor(values + 0.5), self.levels[0], self.levels[-1])
            return nearest
        if self.levels.ndim == 1:
            middle = (self.levels[1:] + self.levels[:-1]) / 2.0
            found: Array = self.levels[np.searchsorted(middle, values, side="right")]
            return found
        middle = (self.levels[:, :, 1:] + self.levels[:, :, :-1]) / 2.0
        index = np.zeros(values.shape, np.intp)
        for k in range(middle.shape[2]):
            index += values >= middle[:, :, k, None]
        picked: Array = np.take_along_axis(self.levels, index, axis=2)
        return picked


def grid(config: LayerConfig) -> Grid:
    """The grid of a layer; of codebooks the one that their entries lie on."""
    bits = config.weight_bits
    if bits == 1:
        return Grid(np.array([-1.0, 1.0]), False, 2, Codebook(np.array([-1, 1])))
    top = (1 << (bits - 1)) - 1
    if config.weights is WeightKind.POWERS:
        coding = PowerSums(config.terms)
        return Grid(allowed(coding, bits).astype(np.float64), False, bits, coding)
    return Grid(np.arange(-top, top + 1, dtype=np.float64), True, bits)


def scale_candidates(full: Array, kind: ScaleKind, config: LayerConfig) -> list[Array]:
    """Scales to try for weights that need the scales `full` not to be clipped: the largest first.

    With exact scales these are all m 2^e with a mantissa m of `mantissa_bits` bits over three octaves.
    """
    if kind is ScaleKind.FIXED:
        return [full * ratio for ratio in FIXED_RATIOS]
    bits = config.mantissa_bits if kind is ScaleKind.EXACT else 1
    exponent = np.ceil(np.log2(full))
    steps = 1 << (bits - 1)
    mantissas = [2.0, *(1.0 + k / steps for k in range(steps - 1, 0, -1))]
    octaves = POW2_STEPS if bits == 1 else 3
    found = [mantissa * 2.0 ** (exponent - 1 - k) for k in range(octaves) for mantissa in mantissas]
    return [scale for scale in found if np.any(scale < 2.0 * full)]
