"""Grids: which integers a layer may have, the nearest of them, and the scales worth trying."""

from __future__ import annotations

import itertools
import math
from typing import Any

import float_nets as fn
import numpy as np
import pytest
from numpy.typing import NDArray

from hwq.ops import Codebook
from hwq.ops.coding import PowerSums
from hwq.quant.config import LayerConfig, ScaleKind, WeightKind
from hwq.quant.grids import Grid, grid, scale_candidates

Array = NDArray[Any]


def nearest(levels: Array, value: float) -> float:
    """The nearest level, the larger one of two."""
    return float(min(sorted(levels, reverse=True), key=lambda level: abs(level - value)))


GRIDS = {
    "bipolar": LayerConfig(weight_bits=1),
    "ternary": LayerConfig(weight_bits=2),
    "four": LayerConfig(weight_bits=4),
    "powers": LayerConfig(weight_bits=5, weights=WeightKind.POWERS, terms=1),
    "sums": LayerConfig(weight_bits=6, weights=WeightKind.POWERS, terms=2),
}


@pytest.mark.parametrize("name", GRIDS)
def test_project(name: str) -> None:
    """Every half and quarter, far values, and what lies next to a tie."""
    made = grid(GRIDS[name])
    values = np.concatenate([np.arange(-200, 201) / 4.0, [1e9, -1e9], np.arange(-40, 41) / 2 - 1e-9])
    got = made.project(values[None, None])[0, 0]
    assert got.tolist() == [nearest(made.levels, value) for value in values]


@pytest.mark.parametrize("name", GRIDS)
def test_levels(name: str) -> None:
    config = GRIDS[name]
    made = grid(config)
    want = {
        "bipolar": [-1, 1], "ternary": [-1, 0, 1], "four": [*range(-7, 8)],
        "powers": [-8, -4, -2, -1, 0, 1, 2, 4, 8],
        "sums": sorted(
            a + b for a, b in itertools.product([0, *(s * 1 << k for k in range(5) for s in (-1, 1))], repeat=2)
        ),
    }[name]  # fmt: skip
    assert made.levels.tolist() == sorted({level for level in want if -32 <= level < 32})
    assert made.bits == max(2, config.weight_bits) and made.top == min(-made.levels[0], made.levels[-1])
    kind = {"bipolar": Codebook, "powers": PowerSums, "sums": PowerSums}.get(name, type(None))
    assert isinstance(made.coding, kind)
    assert isinstance(made.coding, PowerSums) <= (getattr(made.coding, "terms", 0) == config.terms)


@pytest.mark.parametrize("bits", range(2, 17))
def test_widths(bits: int) -> None:
    for kind, terms in ((WeightKind.UNIFORM, 1), (WeightKind.POWERS, 1), (WeightKind.POWERS, 2)):
        made = grid(LayerConfig(weight_bits=bits, weights=kind, terms=terms))
        assert made.levels.min() >= -(1 << (bits - 1)) and made.levels.max() < 1 << (bits - 1)
        assert (np.diff(made.levels) > 0).all() and made.bits == bits and made.top >= 1


def test_project_with_a_table_for_each_row() -> None:
    """Entries may repeat; ties go up."""
    levels = np.array([[[-3.0, 0.0, 0.0, 5.0], [-1.0, 1.0, 2.0, 7.0]], [[0.0, 0.0, 0.0, 0.0], [-7.0, -6.0, 6.0, 7.0]]])
    made = Grid(levels, False, 4, Codebook(levels.reshape(4, 4).astype(np.int64)))
    values = np.broadcast_to(np.arange(-40, 41) / 4.0, (2, 2, 81))
    got = made.project(values)
    for g, r in itertools.product(range(2), range(2)):
        assert got[g, r].tolist() == [nearest(levels[g, r], value) for value in values[g, r]]


@pytest.mark.parametrize("kind", list(ScaleKind))
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_scale_candidates(bits: int, kind: ScaleKind) -> None:
    """The first covers everything, each is legal, and they span more than an octave downwards."""
    full = 2.0 ** fn.rng().uniform(-20, 20, (2, 5))
    found = scale_candidates(full, kind, LayerConfig(mantissa_bits=bits))
    assert (found[0] >= full).all() and (found[0] <= 2.0 * full).all() and (found[-1] <= 0.75 * full).all()
    for one in found:
        assert one.shape == full.shape
        allowed = {ScaleKind.POW2: 1, ScaleKind.EXACT: bits}.get(kind, 60)
        assert all(math.ldexp(math.frexp(s)[0], allowed).is_integer() for s in one.ravel())
    stacked = np.stack(found)
    assert (np.diff(stacked, axis=0) < 0).all()


@pytest.mark.parametrize("kind", [ScaleKind.POW2, ScaleKind.EXACT])
def test_a_power_of_two_is_its_own_candidate(kind: ScaleKind) -> None:
    full = np.array([[0.25, 4.0]])
    assert any(np.array_equal(one, full) for one in scale_candidates(full, kind, LayerConfig()))
