"""Weights of a linear layer: a scale for each output channel, the integers, and the bias that fits them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.ops.coding import Coding, stored_bits, table_bits
from hwq.quant.codebook import fit_codebook
from hwq.quant.config import LayerConfig, ScaleKind, WeightKind
from hwq.quant.grids import Grid, grid, scale_candidates
from hwq.quant.moments import Moments
from hwq.quant.rounding import Solver, descend, loss, solve

DAMPING = 0.01
"""Share of the mean variance that is added to each variance, as in GPTQ."""
SMALLEST = 1e-6
"""Share of the mean square that is added as well: a constant input has the variance of rounding errors."""
MANTISSAS = (1, 2, 3, 4)
"""Mantissa bits among which the quantiser chooses."""
ENOUGH = 1.1
"""The fewest mantissa bits are taken whose error is at most so many times the least."""

Array = NDArray[np.float64]
Smallest = Callable[[int], Array]
"""The least scale of each row, (M,), for weights up to an integer."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Weights of a layer with M output channels and D weights for each.

    integers int64 (M, D), scales (M,), their width in `bits`, real bias (M,), and the mean squared error that rounding
    leaves before the activation, (M,).
    """

    integers: IntArray
    scales: Array
    bias: Array
    bits: int
    error: Array
    coding: Coding | None = None

    @property
    def stored_bits(self) -> int:
        """Bits of one weight in memory."""
        return stored_bits(self.coding, self.bits)

    @property
    def rom_bits(self) -> int:
        """Bits of all weights and tables."""
        return self.integers.size * self.stored_bits + table_bits(self.coding, self.bits)


def fit(weight: Array, seen: Moments, smallest: Smallest, kind: ScaleKind, config: LayerConfig) -> Fit:
    """Integers for real weights (M, D).

    Parameters
    ----------
    seen
        Moments of the layer; their groups divide the rows.
    smallest
        Bound on the scales.
    """
    if kind is ScaleKind.EXACT and config.mantissa_bits == 0:
        return _fewest_mantissa_bits(weight, seen, smallest, kind, config)
    rows = weight.reshape(len(seen.covariance), -1, weight.shape[1])
    problem = _Problem(*_regularised(rows, seen, config.solver))
    chosen = grid(config)
    if config.weights is WeightKind.CODEBOOK and config.weight_bits > 1:
        _, scale = _best_scale(problem, chosen, smallest, kind, config, Solver.NEAREST)
        integers, chosen = fit_codebook(problem.target, scale, problem.covariance, chosen, config)
    else:
        quick = Solver.GPTQ if config.solver is Solver.DESCENT else config.solver
        integers, scale = _best_scale(problem, chosen, smallest, kind, config, quick)
        if config.solver is Solver.DESCENT:
            integers = descend(integers, problem.target / scale[:, :, None], problem.covariance, chosen.project)
    real = integers * scale[:, :, None]
    bias = seen.mean_z - (real @ seen.mean_x[:, :, None])[:, :, 0]
    error = problem.loss(integers, scale)
    return Fit(
        integers.reshape(weight.shape).astype(np.int64), scale.ravel(), bias.ravel(), chosen.bits, error.ravel(),
        chosen.coding,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Real weights (groups, rows, D) to come close to, in the metric of `covariance` (groups, D, D)."""

    target: Array
    covariance: Array

    def solve(self, scale: Array, grid: Grid, solver: Solver) -> Array:
        """Integers at `scale` (groups, rows)."""
        return solve(self.target / scale[:, :, None], self.covariance, grid.project, solver)

    def loss(self, integers: Array, scale: Array) -> Array:
        """Mean squared error of the output, (groups, rows)."""
        error: Array = loss(integers, self.target / scale[:, :, None], self.covariance) * scale**2
        return error


def _best_scale(
    problem: _Problem, grid: Grid, smallest: Smallest, kind: ScaleKind, config: LayerConfig, solver: Solver
) -> tuple[Array, Array]:
    """Integers and scale (groups, rows) of least error."""
    shape = problem.target.shape[:2]
    floor = smallest(int(grid.top)).reshape(shape)
    full = np.maximum(np.abs(problem.target).max(2) / grid.top, floor)
    if not config.per_channel:
        full, floor = np.full(shape, full.max()), np.full(shape, floor.max())
    best_error, best_scale, best = np.full(shape, np.inf), full, np.zeros(problem.target.shape)
    for candidate in scale_candidates(full, kind, config):
        scale = np.maximum(candidate, floor)
        integers = problem.solve(scale, grid, solver)
        error = problem.loss(integers, scale)
        if not config.per_channel:
            error = np.full(shape, error.sum())
        better = error < best_error
        best_error, best_scale = np.where(better, error, best_error), np.where(better, scale, best_scale)
        best = np.where(better[:, :, None], integers, best)
    return best, best_scale


def _fewest_mantissa_bits(
    weight: Array, seen: Moments, smallest: Smallest, kind: ScaleKind, config: LayerConfig
) -> Fit:
    fits = [fit(weight, seen, smallest, kind, replace(config, mantissa_bits=bits)) for bits in MANTISSAS]
    least = min(float(found.error.sum()) for found in fits)
    return next(found for found in fits if found.error.sum() <= ENOUGH * least)


def _regularised(weight: Array, seen: Moments, solver: Solver) -> tuple[Array, Array]:
    """The weights of least output error, and the covariance, both shrunk as far as few samples leave them unsure.

    The covariance is drawn to its diagonal as by Ledoit and Wolf ("A well-conditioned estimator for large-dimensional
    covariance matrices", 2004), the correction of the weights to zero as by James and Stein; what they need to know,
    the error of the estimates, is what two halves of the samples disagree by.  Rounding to the nearest takes the
    weights as they are, and each on its own.
    """
    eye = np.eye(weight.shape[2])
    variance = np.maximum(np.diagonal(seen.covariance, axis1=1, axis2=2), 0.0)
    power = DAMPING * variance.mean(1) + SMALLEST * (seen.mean_x**2).mean(1) + 1e-30
    ridge = power[:, None, None] * eye
    diagonal = variance[:, :, None] * eye
    if solver is Solver.NEAREST:
        return weight, diagonal + ridge
    between = seen.covariance - diagonal
    trust = 1.0 - _share(((seen.spread_covariance * (1.0 - eye)) ** 2).sum(), (between**2).sum())
    covariance = diagonal + trust * between + ridge
    missing = seen.cross - weight @ seen.covariance
    unsure = seen.spread_cross - weight @ seen.spread_covariance
    moved = np.linalg.solve(covariance, missing.transpose(0, 2, 1)).transpose(0, 2, 1)
    noise = np.linalg.solve(covariance, unsure.transpose(0, 2, 1)).transpose(0, 2, 1)
    sure = 1.0 - _share((noise * unsure).sum(), (moved * missing).sum())
    return weight + sure * moved, covariance


def _share(part: float, whole: float) -> float:
    return float(min(1.0, part / whole)) if whole > 0.0 else 1.0
