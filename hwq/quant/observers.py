"""Observers: what is recorded of each tensor while calibration data runs through the float network.

Memory does not grow with the number of batches: extremes, a moving average of them and histograms are kept for each
channel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval
from hwq.errors import refuse_all
from hwq.ir.types import Format
from hwq.quant.calibration import Calibration, Floats
from hwq.quant.sensitivity import squared_gradients

BINS = 1 << 17
"""Bins of one tensor, shared by its channels."""
CHANNEL_BINS = (128, 4096)
"""Fewest and most bins of a channel."""
MOMENTUM = 0.1
"""Weight of a new batch in the moving average of the extremes."""
NARROW = 1e-30
"""Channels that span less fill one bin: float32 ends there."""
LARGEST = 1e37
"""Values from here on are no numbers to work with: a sum of some leaves float32."""
GRADIENT_BATCH = 4
CLIPPED = 8.0
"""How much worse a squared error is when it comes from clipping than from rounding: clipped neighbours err alike."""
MARGIN = 0.1
"""Data to come reach farther than calibration data by this share, as far as clipping goes."""
BOUND = 3
"""A tensor whose extreme so many samples share exactly is bounded there, as pixels and the values of a ReLU6 are."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What was seen of one tensor; arrays have one row for each channel.

    `counts` (C, bins) is a histogram between the extremes `lows` and `highs` of each channel, zeros left out;
    `weights` is the same with each value weighted by the squared gradient of the network's outputs there (see
    `sensitivity`), so that squared errors of the tensor add up to squared errors of the outputs; `averages` (2, C) are
    moving averages of the extremes of batches; `bounds` (2, C) are what no value can pass, infinite where that is not
    known; `size` counts all values, zeros included.
    """

    lows: Array
    highs: Array
    averages: Array
    bounds: Array
    counts: NDArray[np.int64]
    weights: Array
    size: int

    @property
    def low(self) -> float:
        """Lowest value of the tensor."""
        return float(self.lows.min())

    @property
    def high(self) -> float:
        """Highest value of the tensor."""
        return float(self.highs.max())

    @property
    def widths(self) -> Array:
        """Width of the bins of each channel, (C, 1)."""
        width: Array = ((self.highs - self.lows) / self.counts.shape[1])[:, None]
        return width

    @property
    def centres(self) -> Array:
        """Middle of each bin, (C, bins)."""
        return _centres(self)

    @property
    def variance(self) -> Array:
        """Variance of each channel, (C,)."""
        square = (self.counts * self.centres**2).sum(1) * len(self.lows) / self.size
        spread: Array = np.maximum(square - self.mean**2, 0.0)
        return spread

    @property
    def mean(self) -> Array:
        """Mean of each channel, (C,)."""
        mean: Array = (self.counts * self.centres).sum(1) * len(self.lows) / self.size
        return mean

    def times(self, factors: Array) -> Observation:
        """What would have been seen of the tensor with its channels multiplied by `factors` (C,), all above zero."""
        return replace(
            self, lows=self.lows * factors, highs=self.highs * factors, averages=self.averages * factors,
            bounds=self.bounds * factors, weights=self.weights / factors[:, None] ** 2,
        )  # fmt: skip

    def less(self, offsets: Array) -> Observation:
        """What would have been seen of the tensor with its channels lowered by `offsets` (C,).

        No channel that is lowered is ever zero, neither before nor below zero after.
        """
        return replace(
            self, lows=self.lows - offsets, highs=self.highs - offsets, averages=self.averages - offsets,
            bounds=self.bounds - offsets,
        )  # fmt: skip

    def percentile(self, percent: float) -> tuple[float, float]:
        """The bounds that cut off (100 - percent) / 2 per cent of the values on either side."""
        values, weights, half = self.centres.ravel(), self.counts.ravel(), self.widths / 2.0
        order = np.argsort(values, kind="stable")
        total = np.cumsum(weights[order])
        total += np.where(values[order] > 0.0, self.size - total[-1], 0)
        tail = self.size * (100.0 - percent) / 200.0
        last = len(order) - 1
        first = order[min(int(np.searchsorted(total, tail, side="right")), last)]
        final = order[min(int(np.searchsorted(total, self.size - tail, side="left")), last)]
        bins = self.counts.shape[1]
        return float(values[first] - half[first // bins, 0]), float(values[final] + half[final // bins, 0])

    def squared_error(self, form: Format, levels: Interval) -> Array:
        """Sum of squared errors of each channel, (C,), if the tensor had the format `form`."""
        centres = self.centres
        steps = np.clip(self._steps(form.scale), levels[0] - form.zero_point, levels[1] - form.zero_point)
        inside = np.abs(centres - steps * form.scale) <= form.scale / 2.0
        fine = inside & (form.scale < 2.0 * self.widths)
        error = np.where(fine, form.scale**2 / 12.0, (centres - steps * form.scale) ** 2)
        total: Array = (self.counts * error).sum(1)
        return total

    def output_error(
        self, form: Format, levels: Interval, factors: Array | None = None, *, cautious: bool = True
    ) -> Array:
        """Squared error of the outputs that each channel causes, (C,), if its values times `factors` had `form`.

        To first order; if `cautious`, with clipping worth `CLIPPED` times what it does by itself, and with values that
        are larger by `MARGIN`, as far as bounds allow.
        """
        scale = form.scale / (np.ones((1, 1)) if factors is None else factors[:, None])
        steps = self._steps(scale)
        wide = np.clip(self.centres * (1.0 + MARGIN * cautious), *self.bounds[:, :, None]) / scale
        beyond = wide - np.clip(wide, levels[0] - form.zero_point - 0.5, levels[1] - form.zero_point + 0.5)
        error = np.where(scale < 2.0 * self.widths, scale**2 / 12.0, (self.centres - steps * scale) ** 2)
        total: Array = (self.weights * (error + (CLIPPED if cautious else 1.0) * (beyond * scale) ** 2)).sum(1)
        return total

    def _steps(self, scale: Any) -> Array:
        """Bins in whole steps; within a bin that is wide against a step, values are taken as uniform."""
        steps: Array = np.floor(self.centres / scale + 0.5)
        return steps


@lru_cache(maxsize=1)
def _centres(seen: Observation) -> Array:
    centre: Array = seen.lows[:, None] + seen.widths * (np.arange(seen.counts.shape[1]) + 0.5)
    return centre


class Extremes:
    """First pass: extremes of each channel, moving averages of them, and bounds that samples share."""

    def __init__(self) -> None:
        self.lows: dict[str, Array] = {}
        self.highs: dict[str, Array] = {}
        self.averages: dict[str, Array] = {}
        self._shared: dict[str, list[tuple[float, int]]] = {}

    def update(self, batch: dict[str, Floats]) -> None:
        """Take in (batch, height, width, channels) arrays."""
        for name, x in batch.items():
            low, high = x.min(axis=(0, 1, 2)).astype(np.float64), x.max(axis=(0, 1, 2)).astype(np.float64)
            both = np.stack([low, high])
            self.lows[name] = np.minimum(self.lows.get(name, low), low)
            self.highs[name] = np.maximum(self.highs.get(name, high), high)
            self.averages[name] = self.averages.get(name, both) * (1.0 - MOMENTUM) + both * MOMENTUM
            ends = (-x.min(axis=(1, 2, 3)), x.max(axis=(1, 2, 3)))
            known = self._shared.get(name, [(-np.inf, 0)] * 2)
            self._shared[name] = [_most_shared(*old, end) for old, end in zip(known, ends, strict=True)]

    def check(self) -> None:
        """Refuse tensors with values that no scale holds."""
        reached = {name: float(np.maximum(-low, self.highs[name]).max()) for name, low in self.lows.items()}
        wrong = {name: most for name, most in reached.items() if not most < LARGEST}
        hint = f"expected numbers below {LARGEST:g}. Check weights and samples"
        refuse_all([f"{name}: reaches {most:g} on these samples, {hint}" for name, most in wrong.items()])

    def bounds(self, name: str) -> Array:
        """What no value of the channels can pass, (2, C)."""
        (low, lows), (high, highs) = self._shared[name]
        ends = [-low if lows >= BOUND else -np.inf, high if highs >= BOUND else np.inf]
        return np.repeat(np.array(ends)[:, None], len(self.lows[name]), axis=1)


class Histograms:
    """Second pass: histograms between the extremes of the first."""

    def __init__(self, extremes: Extremes) -> None:
        self.extremes = extremes
        shapes = {n: (len(low), int(np.clip(BINS // len(low), *CHANNEL_BINS))) for n, low in extremes.lows.items()}
        self.counts = {name: np.zeros(shape, np.int64) for name, shape in shapes.items()}
        self.weights = {name: np.zeros(shape) for name, shape in shapes.items()}
        self.sizes = dict.fromkeys(shapes, 0)

    def update(self, batch: dict[str, Floats], squares: dict[str, Floats]) -> None:
        """Take in (batch, height, width, channels) arrays, and the squared gradients of the outputs there."""
        for name, x in batch.items():
            counts, low = self.counts[name], self.extremes.lows[name]
            channels, bins = counts.shape
            span = self.extremes.highs[name] - low
            factor = np.divide(bins, span, out=np.zeros_like(span), where=span > NARROW).astype(np.float32)
            rows = x.reshape(-1, channels)
            index = ((rows - low.astype(np.float32)) * factor).astype(np.int32)
            np.clip(index, 0, bins - 1, out=index)
            index += np.arange(channels, dtype=np.int32) * bins
            nonzero = rows != 0.0
            index = index[nonzero]
            counts += np.bincount(index, minlength=counts.size).reshape(counts.shape)
            if name in squares:
                weights = squares[name].reshape(-1, channels)[nonzero]
                self.weights[name] += np.bincount(index, weights, counts.size).reshape(counts.shape)
            self.sizes[name] += x.size

    def observation(self, name: str) -> Observation:
        """What was seen of a tensor."""
        seen = self.extremes
        return Observation(
            seen.lows[name], seen.highs[name], seen.averages[name], seen.bounds(name), self.counts[name],
            self.weights[name], self.sizes[name],
        )  # fmt: skip


def _most_shared(largest: float, samples: int, found: Floats) -> tuple[float, int]:
    """The largest of all values, and how many samples have it: `samples` before, and those of `found`, (batch,)."""
    top = max(largest, float(found.max()))
    return top, (samples if top == largest else 0) + int((found == np.float32(top)).sum())


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen of every tensor, and what errors before the activations do.

    `gains` has for each linear layer the expected squared gradient of the outputs, summed over the positions of a
    sample, (channels,); empty when no gradients were taken.  `halves` are surveys of one half of the samples each
    (see `calibration.halves`), where they were asked for.
    """

    tensors: dict[str, Observation]
    gains: dict[str, Array]
    samples: int
    halves: tuple[Survey, ...] = ()

    def rounding_error(self, name: str, form: Format, levels: Interval) -> float:
        """Expected squared error of the outputs of one sample, if the tensor `name` had the format `form`."""
        return float(self.tensors[name].output_error(form, levels, cautious=False).sum()) / self.samples

    def times(self, factors: dict[str, Array]) -> Survey:
        """The survey of the same network with its channels multiplied by `factors`."""
        tensors = {name: seen.times(factors[name]) for name, seen in self.tensors.items()}
        gains = {name: gain / factors[name] ** 2 for name, gain in self.gains.items()}
        return Survey(tensors, gains, self.samples)

    def less(self, offsets: dict[str, Array]) -> Survey:
        """The survey, and its halves, of the same network with the channels of some tensors lowered by `offsets`."""
        tensors = {n: seen.less(offsets[n]) if n in offsets else seen for n, seen in self.tensors.items()}
        return replace(self, tensors=tensors, halves=tuple(half.less(offsets) for half in self.halves))


def observe(data: Calibration, gradients: bool) -> Survey:
    """Two passes over the samples: extremes, then histograms, weighted by `gradients` where asked for."""
    extremes = Extremes()
    with np.errstate(over="ignore", invalid="ignore"):
        for batch in data.batches(data.tensors):
            extremes.update(batch)
    extremes.check()
    histograms = Histograms(extremes)
    rng = np.random.default_rng(0)
    gains: dict[str, Array] = {}
    for batch in data.batches(data.tensors, GRADIENT_BATCH):
        squares = squared_gradients(data, batch, rng) if gradients else {}
        for name, square in squares.items():
            if name.endswith(":pre"):
                total = square.sum(axis=(0, 1, 2), dtype=np.float64) / data.count
                gains[name.removesuffix(":pre")] = gains.get(name.removesuffix(":pre"), 0.0) + total
        histograms.update(batch, squares)
    return Survey({name: histograms.observation(name) for name in extremes.lows}, gains, data.count)
