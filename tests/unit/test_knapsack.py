"""Choosing within limits, against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwq.hw.knapsack import choose


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3))
def test_the_least_cost_of_all_choices(seed: int, choices: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, choices)
    costs = [rng.integers(1, 30, size).astype(np.float64) for size in sizes]
    amounts = [rng.integers(0, 10, (kinds, size)).astype(np.float64) for size in sizes]
    room = rng.integers(0, 10 * choices, kinds).astype(np.float64)
    possible = [
        sum(each[k] for each, k in zip(costs, chosen, strict=True))
        for chosen in itertools.product(*map(range, sizes))
        if (sum(each[:, k] for each, k in zip(amounts, chosen, strict=True)) <= room).all()
    ]
    found = choose(costs, amounts, room)
    if not possible:
        assert found is None
        return
    assert found is not None
    assert (sum(each[:, k] for each, k in zip(amounts, found, strict=True)) <= room).all()
    assert sum(each[k] for each, k in zip(costs, found, strict=True)) == min(possible)
    assert choose(costs, amounts, room, whole=False) is not None


def test_nothing_to_choose_and_no_limit() -> None:
    assert choose([], [], np.array([1.0])) == []
    assert choose([np.array([2.0, 1.0])], [np.ones((1, 2))], np.array([np.inf])) == [1]
    assert choose([np.array([2.0])], [np.ones((1, 1))], np.array([-1.0])) is None
