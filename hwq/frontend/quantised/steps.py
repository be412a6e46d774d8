"""Steps: integers that grow with another integer, as rows of thresholds."""

from __future__ import annotations

import numpy as np

from hwq.arith import IntArray
from hwq.frontend.node import Refusal
from hwq.ops.threshold import MAX_THRESHOLDS


def falling(y: IntArray) -> np.ndarray:
    """For each channel whether its integers y (V, C) fall.

    Raises
    ------
    Refusal
        When those of a channel rise and fall.
    """
    change = np.diff(y, axis=0)
    down = (change < 0).any(axis=0)
    both = down & (change > 0).any(axis=0)
    if both.any():
        raise Refusal(f"channel {int(both.argmax())} rises and falls with its accumulator, expected one of both")
    return np.asarray(down)


def threshold_rows(y: IntArray, starts: IntArray, top: int) -> tuple[IntArray, int]:
    """Thresholds (C, T), or (1, T) where all are equal, of rising integers y (V, C), and the integer below all.

    Parameters
    ----------
    y
        Row v is for the integer ``starts[c] + v``.
    top
        The highest value of the result's type: with it even a constant has a threshold that fits.

    Raises
    ------
    Refusal
        When there would be too many.
    """
    low = min(int(y.min()), top - 1)
    count = max(1, int(y.max()) - low)
    if count > MAX_THRESHOLDS:
        raise Refusal(f"takes {count + 1} different values, expected at most {MAX_THRESHOLDS + 1}. Use fewer bits")
    reached = [(y < low + k).sum(axis=0) for k in range(1, count + 1)]
    rows = starts[:, None] + np.stack(reached, axis=1)
    return (rows[:1] if (rows == rows[0]).all() else rows), low
