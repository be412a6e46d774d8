"""Calibration samples: which are taken, and how they are divided into halves."""

from __future__ import annotations

import float_nets as fn
import numpy as np
import pytest

from hwq.quant.calibration import BLOCKS, halves


@pytest.mark.parametrize("count", [1, 2, 3, 15, 16, 17, 64, 100, 3136])
def test_halves(count: int) -> None:
    found = halves(count)
    assert found.shape == (count,) and set(found) <= {0, 1}
    assert abs(2 * int(found.sum()) - count) <= max(1, count // BLOCKS)
    assert 1 + np.count_nonzero(np.diff(found)) == 1 + min(count, BLOCKS) // 2


@pytest.mark.parametrize("count", [1, 2, 7, 40, 41])
def test_halves_of_a_calibration(count: int) -> None:
    data = fn.calibration(fn.blocks(), fn.data(count=count))
    parts = [data.half(which).samples["in"] for which in (0, 1)]
    assert sum(map(len, parts)) == count and abs(len(parts[0]) - len(parts[1])) <= 2
    assert np.array_equal(np.unique(np.concatenate(parts), axis=0), np.unique(data.samples["in"], axis=0))


@pytest.mark.parametrize(("count", "want"), [(1, [0]), (3, [0, 3, 6]), (10, list(range(10))), (99, list(range(10)))])
def test_some(count: int, want: list[int]) -> None:
    data = fn.calibration(fn.blocks(), fn.data(count=10))
    assert np.array_equal(data.some(count).samples["in"], data.samples["in"][want])
