"""Observers: what is kept of tensors, in how much memory, and that scaled channels need no second look."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.arith import int_range
from hwq.frontend import graph as fg
from hwq.ir.types import Format
from hwq.quant.observers import (
    BINS,
    CHANNEL_BINS,
    CLIPPED,
    MARGIN,
    MOMENTUM,
    Extremes,
    Histograms,
    Observation,
    observe,
)

Batches = list[NDArray[np.float32]]


def look(batches: Batches, squares: Batches | None = None) -> Observation:
    """What is seen of one tensor in batches (n, height, width, channels)."""
    extremes = Extremes()
    for x in batches:
        extremes.update({"t": x})
    histograms = Histograms(extremes)
    for k, x in enumerate(batches):
        histograms.update({"t": x}, {} if squares is None else {"t": squares[k]})
    return histograms.observation("t")


def normal(shape: tuple[int, ...] = (8, 5, 4, 6), count: int = 5, relu: bool = False) -> Batches:
    """Channels of different spread and mean."""
    channel = np.arange(shape[-1])
    found = [fn.rng(seed).normal(channel % 3, 1.0 + channel, shape).astype(np.float32) for seed in range(count)]
    return [np.maximum(x, 0) for x in found] if relu else found


@pytest.mark.parametrize("relu", [False, True])
def test_extremes_and_counts(relu: bool) -> None:
    batches = normal(relu=relu)
    seen, every = look(batches), np.concatenate(batches)
    rows = every.reshape(-1, 6)
    assert np.array_equal(seen.lows, rows.min(0)) and np.array_equal(seen.highs, rows.max(0))
    assert (seen.low, seen.high) == (rows.min(), rows.max()) and seen.size == every.size
    assert np.array_equal(seen.counts.sum(1), (rows != 0).sum(0))
    assert np.allclose(seen.mean, rows.mean(0), atol=0.01) and np.allclose(seen.variance, rows.var(0), rtol=0.01)
    for c in range(6):
        values = rows[:, c][rows[:, c] != 0]
        want, _ = np.histogram(values, seen.counts.shape[1], (seen.lows[c], seen.highs[c]))
        assert np.abs(want - seen.counts[c]).sum() <= 0.02 * len(values)


def test_moving_average() -> None:
    batches = normal()
    low, high = batches[0].min(axis=(0, 1, 2)), batches[0].max(axis=(0, 1, 2))
    for x in batches[1:]:
        low = (1 - MOMENTUM) * low + MOMENTUM * x.min(axis=(0, 1, 2))
        high = (1 - MOMENTUM) * high + MOMENTUM * x.max(axis=(0, 1, 2))
    np.testing.assert_allclose(look(batches).averages, [low, high], rtol=1e-5)


@pytest.mark.parametrize(("channels", "bins"), [(1, 4096), (64, 2048), (512, 256), (5000, 128)])
def test_bins(channels: int, bins: int) -> None:
    seen = look([fn.rng().normal(0, 1, (2, 1, 1, channels)).astype(np.float32)])
    assert seen.counts.shape == (channels, bins) == seen.weights.shape
    assert CHANNEL_BINS[0] <= bins <= CHANNEL_BINS[1] and (bins * channels <= BINS or bins == CHANNEL_BINS[0])


def test_weights_are_sums_of_squares() -> None:
    batches = normal()
    squares = [fn.rng(seed + 50).uniform(0, 2, x.shape).astype(np.float32) for seed, x in enumerate(batches)]
    seen = look(batches, squares)
    np.testing.assert_allclose(seen.weights.sum(1), np.sum([s.sum(axis=(0, 1, 2)) for s in squares], 0), rtol=1e-5)
    assert np.array_equal(seen.weights > 0, seen.counts > 0)
    assert not look(batches).weights.any()


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0, 1e-30, -1e30])
def test_constant_channels(value: float) -> None:
    seen = look([np.full((4, 2, 2, 3), value, np.float32)] * 2)
    assert np.allclose(seen.mean, value) and seen.counts.sum() == (96 if value else 0)
    assert np.array_equal(seen.lows, seen.highs)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("span", [1e-44, 1e-38, 1e-20, 1.0, 1e30, 1e38])
def test_any_span(span: float) -> None:
    """Values fall into their bins without overflows, however small or large a channel is."""
    x = (fn.rng().uniform(-1, 1, (50, 2, 2, 2)) * [1.0, span]).astype(np.float32)
    seen = look([x])
    assert seen.counts.sum() == np.count_nonzero(x)
    want = np.abs(x.astype(np.float64)).mean(axis=(0, 1, 2))
    found = (np.abs(seen.centres) * seen.counts).sum(1) / x[..., 0].size
    np.testing.assert_allclose(found, want, rtol=0.02, atol=1e-30)


@pytest.mark.parametrize("relu", [False, True])
def test_times_equals_looking_again(relu: bool) -> None:
    factors = 2.0 ** fn.rng(9).uniform(-6, 6, 6)
    batches = normal(relu=relu)
    squares = [fn.rng(seed + 50).uniform(0, 2, x.shape).astype(np.float32) for seed, x in enumerate(batches)]
    again = look(
        [(x * factors).astype(np.float32) for x in batches], [(s / factors**2).astype(np.float32) for s in squares]
    )
    moved = look(batches, squares).times(factors)
    for name in ("lows", "highs", "averages", "mean", "variance"):
        np.testing.assert_allclose(getattr(moved, name), getattr(again, name), rtol=0.01, atol=1e-6, err_msg=name)
    assert moved.size == again.size
    assert np.abs(moved.counts - again.counts).sum() <= 0.02 * again.counts.sum()
    np.testing.assert_allclose(moved.weights.sum(1), again.weights.sum(1), rtol=1e-4)
    for percent in (90.0, 99.9):
        np.testing.assert_allclose(moved.percentile(percent), again.percentile(percent), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("signed", "zero"), [(True, 0), (False, 0), (False, 3)])
def test_squared_error(signed: bool, zero: int, bits: int) -> None:
    """That of the histogram is that of the data."""
    batches = normal((40, 5, 4, 6), relu=not signed and not zero)
    x = np.concatenate(batches).astype(np.float64)
    low, high = int_range(bits, signed)
    for scale in (0.02, 0.3, 4.0):
        got = look(batches).squared_error(Format(scale, zero), (low, high))
        nearest = np.clip(np.floor(x / scale + 0.5), low - zero, high - zero) * scale
        np.testing.assert_allclose(got, ((x - nearest) ** 2).sum(axis=(0, 1, 2)), rtol=0.05)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("cautious", [False, True])
@pytest.mark.parametrize("factors", [None, np.array([1.0, 0.3, 2.0, 1.0, 5.0, 0.7])])
@pytest.mark.parametrize(("signed", "zero"), [(True, 0), (False, 0), (False, 3)])
def test_output_error(signed: bool, zero: int, factors: NDArray[Any] | None, cautious: bool, bits: int) -> None:
    """Rounding errors and what is clipped, each value weighted by its squared gradient."""
    batches = normal((40, 5, 4, 6), relu=not signed and not zero)
    every = np.concatenate(batches).astype(np.float64)
    weights = fn.rng(3).uniform(0, 2, every.shape)
    seen = look(batches, [w.astype(np.float32) for w in np.split(weights, len(batches))])
    by = np.ones(6) if factors is None else factors
    low, high = int_range(bits, signed)
    margin, dear = (1.0 + MARGIN, CLIPPED) if cautious else (1.0, 1.0)
    for scale in (0.02, 0.3, 4.0):
        got = seen.output_error(Format(scale, zero), (low, high), factors, cautious=cautious)
        x = every * by
        beyond = x * margin - np.clip(x * margin, (low - zero - 0.5) * scale, (high - zero + 0.5) * scale)
        error = (x - np.floor(x / scale + 0.5) * scale) ** 2 + dear * beyond**2
        np.testing.assert_allclose(got, (weights * error).sum(axis=(0, 1, 2)) / by**2, rtol=0.05)


def test_bounds_are_extremes_that_samples_share() -> None:
    """Three samples that reach exactly the same value show that there is no more to come."""
    open_, shared = normal(relu=True), [np.minimum(x, 2.0) for x in normal(relu=True)]
    assert look(open_).bounds.tolist() == [[0.0] * 6, [np.inf] * 6]
    seen = look(shared)
    assert seen.bounds.tolist() == [[0.0] * 6, [2.0] * 6]
    factors = 2.0 ** np.arange(6)
    assert np.array_equal(seen.times(factors).bounds, seen.bounds * factors)
    twice = [np.full((1, 1, 1, 6), value, np.float32) for value in (1.0, 2.0, 2.0)]
    assert look(twice).bounds.tolist() == [[-np.inf] * 6, [np.inf] * 6]
    assert look([*twice, twice[-1]]).bounds[1].tolist() == [2.0] * 6


def test_caution_ends_at_bounds() -> None:
    """Data to come may reach farther than what was seen, but not beyond a bound."""
    weights = [np.ones((8, 5, 4, 6), np.float32)] * 5
    bounded = look([np.minimum(x, 2.0) for x in normal(relu=True)], weights)
    form, levels = Format(2.0 / 255), (0, 255)
    careful, plain = (bounded.output_error(form, levels, cautious=cautious) for cautious in (True, False))
    np.testing.assert_allclose(careful, plain)
    loose = replace(bounded, bounds=np.array([[0.0] * 6, [np.inf] * 6]))
    assert (loose.output_error(form, levels) > 10 * plain).all()


def test_values_on_the_grid_have_no_error() -> None:
    seen = look([np.full((2, 2, 2, 1), 0.75, np.float32)])
    assert seen.squared_error(Format(0.25), (-8, 7))[0] == 0.0
    assert seen.output_error(Format(0.25), (-8, 7))[0] == 0.0


@pytest.mark.parametrize("percent", [90.0, 99.0, 99.99, 100.0])
@pytest.mark.parametrize("relu", [False, True])
def test_percentile(percent: float, relu: bool) -> None:
    """That of all values of the tensor, zeros included."""
    batches = normal((50, 10, 10, 4), relu=relu)
    seen, every = look(batches), np.concatenate(batches).ravel()
    tail = (100.0 - percent) / 2
    want = np.percentile(every, [tail, 100 - tail])
    width = 2 * float(seen.widths.max()) + 0.002 * float(np.ptp(every))
    got = seen.percentile(percent)
    assert abs(got[0] - want[0]) <= width and abs(got[1] - want[1]) <= width


def test_percentile_of_zeros() -> None:
    assert look([np.zeros((2, 2, 2, 3), np.float32)]).percentile(99.0) == (0.0, 0.0)


@pytest.mark.parametrize("gradients", [False, True])
def test_memory_does_not_grow_with_the_number_of_batches(gradients: bool) -> None:
    """Observers keep histograms, not data."""
    layers = [fn.conv("a", "in", (8, 2, 3, 3), pads=fn.BORDER, clip=fn.RELU), fn.conv("out", "a", (4, 8, 1, 1))]
    net = fn.graph((2, 12, 12), [*layers], {"a": (8, 12, 12), "out": (4, 12, 12)})

    def peak(count: int) -> int:
        data = fn.calibration(net, fn.data((2, 12, 12), count))
        tracemalloc.start()
        observe(data, gradients)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(16)
    assert peak(320) < 1.1 * peak(32)


def test_survey() -> None:
    """Every tensor but indices is seen, and each layer's gain is the squared gradient of the sum over a sample."""
    graph = fn.every_layer()
    seen = observe(fn.calibration(graph), True)
    assert set(seen.tensors) == set(graph.shapes) and seen.samples == 40
    assert set(seen.gains) == {layer.name for layer in graph.layers}
    np.testing.assert_allclose(seen.gains["out"], 1.0, rtol=1e-5)
    layer = graph.layers[-1]
    assert isinstance(layer, fg.Dense)
    np.testing.assert_allclose(seen.gains["v"], (layer.weight**2).sum(axis=(0, 2, 3)), rtol=0.5)
    factors = {name: np.full(shape[0], 4.0) for name, shape in graph.shapes.items()}
    moved = seen.times(factors)
    np.testing.assert_allclose(moved.gains["out"], 1 / 16)
    assert moved.tensors["c"].high == 4 * seen.tensors["c"].high
    plain = observe(fn.calibration(graph), False)
    assert not plain.gains and not plain.tensors["c"].weights.any()
    assert np.array_equal(plain.tensors["c"].counts, seen.tensors["c"].counts)
