"""Weight solvers: each against the others, against brute force on tiny problems, and in blocks against in one."""

from __future__ import annotations

import itertools
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.ops import Codebook
from hwq.quant import rounding
from hwq.quant.grids import Grid
from hwq.quant.rounding import Solver, descend, loss, solve

Array = NDArray[Any]
TERNARY = Grid(np.array([-1.0, 0.0, 1.0]), True, 2)
WIDE = Grid(np.arange(-7.0, 8.0), True, 4)
UNEVEN = Grid(np.array([-6.0, -2.0, 0.0, 1.0, 5.0]), False, 4, Codebook(np.array([-6, -2, 0, 1, 5])))


def problem(size: int, rows: int = 3, groups: int = 1, seed: int = 0, mixed: float = 1.0) -> tuple[Array, Array]:
    """Weights within about (-3, 3) and covariances of correlated inputs."""
    rng = fn.rng(seed)
    mixing = np.eye(size) + mixed * rng.normal(0, 1, (groups, size, size))
    covariance = mixing @ mixing.transpose(0, 2, 1) / size + 0.01 * np.eye(size)
    return rng.normal(0, 1.2, (groups, rows, size)), covariance


def total(q: Array, w: Array, h: Array) -> float:
    return float(loss(q, w, h).sum())


def test_loss() -> None:
    w, h = problem(5, 3, 2)
    q = np.round(w)
    for g, r in itertools.product(range(2), range(3)):
        e = q[g, r] - w[g, r]
        assert loss(q, w, h)[g, r] == pytest.approx(float(e @ h[g] @ e))


@pytest.mark.parametrize("grid", [TERNARY, WIDE, UNEVEN])
@pytest.mark.parametrize("solver", list(Solver))
def test_result_is_on_the_grid_and_the_problem_stays(solver: Solver, grid: Grid) -> None:
    w, h = problem(70, 4, 2)
    before = w.copy(), h.copy()
    q = solve(w, h, grid.project, solver)
    assert np.isin(q, grid.levels).all() and q.shape == w.shape
    assert np.array_equal(w, before[0]) and np.array_equal(h, before[1])


@pytest.mark.parametrize("grid", [TERNARY, WIDE, UNEVEN])
@pytest.mark.parametrize("size", [4, 30, 130])
def test_order_of_quality(size: int, grid: Grid) -> None:
    """Descent is never worse than GPTQ; over 20 problems each is better than rounding to the nearest."""
    sums = dict.fromkeys(Solver, 0.0)
    for seed in range(20):
        w, h = problem(size, seed=seed)
        found = {solver: solve(w, h, grid.project, solver) for solver in Solver}
        rows = {solver: loss(q, w, h) for solver, q in found.items()}
        assert (rows[Solver.DESCENT] <= rows[Solver.GPTQ] + 1e-9).all()
        for solver in Solver:
            sums[solver] += float(rows[solver].sum())
    assert sums[Solver.DESCENT] <= sums[Solver.GPTQ] < sums[Solver.NEAREST]
    assert sums[Solver.GPFQ] < sums[Solver.NEAREST]


@pytest.mark.parametrize("grid", [TERNARY, UNEVEN])
def test_tiny_problems_by_brute_force(grid: Grid) -> None:
    """Never below the optimum, found in most cases, and within half of it in total."""
    every = np.array(list(itertools.product(grid.levels, repeat=4)))
    optimum, got, hits = 0.0, 0.0, 0
    for seed in range(60):
        w, h = problem(4, 1, seed=seed)
        best = float(loss(every[None], np.broadcast_to(w, (1, len(every), 4)), h).min())
        found = total(solve(w, h, grid.project, Solver.DESCENT), w, h)
        assert found >= best - 1e-9
        optimum, got, hits = optimum + best, got + found, hits + (found <= best + 1e-9)
    assert hits >= 40 and got <= 1.5 * optimum


@pytest.mark.parametrize("solver", list(Solver))
def test_independent_inputs_are_rounded_to_the_nearest(solver: Solver) -> None:
    w, _ = problem(9)
    q = solve(w, np.eye(9)[None] * fn.rng().uniform(0.5, 2, 9), WIDE.project, solver)
    assert np.array_equal(q, WIDE.project(w))


@pytest.mark.parametrize("solver", list(Solver))
def test_weights_on_the_grid_stay(solver: Solver) -> None:
    w, h = problem(20, groups=2)
    q = WIDE.project(w)
    assert np.array_equal(solve(q, h, WIDE.project, solver), q)


@pytest.mark.parametrize("solver", list(Solver))
def test_groups_are_solved_apart(solver: Solver) -> None:
    w, h = problem(9, 1, 12)
    together = solve(w, h, WIDE.project, solver)
    for g in range(12):
        alone = slice(g, g + 1)
        assert np.array_equal(together[alone], solve(w[alone], h[alone], WIDE.project, solver))


@pytest.mark.parametrize("solver", list(Solver))
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks(block: int, solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same integers as in one block."""
    w, h = problem(150, 4, 2)
    found = []
    for size in (block, 1000):
        monkeypatch.setattr(rounding, "BLOCK", size)
        found.append(solve(w, h, WIDE.project, solver))
    assert np.array_equal(*found)


def test_gpfq_column_by_column() -> None:
    """Each column takes the value that is best given the columns before it, those after unrounded."""
    w, h = problem(12)
    q = solve(w, h, WIDE.project, Solver.GPFQ)
    for r in range(3):
        done = w[0, r].copy()
        for j in range(12):
            trials = np.repeat(done[None], len(WIDE.levels), 0)
            trials[:, j] = WIDE.levels
            done[j] = WIDE.levels[np.argmin(loss(trials[None], np.broadcast_to(w[0, r], trials.shape)[None], h)[0])]
        assert np.array_equal(q[0, r], done)


def test_descent_ends_where_no_single_change_helps() -> None:
    for seed in range(10):
        w, h = problem(8, 2, seed=seed)
        q = solve(w, h, WIDE.project, Solver.DESCENT)
        for r, j, level in itertools.product(range(2), range(8), WIDE.levels):
            other = q.copy()
            other[0, r, j] = level
            assert loss(other, w, h)[0, r] >= loss(q, w, h)[0, r] - 1e-9


@pytest.mark.parametrize("start", ["zeros", "far", "nearest"])
def test_descent_never_rises(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    w, h = problem(90, 5, 2)
    q = {"zeros": np.zeros_like(w), "far": -7.0 * np.sign(w), "nearest": WIDE.project(w)}[start]
    monkeypatch.setattr(rounding, "SWEEPS", 1)
    for _ in range(6):
        after = descend(q.copy(), w, h, WIDE.project)
        assert (loss(after, w, h) <= loss(q, w, h) + 1e-9).all()
        q = after


@pytest.mark.parametrize("solver", list(Solver))
def test_nearly_singular(solver: Solver) -> None:
    """Inputs that are copies of each other, held apart by a small ridge."""
    rng = fn.rng()
    x = np.repeat(rng.normal(0, 1, (100, 4)), 5, axis=1)
    h = (x.T @ x / 100 + 1e-6 * np.eye(20))[None]
    w = rng.normal(0, 1, (1, 3, 20))
    q = solve(w, h, WIDE.project, solver)
    assert np.isfinite(q).all()
    assert solver is Solver.NEAREST or total(q, w, h) < 0.5 * total(WIDE.project(w), w, h)
