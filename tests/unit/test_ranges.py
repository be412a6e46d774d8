"""Ranges: formats by every method, percentiles and divergence against direct implementations."""

from __future__ import annotations

import itertools
import math
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.arith import int_range
from hwq.ir.types import Format
from hwq.quant.config import LayerConfig, RangeMethod
from hwq.quant.entropy import FEWEST, MOST, threshold
from hwq.quant.observers import MARGIN, Extremes, Histograms, Observation
from hwq.quant.ranges import activation_format

Array = NDArray[Any]


def seen(x: Array, squares: Array | None = None) -> Observation:
    """Of a tensor with one channel, or of (values, channels)."""
    shaped = np.asarray(x, np.float32).reshape(len(x), 1, 1, -1)
    extremes = Extremes()
    extremes.update({"t": shaped})
    histograms = Histograms(extremes)
    weights = np.ones_like(shaped) if squares is None else np.asarray(squares, np.float32).reshape(shaped.shape)
    histograms.update({"t": shaped}, {"t": weights})
    return histograms.observation("t")


def error(x: Array, form: Format, bits: int, signed: bool) -> Array:
    low, high = int_range(bits, signed)
    got = np.clip(np.floor(x / form.scale + 0.5) + form.zero_point, low, high) - form.zero_point
    squared: Array = (got * form.scale - x) ** 2
    return squared


def config(method: RangeMethod, percentile: float = 99.0) -> LayerConfig:
    return LayerConfig(range=method, percentile=percentile)


DATA: dict[str, Array] = {
    "normal": fn.rng().normal(0, 1, 4000),
    "positive": np.abs(fn.rng().normal(0, 1, 4000)),
    "far": fn.rng().uniform(2.0, 9.0, 4000),
    "negative": fn.rng().uniform(-4.0, -3.0, 4000),
    "lopsided": fn.rng().uniform(-5.0, 0.01, 4000),
    "mostly zero": np.where(fn.rng().random(4000) < 0.9, 0.0, fn.rng(2).normal(0, 1, 4000)),
    "outliers": np.concatenate([fn.rng().normal(0, 1, 3996), [40.0, -50.0, 60.0, 45.0]]),
    "discrete": fn.rng().integers(0, 17, 4000) / 16,
    "zero": np.zeros(100),
    "two values": np.tile([0.25, -0.5], 50),
    "channels": fn.rng().normal(0, 1, (1000, 4)) * [1.0, 0.1, 3.0, 0.0],
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("method", list(RangeMethod))
@pytest.mark.parametrize("pow2", [True, False])
def test_formats(pow2: bool, method: RangeMethod, name: str) -> None:
    """Sign, zero point and scale are legal; zero is exact; searches are never worse than taking all in."""
    x = DATA[name]
    for bits in (2, 4, 8, 16):
        for zero_point in (False, True):
            form, signed = activation_format(seen(x), config(method), bits, pow2, zero_point)
            low, high = int_range(bits, signed)
            assert form.scale > 0 and math.isfinite(form.scale)
            assert not pow2 or math.frexp(form.scale)[0] == 0.5
            assert signed == (x.min() < 0 and not zero_point)
            assert low <= form.zero_point <= high and (zero_point or form.zero_point == 0)
            if x.min() >= 0:
                assert form.zero_point == 0
            all_in, _ = activation_format(seen(x), config(RangeMethod.MAX), bits, pow2, zero_point)
            assert np.sqrt(error(x, all_in, bits, signed)).max() <= 1.01 * all_in.scale
            if method in (RangeMethod.MSE, RangeMethod.OUTPUT):
                most = float(error(x, all_in, bits, signed).sum())
                caution = (1.0 + MARGIN) ** 2 if method is RangeMethod.OUTPUT and not pow2 else 1.0
                assert float(error(x, form, bits, signed).sum()) <= 1.1 * caution * most + 1e-9 * float((x**2).sum())


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("name", ["normal", "positive", "lopsided", "discrete", "far"])
def test_no_method_loses_the_signal(name: str, bits: int) -> None:
    x, most = DATA[name], 0.2 if name == "discrete" else 0.95
    for pow2, zero_point in itertools.product((False, True), repeat=2):
        for method in RangeMethod:
            form, signed = activation_format(seen(x), config(method, 99.9), bits, pow2, zero_point)
            assert error(x, form, bits, signed).mean() < most * (x**2).mean(), (method, pow2, zero_point, form)


@pytest.mark.parametrize("method", list(RangeMethod))
def test_outliers(method: RangeMethod) -> None:
    """Few and far values are clipped, by those methods that weigh them against the others."""
    x = np.concatenate([DATA["normal"], fn.rng(5).normal(0, 1, 16_000), [11.0, -11.5, 12.0]])
    form, _ = activation_format(seen(x), config(method), 4, False, False)
    assert (form.scale * 7 > 10) == (method in (RangeMethod.MAX, RangeMethod.AVERAGE))


def test_percentile_bounds_the_format() -> None:
    x = DATA["normal"]
    form, _ = activation_format(seen(x), config(RangeMethod.PERCENTILE, 90.0), 8, False, False)
    assert abs(form.scale * 127 - np.percentile(np.abs(x), 90)) < 0.1


def test_output_weighs_values() -> None:
    """Errors where the gradient is large decide: outliers that count are kept, others are not."""
    x = DATA["outliers"]
    scales = {}
    for kept in (True, False):
        squares = np.where(np.abs(x) > 10, 1e6 if kept else 1e-6, 1.0)
        scales[kept], _ = activation_format(seen(x, squares), config(RangeMethod.OUTPUT), 4, False, False)
    assert scales[True].scale * 7 > 40 > 20 > scales[False].scale * 7


def test_nothing_weighs() -> None:
    """A tensor without influence gets a legal format all the same."""
    x = DATA["normal"]
    form, _ = activation_format(seen(x, np.zeros_like(x)), config(RangeMethod.OUTPUT), 8, True, False)
    assert form.scale == activation_format(seen(x), config(RangeMethod.MAX), 8, True, False)[0].scale


def slow_divergence(histogram: Array, kept: int, levels: int) -> float:
    """Migacz' algorithm step by step."""
    reference = histogram[:kept].astype(float)
    quantised = np.zeros(kept)
    for level in range(levels):
        inside = [i for i in range(kept) if i * levels // kept == level]
        filled = [i for i in inside if reference[i] > 0]
        for i in filled:
            quantised[i] = sum(reference[j] for j in inside) / len(filled)
    reference[-1] += histogram[kept:].sum()
    p, q = reference / reference.sum(), quantised / quantised.sum()
    return float(sum(max(a, 1e-12) * math.log(max(a, 1e-12) / max(b, 1e-12)) for a, b in zip(p, q, strict=True)))


@pytest.mark.parametrize("name", ["normal", "outliers", "mostly zero", "discrete"])
def test_entropy_step_by_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all ends that keep enough bins and values, the one of least divergence."""
    bins = 256
    monkeypatch.setattr("hwq.quant.entropy.BINS", bins)
    x = np.abs(DATA[name])
    x = x[x > 0]
    histogram, edges = np.histogram(x, bins, (0, x.max()))
    for levels in (1, 15, 31, 127):
        kept = [k for k in range(max(levels, FEWEST), bins) if histogram[:k].sum() >= MOST * len(x)]
        tried = {k: slow_divergence(histogram, k, levels) for k in [*kept[:: max(1, levels // 8)], bins]}
        got = threshold(x, np.ones(len(x), np.int64), levels)
        assert got == pytest.approx(edges[min(tried, key=lambda k: tried[k])])


@pytest.mark.parametrize("levels", [1, 3, 7, 127, 255])
def test_entropy_keeps_a_uniform_range(levels: int) -> None:
    """There is nothing to clip where all magnitudes are equally likely."""
    x = np.linspace(0.001, 1.0, 100_000)
    assert threshold(x, np.ones(len(x), np.int64), levels) > 0.6


@pytest.mark.parametrize("levels", [1, 3, 7, 127])
def test_entropy_clips_outliers(levels: int) -> None:
    x = np.abs(np.concatenate([fn.rng().normal(0, 1, 100_000), [60.0, 80.0]]))
    assert 0.5 < threshold(x, np.ones(len(x), np.int64), levels) < 20.0


def test_entropy_of_nothing() -> None:
    assert threshold(np.zeros(10), np.ones(10, np.int64), 127) == 0.0
    assert threshold(np.array([]), np.array([], np.int64), 127) == 0.0
    assert threshold(np.array([2.0]), np.array([5]), 1 << 15) == 2.0
