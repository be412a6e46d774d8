"""The constants of a normalisation: its table of reciprocal roots and its epsilon (rule N2)."""

from __future__ import annotations

import math

import numpy as np

from hwq.arith import IntArray
from hwq.ops.normalise import FRACTION

LARGEST = 65_535
"""Largest entry of the table."""


def smallest_scale(channels: int) -> float:
    """A power of two: with it, or a larger one, as `scale_y` the entries of a table fit into 16 bits.

    Examples
    --------
    >>> smallest_scale(1), smallest_scale(64)
    (4.656612873077393e-10, 3.725290298461914e-09)
    """
    return float(2.0 ** (math.ceil(math.log2(channels) / 2.0) + 1 + FRACTION[0] - LARGEST.bit_length()))


LARGEST_EPS = 2.0**62
"""Far beyond any variance."""


def normalise_constants(
    channels: int, scale_x: float, epsilon_real: float, scale_y: float, index_bits: int = 9
) -> tuple[int, IntArray, int]:
    """What makes integers of scale `scale_x` ones of zero mean and unit variance in scale `scale_y`.

    Parameters
    ----------
    epsilon_real
        What the layer adds to the variance of the real values.

    Returns
    -------
    eps, table, fraction
        The fields of `Normalise`. V is the variance in integers times channels^3, so eps is
        epsilon_real / scale_x^2 * channels^3 rounded, 1 to 2^62. The table is in units of 2^-fraction, as fine as 16
        bits allow.

    Raises
    ------
    ValueError
        When `scale_y` is so small that entries exceed 16 bits.

    Examples
    --------
    >>> eps, table, fraction = normalise_constants(64, 2**-4, 1e-5, 2**-5)
    >>> eps, len(table), fraction, int(table[0]), int(table[-1])
    (671, 1536, 7, 65504, 32772)
    """
    wanted = epsilon_real / scale_x**2 * channels**3
    eps = max(1, math.floor(min(wanted, LARGEST_EPS) + 0.5))
    places = np.arange(1 << index_bits, 4 << index_bits) + 0.5
    exact = math.sqrt(channels) / scale_y / np.sqrt(places / (4 << index_bits))
    coarsest, finest = FRACTION
    fitting = (q for q in range(finest, coarsest - 1, -1) if exact[0] * 2.0**q < LARGEST + 0.5)
    fraction = next(fitting, None)
    if fraction is None:
        raise ValueError(f"{channels} channels at an output scale of {scale_y:g}: a factor needs more than 16 bits")
    return eps, np.floor(exact * 2.0**fraction + 0.5).astype(np.int64), fraction
