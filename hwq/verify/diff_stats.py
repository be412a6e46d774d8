"""Statistics of the differences between two forms of one tensor, gathered a few samples at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.ir.types import Format
from hwq.quant.errors import decibel
from hwq.verify.traces import MISSING, UNKNOWN

MAX_POINTS = 4096
"""Pairs of values of a tensor that are kept for a plot."""
MAX_EXTREMES = 64
"""Pairs with the largest errors that are kept besides."""
REACH, PER_STEP = 3, 10
"""The histogram of errors goes this many steps to both sides, with so many bins a step; the outermost hold the rest."""

Values = NDArray[Any]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """One element, and its value on both sides; None for one with unknown bits."""

    sample: int
    row: int
    column: int
    channel: int
    a: float | None
    b: float | None


@dataclass(slots=True)
class Picked:
    """Pairs that are spread evenly over all that pass, `MAX_POINTS` at most."""

    points: Points = field(default_factory=lambda: np.empty((0, 2)))
    stride: int = 1
    passed: int = 0

    def update(self, a: Values, b: Values) -> None:
        """Take in flat arrays."""
        first = -self.passed % self.stride
        self.passed += len(a)
        taken = np.stack([a[first :: self.stride], b[first :: self.stride]], axis=1).astype(np.float64)
        self.points = np.concatenate([self.points, taken])
        while len(self.points) > MAX_POINTS:
            self.points, self.stride = self.points[::2], 2 * self.stride


@dataclass(slots=True)
class Extremes:
    """The pairs that are farthest apart, `MAX_EXTREMES` at most."""

    points: Points = field(default_factory=lambda: np.empty((0, 2)))

    def update(self, a: Values, b: Values, size: NDArray[np.float64]) -> None:
        """Take in flat arrays and how far they are apart."""
        most = np.argpartition(size, -MAX_EXTREMES)[-MAX_EXTREMES:] if len(size) > MAX_EXTREMES else slice(None)
        points = np.concatenate([self.points, np.stack([a[most], b[most]], axis=1).astype(np.float64)])
        farthest = np.argsort(-np.abs(points[:, 1] - points[:, 0]), kind="stable")
        self.points = points[farthest[:MAX_EXTREMES]]


@dataclass(slots=True)
class Statistics:
    """What is known of a tensor so far; sums are float64, over elements that both sides have.

    `different` counts elements that are not equal, `unknown` those of them with unknown bits, and `missing` those that
    one side lacks.  `channels` (C,) and `pixels` (H, W) count where they are different.  `histogram` counts errors
    b - a in steps, where there are any.
    """

    exact: bool
    step: float | None
    elements: int = 0
    different: int = 0
    unknown: int = 0
    missing: int = 0
    samples: int = 0
    first: Place | None = None
    worst: Place | None = None
    max_abs: float = 0.0
    sum_abs: float = 0.0
    signal: float = 0.0
    noise: float = 0.0
    over_half: int = 0
    over_one: int = 0
    judged: int = 0
    agreed: int = 0
    channels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * REACH * PER_STEP + 2, np.int64))
    picked: Picked = field(default_factory=Picked)
    extremes: Extremes = field(default_factory=Extremes)

    def update(self, a: Values, b: Values, start: int) -> None:
        """Take in (n, height, width, channels) of both sides; the first sample has the number `start`."""
        missing = _marked(a, MISSING) | _marked(b, MISSING)
        unknown = ~missing & (_marked(a, UNKNOWN) | _marked(b, UNKNOWN))
        usable = ~(missing | unknown)
        error = np.where(usable, b, 0).astype(np.float64) - np.where(usable, a, 0)
        different = (error != 0.0) | unknown
        self.elements += int(a.size - missing.sum())
        self.missing += int(missing.sum())
        self.unknown += int(unknown.sum())
        self.different += int(different.sum())
        self.samples += int(different.any(axis=(1, 2, 3)).sum())
        if not len(self.channels):
            self.channels, self.pixels = np.zeros(a.shape[3], np.int64), np.zeros(a.shape[1:3], np.int64)
        self.channels += different.sum(axis=(0, 1, 2))
        self.pixels += different.sum(axis=(0, 3))
        if self.first is None and different.any():
            self.first = _place(a, b, int(different.argmax()), start)
        size = np.abs(error)
        if size.size and size.max() > self.max_abs:
            self.max_abs = float(size.max())
            self.worst = _place(a, b, int(size.argmax()), start)
        self.sum_abs += float(size.sum())
        self.signal += float((np.where(usable, a, 0).astype(np.float64) ** 2).sum())
        self.noise += float((error**2).sum())
        if self.step is not None:
            self.over_half += int((size > 0.5 * self.step).sum())
            self.over_one += int((size > self.step).sum())
            bins = np.floor(error[usable] * (PER_STEP / self.step)) + (REACH * PER_STEP + 1)
            last = len(self.histogram) - 1
            self.histogram += np.bincount(np.clip(bins, 0, last).astype(np.int64), minlength=last + 1)
        whole = usable.all(axis=3)
        self.judged += int(whole.sum())
        self.agreed += int((a.argmax(axis=3) == b.argmax(axis=3))[whole].sum())
        shown = usable & different if self.exact else usable
        self.picked.update(a[shown], b[shown])
        self.extremes.update(a[shown], b[shown], size[shown])

    @property
    def sqnr_db(self) -> float | None:
        """10 log10(signal / noise) with side a as the signal; None where one of them is zero."""
        return decibel(self.signal, self.noise)

    @property
    def mean_abs(self) -> float:
        """Mean absolute difference."""
        return self.sum_abs / self.elements if self.elements else 0.0

    @property
    def agreement(self) -> float | None:
        """Share of pixels whose largest channel is the same on both sides; None where there is only one channel."""
        return self.agreed / self.judged if self.judged and len(self.channels) > 1 else None


def as_real(x: Values, form: Format) -> NDArray[np.float64]:
    """What integers stand for; a mark becomes NaN (missing) or infinity (unknown)."""
    real = form.dequantise(x)
    real[x == MISSING], real[x == UNKNOWN] = np.nan, np.inf
    return real


def _marked(x: Values, mark: int) -> NDArray[np.bool_]:
    """Where values carry a mark."""
    found: NDArray[np.bool_]
    if x.dtype == np.int64:
        found = x == mark
    else:
        found = np.isnan(x) if mark == MISSING else np.isinf(x)
    return found


def _place(a: Values, b: Values, flat: int, start: int) -> Place:
    sample, row, column, channel = (int(i) for i in np.unravel_index(flat, a.shape))
    at = (sample, row, column, channel)
    return Place(start + sample, row, column, channel, _number(a[at]), _number(b[at]))


def _number(value: Any) -> float | None:
    if isinstance(value, np.int64):
        return None if value == UNKNOWN else int(value)
    return float(value) if np.isfinite(value) else None
