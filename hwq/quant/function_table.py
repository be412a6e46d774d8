"""The table of a function: its values at the integers of the input, in units of the output (rule F1)."""

from __future__ import annotations

import numpy as np

from hwq.arith import IntArray
from hwq.frontend.expression import Expr
from hwq.ir.types import Format, TensorType

INDEX_BITS = 10
"""Inputs of more bits are interpolated between as many entries."""
FRACTION = 4
"""Bits of an entry below the output's unit, where there is interpolation."""


def function_table(
    expr: Expr, x: Format, x_type: TensorType, y: Format, y_type: TensorType
) -> tuple[IntArray, int, int]:
    """Entries, step and fraction of the table of a function.

    Entry i is floor((f(x_i) / scale + zero point) * 2^fraction + 1/2), clamped to the output's type, for the real value
    x_i of the lowest integer plus i * 2^step.  Where f is not defined it has the value of the nearest place where it
    is.
    """
    step = max(0, x_type.bits - INDEX_BITS)
    fraction = FRACTION if step else 0
    low, high = x_type.range
    integers = np.arange(low, high + 1 + (step > 0), 1 << step, dtype=np.float64)
    with np.errstate(over="ignore"):
        values = _defined(expr((integers - x.zero_point) * x.scale)) / y.scale + y.zero_point
    values = np.clip(values, *y_type.range)
    entries: IntArray = np.floor(values * 2.0**fraction + 0.5).astype(np.int64)
    return entries, step, fraction


def _defined(values: np.ndarray) -> np.ndarray:
    """The same with each value that is not a number replaced by its nearest neighbour that is one."""
    good = np.flatnonzero(~np.isnan(values))
    if len(good) == len(values):
        return values
    if not len(good):
        return np.zeros_like(values)
    places = np.arange(len(values))
    after = np.clip(np.searchsorted(good, places), 0, len(good) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.where(np.abs(good[before] - places) <= np.abs(good[after] - places), before, after)
    found: np.ndarray = values[good[nearer]]
    return found
