"""Bounds of recurrent layers, against every sum that small ones can make."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nets import tensor
from recurrent_nets import gru, lstm, rnn

from hwq.arith import IntArray, Interval, Requant, Rounding
from hwq.ops import Gru, Lookup, Lstm, Recurrent

ROW = tensor(1, 2, 4)


def lookup(*entries: int) -> Lookup:
    return Lookup(np.array(entries), 0, 0, 8, True)


def still(op: Recurrent, bias: int) -> Recurrent:
    """The layer without weights."""
    return replace(op, recurrent=op.recurrent * 0, bias=op.bias * 0 + bias, factors=(2,))


@pytest.mark.parametrize(("values", "reach"), [((5, 9), (0, 9)), ((-9, -5), (-9, 0)), ((-4, 6), (-4, 6))])
def test_reach_holds_the_zero_before_the_first_step(values: Interval, reach: Interval) -> None:
    assert rnn(ROW, lookup(*np.resize(values, 4)), gate_bits=2).reach == reach


@pytest.mark.parametrize(
    ("bias", "x", "bound"),
    [
        (0, (3, 9), (0, 18)), (0, (-9, -3), (-18, 0)), (5, (0, 0), (0, 5)), (-5, (0, 0), (-5, 0)),
        (5, (-9, 9), (-18, 23)), (-5, (-9, 9), (-23, 18)),
    ],
)  # fmt: skip
def test_accumulators_begin_at_zero(bias: int, x: Interval, bound: Interval) -> None:
    """Whatever sign the bias and the input have."""
    assert still(rnn(ROW), bias).accumulator(x) == bound


TANHS = [(-7, -3, 2, 11), (3, 5, 7, 8), (-9, -8, -7, -2), (0, 0, 0, 0)]
REQUANTS = [
    Requant((1,), shift, Rounding.HALF_UP, zero, low, high)
    for shift in (0, 6)
    for zero, low, high in ((0, -90, 70), (0, -60, 80), (5, 5, 9), (5, 0, 9), (-5, -9, -5), (-5, -9, 0), (0, 0, 0))
]
GRUS = list(itertools.product(TANHS, REQUANTS, [(0, 0), (2, 1), (1, 3)]))


def small_gru(tanh: Sequence[int], requant: Requant, shifts: tuple[int, int]) -> Gru:
    """One unit, and gates of 2 bits whose sigmoid is 0, 1, 3 or 4 quarters."""
    x = tensor(1, 2, 3)
    op = gru(x, curves=(lookup(0, 1, 3, 4), lookup(*tanh)), fraction=2, gate_bits=2, shifts=shifts)
    op = replace(op, requant=requant)
    op.result(x)
    return op


def gru_terms(op: Gru) -> tuple[IntArray, IntArray]:
    """All that is kept of an output, and all that is new."""
    quarters = np.arange(5)[:, None]
    outputs = np.append(np.arange(op.requant.qmin, op.requant.qmax + 1), 0)
    return quarters * outputs << op.shifts[0], quarters * op.tanh.entries << op.shifts[1]


@pytest.mark.parametrize(("tanh", "requant", "shifts"), GRUS)
def test_bound_of_a_gru(tanh: Sequence[int], requant: Requant, shifts: tuple[int, int]) -> None:
    op = small_gru(tanh, requant, shifts)
    kept, new = gru_terms(op)
    y = requant(np.array([kept.min() + new.min(), 0, kept.max() + new.max()]))
    assert op.bound() == (y.min(), y.max())


@pytest.mark.parametrize(("tanh", "requant", "shifts"), GRUS)
def test_sums_of_products_of_a_gru(tanh: Sequence[int], requant: Requant, shifts: tuple[int, int]) -> None:
    op = still(small_gru(tanh, requant, shifts), 0)
    assert isinstance(op, Gru)
    most = sum(int(np.abs(term).max()) for term in gru_terms(op))
    reset, table = 1 << op.fraction, max(abs(v) for v in (4, *tanh)) + 1
    assert op.products() == max(most + (1 << requant.shift), reset, table)


@pytest.mark.parametrize("reset_after", [False, True])
def test_sums_that_a_reset_gate_scales(reset_after: bool) -> None:
    """-99 times an output of -8 or 8, less 7, by 4 quarters; and the 4 that round it to whole units."""
    op = small_gru(TANHS[0], Requant((1,), 0, Rounding.HALF_UP, 0, -8, 8), (0, 0))
    op = replace(
        op, reset_after=reset_after, recurrent=np.array([[1], [-2], [-99]]), bias=np.array([3, -4, -7]), factors=(9,)
    )
    assert op.products() == op.products((-7, 5)) == (99 * 8 + 7) * 4 + 4


def small_lstm(
    sigmoid: Iterable[int], tanh: Iterable[int], c: Interval, shifts: tuple[int, int], cell_shift: int
) -> Lstm:
    """One unit, gates of 2 bits, and a cell state of 4 whose tanh is itself."""
    x = tensor(1, 2, 4)
    curves = lookup(*sigmoid), lookup(*tanh), lookup(*range(-8, 8))
    op = lstm(x, curves=curves, gate_bits=2, cell_bits=4, shifts=shifts)
    op = replace(op, cell=Requant((1,), cell_shift, Rounding.HALF_UP, 0, *c))
    op.result(x)
    return op


@pytest.mark.parametrize("sigmoid", [(0, 1, 3, 4), (-9, -2, 0, 1), (0, 0, 0, 0)])
@pytest.mark.parametrize("tanh", TANHS)
@pytest.mark.parametrize("c", [(-8, 7), (-3, 6), (2, 5), (-4, -2), (0, 0)])
@pytest.mark.parametrize("shifts", [(0, 0), (3, 2), (1, 4)])
def test_products_of_an_lstm(
    sigmoid: tuple[int, ...], tanh: tuple[int, ...], c: Interval, shifts: tuple[int, int]
) -> None:
    """The largest of each product, and what rounds their sum or the output."""
    for cell_shift in (0, 9):
        op = small_lstm(sigmoid, tanh, c, shifts, cell_shift)
        cells = range(c[0], c[1] + 1)
        kept = max(abs(f * state) << shifts[0] for f in sigmoid for state in (0, *cells))
        new = max(abs(i * g) << shifts[1] for i in sigmoid for g in tanh)
        outputs = max(abs(o * state) for o in sigmoid for state in cells)
        table = max(8, *map(abs, sigmoid + tanh)) + 1
        most: Any = max(kept + new + (1 << cell_shift), outputs + (1 << op.requant.shift), table)
        assert op.products() == most
