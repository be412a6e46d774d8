"""Gather: its bound, the pixels that it waits for, and the channels that move together."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from cases import CASES
from nets import gather

from hwq.arith import IntArray
from hwq.ops import Gather


@pytest.mark.parametrize(
    ("index", "bound"),
    [([[[-1, -1]]], (-77, -77)), ([[[-1, 5]]], (-77, 6)), ([[[4, 5]]], (-3, 6)), ([[[0, 0]]], (-3, 6))],
)
def test_bound_of_a_gather(index: list[Any], bound: tuple[int, int]) -> None:
    assert gather(np.array(index), -77).bound((-3, 6)) == bound
    if min(index[0][0]) < 0 <= max(index[0][0]):
        assert gather(np.array(index), 77).bound((-3, 6)) == (-3, 77)


def test_padding_before_the_rest_is_no_order() -> None:
    assert gather(np.array([[[0, 2, 5]]])).keeps_order
    for index in ([-1, 0, 1], [0, -1, 1], [0, 0, 1], [1, 0, 2]):
        assert not gather(np.array([[index]])).keeps_order


@pytest.mark.parametrize("name", CASES["gather"])
def test_pixels_that_a_gather_needs(name: str) -> None:
    """All up to the last that has been read so far; at least one."""
    p = CASES["gather"][name]
    op: Any = p.ops[0]
    x, seen, want = p.types["a"], 0, []
    for pixel in op.index.reshape(-1, op.index.shape[2]).tolist():
        seen = max([seen, *(n // x.channels for n in pixel)])
        want.append(seen + 1)
    assert op.pixels_needed(0, x).tolist() == want
    flat = op.index.ravel().tolist()
    assert op.keeps_order == (min(flat) >= 0 and all(a < b for a, b in itertools.pairwise(flat)))


def _moves_whole(index: IntArray, inputs: int, lanes: int) -> bool:
    """Whether each beat of `lanes` channels is one beat of the input, or nothing but padding."""
    for beat in index.reshape(-1, lanes).tolist():
        whole = beat[0] % inputs % lanes == 0 and beat == list(range(beat[0], beat[0] + lanes))
        if not whole and any(n >= 0 for n in beat):
            return False
    return True


def _check_group(op: Gather, inputs: int) -> None:
    group = op.group(inputs)
    for lanes in range(1, inputs + 1):
        if op.index.shape[2] % lanes == 0 == inputs % lanes:
            assert _moves_whole(op.index, inputs, lanes) == (group % lanes == 0), (lanes, group)


@pytest.mark.parametrize("name", CASES["gather"])
def test_groups_of_channels(name: str) -> None:
    """Beats of a group's channels are moved whole: the largest such number, where not every one will do."""
    p = CASES["gather"][name]
    op = p.ops[0]
    assert isinstance(op, Gather)
    _check_group(op, p.types["a"].channels)


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 6])
def test_groups_of_random_channels(lanes: int) -> None:
    """Beats of so many channels from anywhere, or padding; in half of the cases one element is another."""
    rng = np.random.default_rng(lanes)
    for trial in range(60):
        inputs, outputs = (lanes * int(rng.integers(1, 4)) for _ in range(2))
        beats = rng.integers(-1, 4 * inputs // lanes, (2, 1, outputs // lanes, 1)) * lanes
        index = np.where(beats < 0, -1, beats + np.arange(lanes)).reshape(2, 1, outputs)
        if trial % 2:
            index[rng.integers(2), 0, rng.integers(outputs)] = rng.integers(-1, 4 * inputs)
        _check_group(gather(index), inputs)
