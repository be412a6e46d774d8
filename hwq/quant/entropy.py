"""Entropy: the clip at which the quantised distribution tells most of the real one.

The calibration of TensorRT (Migacz, "8-bit Inference with TensorRT", GTC 2017): the threshold with the least
Kullback-Leibler divergence between the clipped histogram and its merger into as many bins as there are levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 2048
FEWEST = 128
"""Bins that are kept at least, as in TensorRT."""
MOST = 0.9
"""Share of the values that is kept at least: with few filled bins there is no divergence to go by."""
SMALLEST = 1e-12
"""Stands for an empty bin in the divergence."""

Array = NDArray[np.float64]


def threshold(magnitudes: Array, counts: NDArray[np.int64], levels: int) -> float:
    """The magnitude to clip at, given a histogram of magnitudes and the number of levels above zero."""
    top = float(magnitudes.max(initial=0.0))
    if top == 0.0 or levels >= BINS:
        return top
    histogram, edges = np.histogram(magnitudes, BINS, (0.0, top), weights=counts.astype(np.float64))
    enough = int(np.searchsorted(np.cumsum(histogram), MOST * histogram.sum())) + 1
    tried = [*range(max(levels, enough, FEWEST), BINS, max(1, levels // 8)), BINS]
    best = min(tried, key=lambda kept: _divergence(histogram, kept, levels))
    return float(edges[best])


def _divergence(histogram: Array, kept: int, levels: int) -> float:
    clipped = histogram[:kept].copy()
    present = clipped > 0.0
    group = np.arange(kept) * levels // kept
    total = np.bincount(group, clipped, levels)
    filled = np.bincount(group, present, levels)
    merged = np.where(present, total[group] / np.maximum(filled[group], 1.0), 0.0)
    clipped[-1] += histogram[kept:].sum()
    p = np.maximum(clipped / clipped.sum(), SMALLEST)
    q = np.maximum(merged / max(merged.sum(), SMALLEST), SMALLEST)
    return float((p * np.log(p / q)).sum())
