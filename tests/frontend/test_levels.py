"""Requantisations that are fitted to a model's rounding: compared with it at every sum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwq.arith import IntArray, Rounding
from hwq.frontend.quantised.fit import GAINS, Fit, Levels, fit, levels_of, nearest
from hwq.frontend.quantised.quantiser import ROUNDINGS

Rule = Callable[[IntArray], IntArray]


def levels(rule: Rule, low: IntArray, high: IntArray) -> Levels:
    return levels_of(rule, low, high, np.zeros(len(low), bool))


def differing(found: Fit, rule: Rule, low: IntArray, high: IntArray) -> int:
    """Steps between the integers of a fit and those of the rule, over all sums of all channels."""
    count = 0
    for channel in range(len(low)):
        sums = np.arange(low[channel], high[channel] + 1)[:, None]
        moved = np.zeros((len(sums), len(low)), np.int64)
        moved[:] = sums * found.gain + found.bias
        count += int(np.abs(found.requant(moved)[:, channel] - rule(np.tile(sums, len(low)))[:, channel]).sum())
    return count


def line(ratio: np.ndarray, offset: np.ndarray, mode: str, low: int, high: int) -> Rule:
    def rule(sums: IntArray) -> IntArray:
        return np.clip(ROUNDINGS[mode](sums * ratio + offset), low, high).astype(np.int64)

    return rule


@given(st.data())
def test_powers_of_two_are_exact(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    ratio = 2.0 ** np.array(data.draw(st.lists(st.integers(-7, 2), min_size=count, max_size=count)))
    parts = data.draw(st.sampled_from((1.0, 1.0, 0.5, 0.01)))
    offset = ratio * parts * np.array(data.draw(st.lists(st.integers(-200, 200), min_size=count, max_size=count)))
    mode = data.draw(st.sampled_from(("ROUND", "FLOOR", "CEIL", "HALF_UP")))
    ends = (0, data.draw(st.integers(1, 255))) if data.draw(st.booleans()) else (-128, 127)
    rule = line(ratio, offset, mode, *ends)
    low, high = (
        np.full(count, -700),
        np.array(data.draw(st.lists(st.integers(-99, 900), min_size=count, max_size=count))),
    )
    high = np.maximum(high, low)
    found = fit(levels(rule, low, high), ratio, (0,), GAINS, shared=False)
    if parts == 1.0 and mode == "ROUND":
        assert found is not None, "a bias of whole sums, and ties to even, are what rule R1 has"
    if found is not None:
        assert found.is_exact and differing(found, rule, low, high) == 0


@given(st.data())
def test_other_ratios_are_as_near_as_is_said(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 3))
    reals = st.floats(0.004, 1.7)
    ratio = np.array(data.draw(st.lists(reals, min_size=count, max_size=count)))
    offset = np.array(data.draw(st.lists(st.floats(-40, 40), min_size=count, max_size=count)))
    rule = line(ratio, offset, "ROUND", -128, 127)
    low, high = np.full(count, -900), np.full(count, 800)
    made = levels(rule, low, high)
    found = nearest(made, ratio, offset, 0, shared=False, most_gain=data.draw(st.sampled_from((1, 8, 32))))
    assert differing(found, rule, low, high) == found.values
    sums = np.arange(-900, 801)[:, None]
    multipliers = np.array(found.requant.multiplier) / 2.0**found.requant.shift
    real, wanted = (sums * found.gain + found.bias) * multipliers, sums * ratio + offset
    both = (np.abs(wanted) < 127) & (np.abs(real) < 127)
    assert (np.abs(real - wanted)[both] <= found.deviation + 1e-9).all()


def test_ties_go_to_even_where_they_are_and_up_where_a_bias_is_no_whole_sum() -> None:
    low, high = np.array([-64, -64]), np.array([64, 64])
    ratio = np.full(2, 0.125)
    whole = fit(levels(line(ratio, np.array([0.0, 0.25]), "ROUND", -8, 7), low, high), ratio, (0,), (1,), False)
    parts = fit(levels(line(ratio, np.array([0.06, 0.06]), "ROUND", -8, 7), low, high), ratio, (0,), (1,), False)
    assert whole is not None and whole.requant.rounding is Rounding.HALF_EVEN and whole.bias.tolist() == [0, 2]
    assert parts is not None and parts.requant.rounding is Rounding.HALF_UP
    both = levels(line(ratio, np.array([0.0, 0.06]), "ROUND", -8, 7), low, high)
    assert fit(both, ratio, (0,), (1,), False) is None
    doubled = fit(both, ratio, (0,), GAINS, False)
    assert doubled is not None and doubled.gain.tolist() == [2, 2]
    assert doubled.requant.rounding is Rounding.HALF_EVEN and doubled.bias.tolist() == [0, 1]


@pytest.mark.parametrize("mode", ["UP", "DOWN"])
def test_steps_of_unlike_size_have_no_requantisation(mode: str) -> None:
    low, high, ratio = np.array([-64]), np.array([64]), np.array([0.125])
    assert fit(levels(line(ratio, np.zeros(1), mode, -8, 7), low, high), ratio, (0,), GAINS, False) is None


def test_odd_zero_points_that_are_added_before_rounding() -> None:
    low, high, ratio = np.array([-64]), np.array([64]), np.array([0.25])
    rule = line(ratio, np.array([5.0]), "ROUND", 0, 15)
    assert fit(levels(rule, low, high), ratio, (5,), (1,), False) is None
    found = fit(levels(rule, low, high), ratio, (5, 0), (1,), False)
    assert found is not None and found.requant.zero_point == 0 and found.bias.tolist() == [20]


def test_a_bias_for_all_channels() -> None:
    low, high, ratio = np.full(2, -64), np.full(2, 64), np.full(2, 0.25)
    made = levels(line(ratio, np.array([0.0, 1.0]), "ROUND", -8, 7), low, high)
    assert fit(made, ratio, (0,), (1,), shared=False) is not None
    assert fit(made, ratio, (0,), (1,), shared=True) is None
