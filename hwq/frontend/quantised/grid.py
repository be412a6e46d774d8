"""Grids: the integers that an input of real values was made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwq.arith import int_range
from hwq.errors import BadInput
from hwq.frontend.quantised.quantiser import Float32
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import TensorType

STEPS = (1, 127, 128, 255, 256)
"""Steps of a real 1 that are tried, the coarsest first."""


def grid_of(name: str, samples: NDArray[np.generic]) -> tuple[int, TensorType]:
    """The steps of a real 1 that all samples of an input are multiples of, and a type for their numbers.

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
            f"input '{name}': its samples are no multiples of {', '.join(f'1/{steps}' for steps in STEPS)} within the "
            "rounding of float32, expected integers or integers divided by one of these. Scale the data"
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
    return steps, TensorType((1, 1, int(np.prod(samples.shape[1:]))), bits, low < 0)


def reals(integers: NDArray[np.int64], steps: int) -> Float32:
    """The real values of numbers of steps: one float32 division, as whoever scales an image makes it."""
    return integers.astype(np.float32) / np.float32(steps)
