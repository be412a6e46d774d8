"""Codebooks: a few values that all weights of a layer, or of a channel, share.

Values start as k-means of the weights (Han et al., "Deep Compression", ICLR 2016), each weight counting as much as the
variance of its input; then assignment by the layer's weight solver and least squares of the values on the layer's
output take turns.  Values lie on the integer grid of the weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwq.ops.coding import Codebook
from hwq.quant.config import LayerConfig
from hwq.quant.grids import Grid
from hwq.quant.rounding import Solver, loss, solve

Array = NDArray[np.float64]

LLOYD = 30
"""Iterations of k-means."""
BINS = 256
"""Bins of the histogram that k-means starts from."""
LEAST = 1e-9
"""Least share that a weight counts of what the most important one does."""
TURNS = 4
"""Times that assignment and values are refined."""


def fit_codebook(
    target: Array, scale: Array, covariance: Array, plain: Grid, config: LayerConfig
) -> tuple[Array, Grid]:
    """Integers for real weights (groups, rows, D) at `scale` (groups, rows), and the grid of entries they are on."""
    weight = target / scale[:, :, None]
    variance = np.diagonal(covariance, axis1=1, axis2=2)[:, None] * scale[:, :, None] ** 2
    tables = 1 if config.shared_table else scale.size
    pairs = zip(weight.reshape(tables, -1), np.broadcast_to(variance, weight.shape).reshape(tables, -1), strict=True)
    table = _table(np.stack([kmeans(w, v, config.entries) for w, v in pairs]), plain, weight.shape)
    best = solve(weight, covariance, table.project, config.solver)
    error = (loss(best, weight, covariance) * scale**2).sum()
    for _ in range(TURNS if config.solver is not Solver.NEAREST else 0):
        refined = _table(_refit(best, table, weight, scale, covariance), plain, weight.shape)
        got = solve(weight, covariance, refined.project, config.solver)
        now = (loss(got, weight, covariance) * scale**2).sum()
        if now >= error:
            break
        best, table, error = got, refined, now
    return best, table


def _table(centres: Array, plain: Grid, shape: tuple[int, ...]) -> Grid:
    """The grid of `centres` (tables, K), rounded to integers."""
    levels = np.sort(plain.project(centres[None])[0], axis=1)
    entries = levels.astype(np.int64)
    if len(levels) == 1:
        return Grid(levels[0], False, plain.bits, Codebook(entries[0]))
    return Grid(levels.reshape(shape[0], shape[1], -1), False, plain.bits, Codebook(entries))


def kmeans(values: Array, weights: Array, count: int) -> Array:
    """Weighted one-dimensional k-means: the best start on a histogram, then Lloyd's iteration on sorted values."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], np.maximum(weights[order] / max(weights.max(), 1e-300), LEAST)
    mass, moment = np.concatenate([[0.0], np.cumsum(weights)]), np.concatenate([[0.0], np.cumsum(weights * values)])
    centres = _start(values, weights, count)
    for _ in range(LLOYD):
        cuts = np.searchsorted(values, (centres[1:] + centres[:-1]) / 2.0)
        first, last = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(values)]])
        inside = mass[last] - mass[first]
        found = np.where(inside > 0.0, (moment[last] - moment[first]) / np.maximum(inside, 1e-300), centres)
        found = np.sort(found)
        if np.allclose(found, centres, rtol=1e-6, atol=0.0):
            break
        centres = found
    return centres


def _start(values: Array, weights: Array, count: int) -> Array:
    """Exact k-means of a histogram of sorted values, by dynamic programming over its bins.

    Wang and Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension", The R Journal 2011.
    """
    span = values[-1] - values[0]
    if span <= 0.0:
        return np.full(count, values[0])
    index = np.minimum(((values - values[0]) * (BINS / span)).astype(np.intp), BINS - 1)
    mass = np.bincount(index, weights, BINS)
    filled = mass > 0.0
    centre = np.bincount(index, weights * values, BINS)[filled] / mass[filled]
    mass = mass[filled]
    if len(centre) <= count:
        return np.concatenate([centre, np.full(count - len(centre), centre[-1])])
    total, first, second = (np.concatenate([[0.0], np.cumsum(mass * centre**k)]) for k in range(3))
    inside = total[None, :] - total[:, None]
    inside[inside <= 0.0] = 1.0
    cost = second[None, :] - second[:, None] - (first[None, :] - first[:, None]) ** 2 / inside
    cost[np.tril_indices(len(total))] = np.inf
    best, cuts = cost[0], []
    for _ in range(count - 1):
        through = best[:, None] + cost
        cuts.append(through.argmin(axis=0))
        best = through.min(axis=0)
    ends = [len(centre)]
    for cut in reversed(cuts):
        ends.append(int(cut[ends[-1]]))
    edges = np.array([*reversed(ends)])
    starts = np.concatenate([[0], edges[:-1]])
    middle: Array = (first[edges] - first[starts]) / (total[edges] - total[starts])
    return middle


def _refit(rounded: Array, table: Grid, weight: Array, scale: Array, covariance: Array) -> Array:
    """Values (tables, K) of least squared output error for the assignment in `rounded`."""
    groups, rows, _ = weight.shape
    count = table.levels.shape[-1]
    shared = table.levels.ndim == 1
    normal = np.zeros((1 if shared else groups * rows, count, count))
    right = np.zeros(normal.shape[:2])
    for g in range(groups):
        for r in range(rows):
            levels = table.levels if shared else table.levels[g, r]
            member = np.zeros((weight.shape[2], count))
            member[np.arange(len(member)), np.searchsorted(levels, rounded[g, r])] = scale[g, r]
            k = 0 if shared else g * rows + r
            product = covariance[g] @ member
            normal[k] += member.T @ product
            right[k] += product.T @ weight[g, r] * scale[g, r]
    ridge = 1e-6 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / count * np.eye(count) + 1e-30 * np.eye(count)
    old = table.levels.reshape(len(normal), count)
    solved: Array = np.linalg.solve(normal + ridge, (right + (ridge @ old[:, :, None])[:, :, 0])[:, :, None])[:, :, 0]
    return solved
