"""The table of exponentials of a softmax (rule N1)."""

from __future__ import annotations

import numpy as np

from hwq.arith import IntArray

FIRST = 65_535
"""Entry of the maximum itself: the largest of 16 bits."""
MAX_ENTRIES = 1025


def softmax_table(scale: float, bits: int) -> tuple[IntArray, int]:
    """Exponentials for inputs of `bits` bits and scale `scale`, and the step between them (``exps``, ``step``).

    Entry i is floor(65535 * exp(-scale * i * 2**step) + 1/2), up to the first that is 0. The step is the least with
    which at most `MAX_ENTRIES` entries remain, so it is 0 for inputs of up to 10 bits.

    Examples
    --------
    >>> softmax_table(1.0, 8)[0].tolist()
    [65535, 24109, 8869, 3263, 1200, 442, 162, 60, 22, 8, 3, 1, 0]
    >>> exps, step = softmax_table(2.0**-12, 16)
    >>> len(exps), step
    (756, 6)
    """
    step = 0
    while len(exps := _entries(scale, bits, step)) > MAX_ENTRIES:
        step += 1
    return exps, step


def _entries(scale: float, bits: int, step: int) -> IntArray:
    distances = np.arange((1 << (bits - step)) + (step > 0)) * float(1 << step)
    exps: IntArray = np.floor(FIRST * np.exp(-scale * distances) + 0.5).astype(np.int64)
    return exps[: 1 + np.count_nonzero(exps)]
