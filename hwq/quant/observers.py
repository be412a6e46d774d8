"""Observers: what calibration data say about each tensor, in memory that does not grow with the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 4096


@dataclass(frozen=True, slots=True)
class Observation:
    """Extremes of a tensor and a histogram of `BINS` equal bins between them."""

    low: float
    high: float
    counts: NDArray[np.int64]

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middle of each bin."""
        width = (self.high - self.low) / BINS
        return self.low + width * (np.arange(BINS, dtype=np.float64) + 0.5)

    def percentile(self, percent: float) -> tuple[float, float]:
        """The bounds that cut off (100 - percent) / 2 per cent of the values on either side."""
        total = np.cumsum(self.counts)
        tail = total[-1] * (100.0 - percent) / 200.0
        first = int(np.searchsorted(total, tail, side="right"))
        last = int(np.searchsorted(total, total[-1] - tail, side="left"))
        edges = np.linspace(self.low, self.high, BINS + 1)
        return float(edges[min(first, BINS - 1)]), float(edges[min(last, BINS - 1) + 1])


Batch = dict[str, NDArray[np.floating]]


class Extremes:
    """First pass: the lowest and highest value of each tensor."""

    def __init__(self) -> None:
        self.bounds: dict[str, tuple[float, float]] = {}

    def update(self, batch: Batch) -> None:
        """Take in the tensors of one batch."""
        for name, x in batch.items():
            low, high = self.bounds.get(name, (np.inf, -np.inf))
            self.bounds[name] = min(low, float(x.min())), max(high, float(x.max()))


class Histograms:
    """Second pass: histograms between the extremes of the first."""

    def __init__(self, bounds: dict[str, tuple[float, float]]) -> None:
        self.bounds = bounds
        self.counts = {name: np.zeros(BINS, np.int64) for name in bounds}

    def update(self, batch: Batch) -> None:
        """Take in the tensors of one batch."""
        for name, x in batch.items():
            low, high = self.bounds[name]
            scale = BINS / (high - low) if high > low else 0.0
            index = ((x.ravel() - np.float32(low)) * np.float32(scale)).astype(np.int32)
            self.counts[name] += np.bincount(np.clip(index, 0, BINS - 1), minlength=BINS)

    def observations(self) -> dict[str, Observation]:
        """What was seen of each tensor."""
        return {name: Observation(*self.bounds[name], self.counts[name]) for name in self.bounds}


class ChannelMeans:
    """The mean of each channel of each tensor, over batch and position."""

    def __init__(self) -> None:
        self.sums: dict[str, NDArray[np.float64]] = {}
        self.count: dict[str, int] = {}

    def update(self, batch: Batch) -> None:
        """Take in (batch, channels, height, width) arrays."""
        for name, x in batch.items():
            self.sums[name] = self.sums.get(name, 0.0) + x.sum(axis=(0, 2, 3), dtype=np.float64)
            self.count[name] = self.count.get(name, 0) + x.size // x.shape[1]

    def means(self) -> dict[str, NDArray[np.float64]]:
        """Tensor name to (channels,)."""
        return {name: total / self.count[name] for name, total in self.sums.items()}


def observe(batches: Iterable[Batch], again: Iterable[Batch]) -> dict[str, Observation]:
    """Two passes over the same batches: extremes, then histograms."""
    extremes = Extremes()
    for batch in batches:
        extremes.update(batch)
    histograms = Histograms(extremes.bounds)
    for batch in again:
        histograms.update(batch)
    return histograms.observations()
