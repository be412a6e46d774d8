"""Allocation against all combinations, with noises over many decades and ties."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from hwq.quant.allocate import Choice, Layers, least_cost, least_noise, undominated

SEEDS = range(15)


def problem(seed: int) -> Layers:
    """Up to 5 layers with up to 5 widths; noise mostly falls by 4 a bit, costs mostly rise."""
    rng = np.random.default_rng(seed)
    layers = []
    for _ in range(rng.integers(1, 6)):
        size, noise = int(rng.integers(1, 2000)), 10.0 ** rng.uniform(-9, 3)
        widths = range(1, 1 + int(rng.integers(1, 6)))
        tables = rng.integers(0, 3) * rng.integers(0, 200, len(widths))
        layers.append([
            Choice(bits, size * bits + int(more), noise * 4.0**-bits * rng.uniform(0.3, 1.5))
            for bits, more in zip(widths, tables, strict=True)
        ])  # fmt: skip
    return layers


def totals(layers: Layers) -> list[tuple[int, float]]:
    return [(sum(c.cost for c in some), sum(c.noise for c in some)) for some in product(*layers)]


@pytest.mark.parametrize("seed", SEEDS)
def test_least_noise_within_every_budget(seed: int) -> None:
    layers = problem(seed)
    known = totals(layers)
    costs = sorted({cost for cost, _ in known})
    assert least_noise(layers, costs[0] - 1) is None
    for budget in [*np.random.default_rng(seed).permutation(costs)[:6].tolist(), costs[0], costs[-1] + 1]:
        found = least_noise(layers, budget)
        assert found is not None and all(c in choices for c, choices in zip(found, layers, strict=True))
        assert sum(c.cost for c in found) <= budget
        best = min(noise for cost, noise in known if cost <= budget)
        assert sum(c.noise for c in found) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_least_cost_below_every_noise(seed: int) -> None:
    layers = problem(seed)
    known = totals(layers)
    noises = sorted({noise for _, noise in known})
    assert least_cost(layers, noises[0] * 0.999) is None
    for noise in [*np.random.default_rng(seed).permutation(noises)[:6].tolist(), noises[-1] * 2.0]:
        found = least_cost(layers, noise * (1.0 + 1e-4))
        assert found is not None and all(c in choices for c, choices in zip(found, layers, strict=True))
        assert sum(c.noise for c in found) <= noise * (1.0 + 2e-4)
        lowest = min(cost for cost, got in known if got <= noise * (1.0 + 2e-4))
        assert lowest <= sum(c.cost for c in found) <= min(cost for cost, got in known if got <= noise)


def test_many_layers_are_exact() -> None:
    """60 layers against dynamic programming over all costs."""
    rng = np.random.default_rng(3)
    layers = [
        [Choice(bits, size * bits, float(scale * 4.0**-bits)) for bits in range(2, 9)]
        for size, scale in zip(rng.integers(1, 30, 60).tolist(), 10.0 ** rng.uniform(-6, 0, 60), strict=True)
    ]
    most = sum(choices[-1].cost for choices in layers)
    least = np.zeros(most + 1)
    for choices in layers:
        moved = [np.concatenate([np.full(c.cost, np.inf), least[: most + 1 - c.cost] + c.noise]) for c in choices]
        least = np.min(moved, axis=0)
    for budget in (most // 3, most // 2, most - 7):
        found = least_noise(layers, budget)
        assert found is not None and sum(c.cost for c in found) <= budget
        assert sum(c.noise for c in found) == pytest.approx(least[budget], rel=1e-9)


def test_edges() -> None:
    assert least_noise([], 0) == [] and least_cost([], 0.0) == []
    silent = [[Choice(2, 10, 0.0), Choice(8, 40, 0.0)], [Choice(2, 10, 1.0), Choice(8, 40, 0.0)]]
    assert [c.bits for c in least_noise(silent, 50) or []] == [2, 8]
    assert [c.bits for c in least_cost(silent, 0.0) or []] == [2, 8]
    assert [c.bits for c in least_cost(silent, 1.0) or []] == [2, 2]
    assert least_cost(silent, -1.0) is None


def test_undominated() -> None:
    some = [Choice(4, 40, 1.0), Choice(2, 20, 4.0), Choice(3, 30, 5.0), Choice(5, 40, 0.9), Choice(6, 60, 0.9)]
    assert [c.bits for c in undominated(some)] == [2, 5]
