"""Sensitivity: what a small error in a tensor does to the network's outputs, measured by gradients.

For an error e of one element with the gradient g of the outputs, the outputs change by g e.  The expected squared
norm of g for each channel comes from Hutchinson's estimator: the gradient of a sum of the outputs with random signs
(Hutchinson, "A stochastic estimator of the trace", 1990), averaged over samples, positions and draws.  Errors of
different elements are taken as independent, so that squared errors times gains add up to the squared output error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwq.quant.calibration import Calibration
from hwq.quant.gradient import backward

LARGEST = np.float32(1e15)
"""Gradients count as no larger: their squares must fit float32."""
DRAWS = 2
"""Random sign vectors for each sample."""

Array = NDArray[np.float32]


def squared_gradients(data: Calibration, batch: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Expected squared gradient of the outputs at every element of every tensor, and of ``name:pre``.

    `batch` holds every tensor, (batch, height, width, channels).
    """
    sums: dict[str, Array] = {}
    for _ in range(DRAWS):
        seeds = {name: rng.choice(np.array([-1.0, 1.0], np.float32), batch[name].shape) for name in data.judged}
        for name, grad in backward(data.graph, batch, seeds):
            square = np.minimum(np.abs(grad), LARGEST) ** 2 * np.float32(1.0 / DRAWS)
            sums[name] = sums[name] + square if name in sums else square
    return sums
