"""Grids: the integers that an input of real values was made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwq.arith import int_range
from hwq.errors import BadInput
from hwq.ir.program import MAX_TENSOR_BITS

STEPS = (1, 127, 128, 255, 256)
"""Steps of a real 1 that are tried, the coarsest first."""


def grid_of(name: str, reader: str, samples: NDArray[np.generic]) -> tuple[int, tuple[int, bool]]:
    """The steps of a real 1 that all samples of an input are multiples of, and bits and sign of their numbers.

    Raises
    ------
    BadInput
        When they are multiples of none, or of too many.
    """
    x = samples.astype(np.float64)
    slack = 2.0**-23 * np.abs(x)
    for steps in STEPS:
        numbers = np.rint(x * steps)
        if (np.abs(x - numbers / steps) <= slack).all():
            break
    else:
        raise BadInput(
            f"{reader}: reads floats, and input '{name}': its samples are no multiples of "
            f"{', '.join(f'1/{steps}' for steps in STEPS)} within the rounding of float32, expected integers or "
            "integers divided by one of these. Quantise the input in the model, or scale the data"
        )
    low, high = int(numbers.min()), int(numbers.max())
    if np.dtype(samples.dtype).kind in "iu" and samples.dtype.itemsize <= MAX_TENSOR_BITS // 8:
        low, high = int_range(8 * samples.dtype.itemsize, samples.dtype.kind == "i")
    full = steps - 1 if steps & (steps - 1) == 0 else steps
    bits = max(1, max(high, full, -low - 1).bit_length()) + (low < 0)
    if bits > MAX_TENSOR_BITS:
        raise BadInput(
            f"input '{name}': integers from {low} to {high}, expected such of at most {MAX_TENSOR_BITS} bits. "
            "Scale the data"
        )
    return steps, (bits, low < 0)
