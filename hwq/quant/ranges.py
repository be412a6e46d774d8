"""From an observation to the format of a tensor: scale, zero point, signedness."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval, int_range, quantise
from hwq.ir.types import Format
from hwq.quant.config import QuantConfig, RangeMethod, ScaleKind
from hwq.quant.observers import Observation

POW2_STEPS = 4
"""How many powers of two below the one without clipping the MSE search tries."""
FIXED_RATIOS = np.linspace(1.0, 0.3, 71)
"""Fractions of the full range that the MSE search tries."""
JUDGED = 12
"""How many of these an expensive judgement tries."""
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


def scale_candidates(full: float, config: QuantConfig) -> list[float]:
    """Scales worth trying for a tensor whose full range needs the scale `full`, the largest first."""
    if config.scale is ScaleKind.POW2:
        largest = pow2_ceil(full)
        return [largest * 2.0**-k for k in range(POW2_STEPS)] if config.range is RangeMethod.MSE else [largest]
    full = max(full, SMALLEST_SCALE)
    return [full * float(r) for r in FIXED_RATIOS] if config.range is RangeMethod.MSE else [full]


def best_scale(candidates: list[float], error: Callable[[float], float]) -> float:
    """The candidate of least error; of equal ones the first."""
    return min(candidates, key=error) if len(candidates) > 1 else candidates[0]


Error = Callable[[Format, bool], float]
"""How bad a format is for a tensor; the second argument is its signedness."""


def activation_format(
    seen: Observation, bits: int, config: QuantConfig, zero_point: bool, error: Error | None = None
) -> tuple[Format, bool]:
    """Format and signedness of an activation of `bits` bits.

    A tensor that was never negative is unsigned with zero point 0.  Otherwise it is signed and symmetric or, with
    `zero_point`, unsigned and asymmetric.  `error` judges formats in the MSE search; by default the squared error
    of the tensor itself does.
    """
    low, high = seen.percentile(config.percentile) if config.range is RangeMethod.PERCENTILE else (seen.low, seen.high)
    low, high = min(low, 0.0), max(high, 0.0)
    signed = seen.low < 0.0 and not zero_point
    levels = int_range(bits, signed)
    full = max(high / levels[1], low / levels[0]) if signed else (high - low) / levels[1]
    scales = scale_candidates(full, config)
    if error is not None:
        scales = scales[:: max(1, len(scales) // JUDGED)]
    if signed or seen.low >= 0.0:
        formats = [Format(scale) for scale in scales]
    else:
        formats = [form for scale in scales for form in _asymmetric(scale, low, high, levels[1])]
    if len(formats) == 1:
        return formats[0], signed
    return min(formats, key=lambda form: error(form, signed) if error else _error(seen, form, levels)), signed


def _asymmetric(scale: float, low: float, high: float, top: int) -> list[Format]:
    """Zero points that keep the low end, the high end, and the middle between the two."""
    first, last = round(-low / scale), round(top - high / scale)
    return [Format(scale, min(max(z, 0), top)) for z in sorted({first, last, (first + last) // 2})]


def _error(seen: Observation, form: Format, levels: Interval) -> float:
    """Sum of squared errors of the observed values under `form`."""
    centres = seen.centres
    real = (quantise(centres, form.scale, form.zero_point, *levels) - form.zero_point) * form.scale
    return float((seen.counts * (centres - real) ** 2).sum())


def weight_scales(weight: NDArray[np.float64], config: QuantConfig) -> NDArray[np.float64]:
    """Scale of each output channel, (M,); equal entries when quantised per tensor.

    Weights are symmetric and use -(2**(b-1) - 1) to 2**(b-1) - 1.
    """
    rows = weight.reshape(weight.shape[0], -1)
    groups = rows if config.per_channel else rows.reshape(1, -1)
    top = (1 << (config.weight_bits - 1)) - 1
    scales = [_weight_scale(group, top, config) for group in groups]
    return np.array(scales if config.per_channel else scales * len(rows))


def _weight_scale(group: NDArray[np.float64], top: int, config: QuantConfig) -> float:
    def error(scale: float) -> float:
        return float(((group - quantise(group, scale, 0, -top, top) * scale) ** 2).sum())

    return best_scale(scale_candidates(float(np.abs(group).max()) / top, config), error)
