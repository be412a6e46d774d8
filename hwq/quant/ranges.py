"""From an observation to the format of a tensor: scale, zero point, signedness."""

from __future__ import annotations

import math

import numpy as np

from hwq.arith import int_range
from hwq.ir.types import Format
from hwq.quant.config import LayerConfig, RangeMethod
from hwq.quant.entropy import threshold
from hwq.quant.observers import Observation

POW2_STEPS = 4
"""How many powers of two below the one without clipping a search tries."""
FIXED_RATIOS = 2.0 ** (-np.arange(-3, 28) / 16)
"""Parts of the full range that a search tries; more than all of it, as data to come may reach farther."""
SEARCHED = (RangeMethod.MSE, RangeMethod.OUTPUT)
SMALLEST_SCALE = 2.0**-40
"""The scale of a tensor that is zero throughout."""


def pow2_ceil(scale: float) -> float:
    """The smallest power of two that is at least `scale`.

    Examples
    --------
    >>> pow2_ceil(0.25), pow2_ceil(0.26)
    (0.25, 0.5)
    """
    return float(2.0 ** math.ceil(math.log2(max(scale, SMALLEST_SCALE))))


def activation_format(
    seen: Observation, config: LayerConfig, bits: int, pow2: bool, zero_point: bool
) -> tuple[Format, bool]:
    """Format and signedness of an activation of `bits` bits.

    A tensor that was never negative is unsigned with zero point 0.  Otherwise it is signed and symmetric or, with
    `zero_point`, unsigned and asymmetric.
    """
    signed = seen.low < 0.0 and not zero_point
    levels = int_range(bits, signed)
    low, high = _range(seen, config, levels[1])
    low, high = min(low, 0.0), max(high, 0.0)
    full = max(high / levels[1], low / levels[0]) if signed else (high - low) / levels[1]
    full = pow2_ceil(full) if pow2 else max(full, SMALLEST_SCALE)
    scales = [full]
    if config.range in SEARCHED:
        scales = [full * 2.0**-k for k in range(POW2_STEPS)] if pow2 else [full * float(r) for r in FIXED_RATIOS]
    if signed or seen.low >= 0.0:
        formats = [Format(scale) for scale in scales]
    else:
        formats = [form for scale in scales for form in _asymmetric(scale, low, high, levels[1])]
    if len(formats) == 1:
        return formats[0], signed
    error = seen.output_error if config.range is RangeMethod.OUTPUT else seen.squared_error
    return min(formats, key=lambda form: float(error(form, levels).sum())), signed


def _range(seen: Observation, config: LayerConfig, top: int) -> tuple[float, float]:
    if config.range is RangeMethod.PERCENTILE:
        return seen.percentile(config.percentile)
    if config.range is RangeMethod.AVERAGE:
        return float(seen.averages[0].min()), float(seen.averages[1].max())
    if config.range is RangeMethod.ENTROPY:
        limit = threshold(np.abs(seen.centres).ravel(), seen.counts.ravel(), top)
        return max(seen.low, -limit), min(seen.high, limit)
    return seen.low, seen.high


def _asymmetric(scale: float, low: float, high: float, top: int) -> list[Format]:
    """Zero points that keep the low end, the high end, and the middle between the two."""
    first, last = round(-low / scale), round(top - high / scale)
    return [Format(scale, min(max(z, 0), top)) for z in sorted({first, last, (first + last) // 2})]
