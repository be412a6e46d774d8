"""Codebooks: entries on the integer grid that the weights share, chosen well."""

from __future__ import annotations

import itertools
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.ops import Codebook
from hwq.quant.codebook import fit_codebook
from hwq.quant.config import LayerConfig, WeightKind
from hwq.quant.grids import Grid, grid
from hwq.quant.rounding import Solver, loss, solve

Array = NDArray[Any]


def config(entries: int = 4, shared: bool = True, solver: Solver = Solver.DESCENT, bits: int = 8) -> LayerConfig:
    return LayerConfig(
        weight_bits=bits, weights=WeightKind.CODEBOOK, entries=entries, shared_table=shared, solver=solver
    )


def covariance(size: int, groups: int = 1, seed: int = 0) -> Array:
    mixing = np.eye(size) + fn.rng(seed).normal(0, 0.5, (groups, size, size))
    made: Array = mixing @ mixing.transpose(0, 2, 1) / size + 0.01 * np.eye(size)
    return made


def clusters(shape: tuple[int, ...], spread: float, seed: int = 1) -> Array:
    """Weights in units of their scale, near four values that no uniform grid of four has."""
    rng = fn.rng(seed)
    return rng.choice([-100.0, -12.0, 9.0, 60.0], shape) + rng.normal(0, spread, shape)


def fitted(w: Array, h: Array, config: LayerConfig) -> tuple[Array, Grid, Codebook]:
    got, made = fit_codebook(w, np.ones(w.shape[:2]), h, grid(config), config)
    assert isinstance(made.coding, Codebook)
    return got, made, made.coding


@pytest.mark.parametrize("shape", [(1, 6, 20), (6, 1, 9), (3, 2, 9), (1, 1, 30)])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("entries", [2, 3, 16, 256])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_entries(bits: int, entries: int, shared: bool, shape: tuple[int, int, int]) -> None:
    """Tables have their size and stay within their bits; every weight is an entry of its own row's."""
    size = shape[2]
    top = (1 << (bits - 1)) - 1
    w = clusters(shape, 3.0) * top / 110
    got, made, coding = fitted(w, covariance(size, shape[0]), config(entries, shared, bits=bits))
    rows = shape[0] * shape[1]
    one = shared or rows == 1
    assert coding.entries.shape == ((entries,) if one else (rows, entries)) and coding.entries.dtype == np.int64
    coding.check(rows, bits)
    assert np.abs(coding.entries).max() <= top and made.bits == bits and got.shape == shape
    flat = got.reshape(rows, size)
    for row, weights in enumerate(flat):
        table = coding.entries if one else coding.entries[row]
        assert np.isin(weights, table).all() and (np.diff(table) >= 0).all()


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("shared", [True, False])
def test_clusters_are_found(solver: Solver, shared: bool) -> None:
    """Weights that have only four values are kept exactly."""
    w = clusters((1, 5, 40), 0.0)
    got, _, coding = fitted(w, covariance(40), config(4, shared, solver))
    assert np.array_equal(got, w)
    assert np.array_equal(np.unique(coding.entries), [-100, -12, 9, 60])


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("spread", [1.0, 5.0, 30.0])
def test_better_than_uniform_levels(spread: float, shared: bool, solver: Solver) -> None:
    """Four free values beat the four uniform ones of 2 bits and more, at their best scale, by far."""
    w, h = clusters((1, 6, 60), spread), covariance(60)
    got, _, _ = fitted(w, h, config(4, shared, solver))
    uniform = Grid(np.array([-2.0, -1.0, 0.0, 1.0]), True, 2)
    least = np.inf
    for scale in np.linspace(20, 110, 40):
        q = solve(w / scale, h, uniform.project, solver) * scale
        least = min(least, float(loss(q, w, h).sum()))
    assert float(loss(got, w, h).sum()) < least * (0.1 if spread < 2 else 1.1)


@pytest.mark.parametrize("shape", [(1, 6, 60), (12, 1, 9)])
def test_more_entries_are_better(shape: tuple[int, int, int]) -> None:
    w, h = fn.rng(2).normal(0, 40, shape), covariance(shape[2], shape[0])
    for shared in (True, False):
        errors = []
        for entries in (2, 4, 8, 16, 32):
            got, _, _ = fitted(w, h, config(entries, shared))
            errors.append(float(loss(got, w, h).sum()))
        assert all(more < 1.02 * fewer for fewer, more in itertools.pairwise(errors)), errors
        assert errors[-1] < 0.05 * errors[0]


def test_tables_of_their_own_are_better() -> None:
    """Channels of different size share a table badly."""
    w = clusters((1, 6, 30), 1.0) * np.array([1, 0.5, 0.3, 0.8, 0.1, 0.05])[:, None]
    h = covariance(30)
    error = {shared: float(loss(fitted(w, h, config(4, shared))[0], w, h).sum()) for shared in (True, False)}
    assert error[False] < 0.2 * error[True]


def test_rows_count_as_much_as_their_outputs() -> None:
    """A shared table suits the row of large scale, whose errors are large."""
    w = np.stack([np.linspace(-50, -10, 40), np.linspace(10, 50, 40)])[None]
    scale = np.array([[1.0, 1e-3]])
    _, made = fit_codebook(w * scale[:, :, None], scale, np.eye(40)[None], grid(config(4)), config(4))
    assert (made.levels < 0).sum() >= 3


def test_weights_of_quiet_inputs_count_less() -> None:
    """Values go where the variance of the input is."""
    w = np.concatenate([np.full(20, -50.0), np.full(20, 50.0), fn.rng().uniform(-30, 30, 200)])[None, None]
    h = np.diag(np.concatenate([np.full(40, 100.0), np.full(200, 1e-3)]))[None]
    _, _, coding = fitted(w, h, config(2))
    assert coding.entries.tolist() == [-50, 50]


def test_fewer_weights_than_entries() -> None:
    """A depthwise kernel of nine weights with sixteen entries is kept as it is, to the nearest integer."""
    w = fn.rng().normal(0, 40, (5, 1, 9))
    for shared, solver in ((False, Solver.NEAREST), (False, Solver.DESCENT), (True, Solver.DESCENT)):
        entries = 64 if shared else 16
        got, _, _ = fitted(w, np.broadcast_to(np.eye(9), (5, 9, 9)), config(entries, shared, solver))
        assert np.abs(got - w).max() <= 1.0


@pytest.mark.parametrize("value", [0.0, 7.0, 1e-9])
def test_equal_weights(value: float) -> None:
    got, _, _ = fitted(np.full((1, 3, 8), value), covariance(8), config(8))
    assert np.array_equal(got, np.full((1, 3, 8), round(value)))
