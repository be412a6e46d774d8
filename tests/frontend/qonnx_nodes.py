"""What qonnx's own operators compute, in plain numpy; importing this adds them to `plain_nodes`."""

from __future__ import annotations

from typing import Any

import numpy as np
from plain_nodes import FUNCTIONS, Array, Attributes, F


def _away(x: Array) -> Array:
    return np.sign(x) * np.ceil(np.abs(x))


def _half_up(x: Array) -> Array:
    return np.sign(x) * np.floor(np.abs(x) + F(0.5))


def _half_down(x: Array) -> Array:
    return np.sign(x) * np.ceil(np.abs(x) - F(0.5))


ROUNDINGS = {
    "ROUND": np.rint, "HALF_EVEN": np.rint, "CEIL": np.ceil, "FLOOR": np.floor, "UP": _away, "DOWN": np.trunc,
    "HALF_UP": _half_up, "HALF_DOWN": _half_down,
}  # fmt: skip
"""By `rounding_mode`: UP and DOWN go away from zero and to it, and so do HALF_UP and HALF_DOWN with ties."""


def _ends(attributes: Attributes, bits: int) -> tuple[Any, Any]:
    """Lowest and highest integer of a quantiser."""
    signed, narrow = attributes.get("signed", 1), attributes.get("narrow", 0)
    high = 2 ** (bits - signed) - 1 - (narrow and not signed)
    return F(-(2 ** (bits - 1)) + narrow if signed else 0), F(high)


def _rounded(x: Array, attributes: Attributes, default: str) -> Array:
    mode = attributes.get("rounding_mode", default.encode()).decode()
    return np.asarray(ROUNDINGS[mode.upper()](x))


def _quant(inputs: list[Any], attributes: Attributes) -> Array:
    """Clamped before it is rounded; the zero point is added before both."""
    x, scale, zero, bits = inputs
    y = x / scale + zero
    if bits == 1 and attributes.get("signed", 1):
        y = np.where(y >= 0, F(1), F(-1))
    else:
        y = _rounded(np.clip(y, *_ends(attributes, int(bits))), attributes, "ROUND")
    return (y - zero) * scale


def _trunc(inputs: list[Any], attributes: Attributes) -> Array:
    """Trunc of version 1 with five inputs, which only drops bits, or of version 2 with six."""
    x, scale, zero, bits, *scales, kept = inputs
    whole = np.rint(x / scale + zero)
    if not scales:
        return (_rounded(whole / F(2 ** int(bits - kept)), attributes, "FLOOR") - zero) * scale
    step = F(2.0 ** np.rint(np.log2(scales[0] / scale)))
    y = _rounded(np.clip(whole / step, *_ends(attributes, int(kept))), attributes, "FLOOR")
    return (y - zero / step) * scales[0]


def _thresholds(inputs: list[Any], attributes: Attributes) -> Array:
    """How many thresholds of its channel each value reaches."""
    x, rows = inputs
    last = attributes.get("data_layout", b"NCHW") in (b"NHWC", b"NC")
    moved = x if last else np.moveaxis(x, 1, -1)
    counts = (moved[..., None] >= rows).sum(-1).astype(F)
    counts = counts if last else np.moveaxis(counts, -1, 1)
    return counts * F(attributes.get("out_scale", 1.0)) + F(attributes.get("out_bias", 0.0))


FUNCTIONS |= {
    "BipolarQuant": lambda i, _: np.where(i[0] >= 0, F(1), F(-1)) * i[1],
    "IntQuant": _quant,
    "MultiThreshold": _thresholds,
    "Quant": _quant,
    "Trunc": _trunc,
}
