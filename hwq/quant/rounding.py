"""Rounding of weights: from real weights to the integers of a grid, with the least error of the layer's output.

All methods minimise (q - w)^T H (q - w) for each row, with H the covariance of the layer's input (see `moments`); they
differ in how far they go.  Arrays are float64 (groups, rows, D), weights in units of their scale; columns are handled
in blocks, so that most of the work is matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Project = Callable[[Array], Array]
"""Nearest allowed integers, as floats, of (groups, rows, n) values."""

SWEEPS = 10
"""Sweeps of coordinate descent at most."""
FEW = 1e-3
"""Descent ends when a sweep changes less than this share of the weights."""
BLOCK = 64


class Solver(Enum):
    """How weights are rounded.

    NEAREST: each on its own.  GPFQ: one column after the other, each makes good for the errors before it
    (Lybrand and Saab, "A greedy algorithm for quantizing neural networks", JMLR 2021).  GPTQ: the columns still to come
    make good for each error (Frantar et al., ICLR 2023).  DESCENT: GPTQ, then cyclic coordinate descent on the
    integers until little improves (QuantEase, Behdin et al., 2023): the discrete form of the problem that AdaRound
    (Nagel et al., ICML 2020) relaxes.
    """

    NEAREST = "nearest"
    GPFQ = "gpfq"
    GPTQ = "gptq"
    DESCENT = "descent"


def solve(weight: Array, covariance: Array, project: Project, solver: Solver) -> Array:
    """Allowed integers for `weight` (groups, rows, D), given `covariance` (groups, D, D), positive definite."""
    if solver is Solver.NEAREST:
        return project(weight)
    if solver is Solver.GPFQ:
        return _sweep(weight.copy(), weight, covariance, project)[0]
    rounded = _gptq(weight, covariance, project)
    return descend(rounded, weight, covariance, project) if solver is Solver.DESCENT else rounded


def descend(rounded: Array, weight: Array, covariance: Array, project: Project) -> Array:
    """Coordinate descent from `rounded`; the loss never rises."""
    for _ in range(SWEEPS):
        rounded, changed = _sweep(rounded, weight, covariance, project)
        if changed <= FEW * rounded.size:
            break
    return rounded


def loss(rounded: Array, weight: Array, covariance: Array) -> Array:
    """(q - w)^T H (q - w) of each row, (groups, rows)."""
    error = rounded - weight
    total: Array = ((error @ covariance) * error).sum(2)
    return total


def _blocks(columns: int) -> Iterator[slice]:
    for start in range(0, columns, BLOCK):
        yield slice(start, min(start + BLOCK, columns))


def _sweep(rounded: Array, weight: Array, covariance: Array, project: Project) -> tuple[Array, int]:
    """Set each column to its best value given the others, and count changes.

    A column that still equals `weight` adds no error: from unrounded weights, one sweep is GPFQ.
    """
    slope = (rounded - weight) @ covariance
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    before = rounded.copy()
    for block in _blocks(weight.shape[2]):
        inside, local = slope[:, :, block], covariance[:, block, block]
        for k, j in enumerate(range(block.start, block.stop)):
            best = rounded[:, :, j] - inside[:, :, k] / variance[:, None, j]
            chosen = project(best[:, :, None])[:, :, 0]
            step = chosen - rounded[:, :, j]
            rounded[:, :, j] = chosen
            inside += step[:, :, None] * local[:, None, k]
        slope[:, :, block.stop :] += (rounded - before)[:, :, block] @ covariance[:, block, block.stop :]
    return rounded, int((rounded != before).sum())


def _gptq(weight: Array, covariance: Array, project: Project) -> Array:
    """Columns by falling variance; the error of each is spread over those still to come."""
    order = np.argsort(-np.diagonal(covariance, axis1=1, axis2=2), axis=1, kind="stable")
    sorted_rows = np.take_along_axis(covariance, order[:, :, None], axis=1)
    inverse = np.linalg.inv(np.take_along_axis(sorted_rows, order[:, None, :], axis=2))
    upper = np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2.0).transpose(0, 2, 1)
    left = np.take_along_axis(weight, order[:, None, :], axis=2)
    rounded, errors = np.empty_like(weight), np.empty_like(weight)
    for block in _blocks(weight.shape[2]):
        for k in range(block.start, block.stop):
            column = project(left[:, :, k : k + 1])[:, :, 0]
            rounded[:, :, k] = column
            errors[:, :, k] = (left[:, :, k] - column) / upper[:, None, k, k]
            left[:, :, k + 1 : block.stop] -= errors[:, :, k, None] * upper[:, None, k, k + 1 : block.stop]
        left[:, :, block.stop :] -= errors[:, :, block] @ upper[:, block, block.stop :]
    return np.take_along_axis(rounded, np.argsort(order, axis=1)[:, None, :], axis=2)
