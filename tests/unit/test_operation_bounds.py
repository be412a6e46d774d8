"""Bounds of results, accumulators and intermediates: by hand, or attained; and when pixels are needed."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from cases import CASES
from nets import (
    add,
    argmax,
    avgpool,
    concat,
    const,
    conv,
    dense,
    gather,
    matmul,
    mul,
    normalise,
    prelu,
    rescale,
    softmax,
    table,
    tensor,
    topk,
)

from hwq.arith import Requant, Rounding
from hwq.ir.op import Op
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Codebook
from hwq.ops.requantised import requant_bound

X, K1 = tensor(4, 4, 3), Window((1, 1))


@pytest.mark.parametrize("multiplier", [(3,), (0, 5), (7, 2, 40)])
def test_bound_over_all_multipliers(multiplier: tuple[int, ...]) -> None:
    requant = Requant(multiplier, 2, Rounding.HALF_EVEN, 9, -60, 70)
    for low, high in ((-30, 20), (3, 8), (-9, -2)):
        found = requant(np.arange(low, high + 1)[:, None] * np.ones(len(multiplier), np.int64))
        assert requant_bound(requant, (low, high)) == (int(found.min()), int(found.max()))
    assert requant_bound(requant, (-(1 << 80), 1 << 80)) == (-60, 70)


@pytest.mark.parametrize(("channels", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (16, 4), (17, 5)])
def test_width_of_an_index(channels: int, bits: int) -> None:
    x = tensor(2, 3, channels)
    for op, count in ((argmax(x), 1), (topk(x, 1), 1)):
        assert op.result(x) == TensorType((2, 3, count), bits, False)
        assert op.bound((-5, 5)) == (0, channels - 1)


BOUNDS: dict[str, tuple[Op, tuple[tuple[int, int], ...], tuple[int, int] | None, int]] = {
    "add": (
        replace(add(X, X), factors=(3, -5), bias=-11, requant=Requant((1,), 4, Rounding.FLOOR, 0, 0, 1)),
        ((-7, 20), (3, 9)), (-7 * 3 - 45 - 11, 60 - 15 - 11), 20 * 3 + 9 * 5 + 11 + 16,
    ),
    "avgpool": (
        replace(avgpool(X, Window((2, 2))), bias=-9, requant=Requant((10,), 4, Rounding.FLOOR, 0, 0, 1)),
        ((-7, 5),), (-28 - 9, 20 - 9), (28 + 9) * 10 + 16,
    ),
    "avgpool-padded": (
        replace(
            avgpool(X, Window((2, 2), pads=(1, 0, 0, 0))), bias=9, pad_value=30,
            requant=Requant((10,), 4, Rounding.FLOOR, 0, 0, 1),
        ), ((-7, 5),), (-28 + 9, 120 + 9), (120 + 9) * 10 + 16,
    ),
    "rescale": (
        replace(rescale(X), bias=-4, requant=Requant((9,), 2, Rounding.FLOOR, 0, 0, 1)),
        ((-3, 2),), (-7, -2), (3 + 4) * 9 + 4,
    ),
    "prelu": (
        replace(prelu(X), bias=-4, positive=3, negative=(2, -7, 1), requant=Requant((1,), 2, Rounding.FLOOR, 0, 0, 1)),
        ((-3, 6),), (-14, 49), (6 + 4) * 7 + 4,
    ),
    "prelu-positive": (
        replace(prelu(X), bias=4, positive=9, negative=(2,), requant=Requant((1,), 2, Rounding.FLOOR, 0, 0, 1)),
        ((-3, 6),), (9, 90), (6 + 4) * 9 + 4,
    ),
    "mul": (
        replace(mul(X, X, zeros=(2, -1)), requant=Requant((6,), 3, Rounding.FLOOR, 0, 0, 1)),
        ((-3, 6), (-5, 7)), (-40, 32), 40 * 6 + 8,
    ),
    "mul-order": (
        replace(mul(X, X, zeros=(2, -1), sources=("b", "a")), requant=Requant((6,), 3, Rounding.FLOOR, 0, 0, 1)),
        ((-3, 6), (-5, 7)), (-40, 32), 40 * 6 + 8,
    ),
    "matmul": (
        replace(matmul(X, X, zeros=(2, -1)), requant=Requant((6,), 3, Rounding.FLOOR, 0, 0, 1)),
        ((-3, 6), (-5, 7)), (-120, 96), 3 * 5 * 8 * 6 + 8,
    ),
    "gather": (gather(np.array([[[-1, 0]]]), -77), ((-3, 6),), None, 77),
    "gather-input": (gather(np.array([[[1, 0]]]), -2), ((-3, 6),), None, 6),
    "const": (const([[[-5, 3]]]), (), None, 5),
    "table": (
        replace(table(tensor(1, 1, 1, bits=4), 1, entries=np.array([1, -9, *[0] * 7])), fraction=3),
        ((-3, 6),), None, 9 * 2 + 16,
    ),
    "table-input": (table(tensor(1, 1, 1, bits=4), entries=np.zeros(16, np.int64)), ((-3, 6),), None, 6 + 8),
    "table-low_input": (table(tensor(1, 1, 1, bits=4), entries=np.zeros(16, np.int64)), ((-7, 6),), None, 7 + 8),
    "table-lowest_input": (table(tensor(1, 1, 1, bits=4), entries=np.zeros(16, np.int64)), ((-8, 6),), None, 8 + 8),
    "softmax": (replace(softmax(X), reciprocal_bits=25, step=8), ((0, 1),), None, 1 << 25),
    "softmax-step": (replace(softmax(X), reciprocal_bits=17, bits=1, step=9), ((0, 1),), None, 1 << 25),
    "softmax-most_step": (replace(softmax(X), reciprocal_bits=17, bits=1, step=16), ((0, 1),), None, 1 << 32),
    "normalise": (normalise(X), ((0, 1),), None, (1 << 60) - 1),
}  # fmt: skip


@pytest.mark.parametrize(("op", "intervals", "accumulator", "magnitude"), BOUNDS.values(), ids=BOUNDS.keys())
def test_bounds_by_hand(
    op: Op, intervals: tuple[tuple[int, int], ...], accumulator: tuple[int, int] | None, magnitude: int
) -> None:
    assert op.accumulator(*intervals) == accumulator
    assert op.magnitude(*intervals) == magnitude


@pytest.mark.parametrize("kind", ["conv", "depthwise", "dense", "groupconv"])
def test_partial_sums_of_weights(kind: str) -> None:
    """sum(abs(w)) * max(abs(x)) + abs(bias), of the channel where that is most."""
    for p in CASES[kind].values():
        op: Any = p.ops[0]
        low, high = op.reach((-3, 9))
        sums = [
            sum(abs(w) for w in op.weight[m].ravel().tolist()) * max(-low, high) + abs(int(op.bias[m]))
            for m in range(op.channels)
        ]
        assert op.partial_sum((-3, 9)) == max(sums)
        assert op.start == (min(op.bias.tolist()), max(op.bias.tolist()))
        assert op.macs_per_pixel == op.weight.size
        product = max(sums) * max(op.requant.multiplier) + (1 << op.requant.shift)
        assert op.magnitude((-3, 9)) == max(product, -op.requant.qmin, op.requant.qmax)


@pytest.mark.parametrize("op", [add(X, X), matmul(X, X), mul(X, X)], ids=["add", "matmul", "mul"])
def test_two_inputs_have_two_intervals(op: Any) -> None:
    for bound in (op.accumulator, op.partial_sum, op.magnitude):
        for count in (1, 3):
            with pytest.raises(ValueError, match=r"zip|unpack"):
                bound(*[(0, 1)] * count)


def test_a_matrix_product_has_two_inputs() -> None:
    with pytest.raises(ValueError, match="zip"):
        matmul(X, X).accumulate(*[np.zeros((1, *X.shape))] * 3)


def test_bits_of_weights_and_tables() -> None:
    """135 weights of 2 bits, and 3 entries of 8; weights too wide for hardware are not compared with their coding."""
    op = replace(dense(tensor(3, 3, 3), 5), coding=Codebook(np.array([0, 1, 2])))
    assert (op.rom_bits, op.channels, op.macs_per_pixel) == (294, 5, 135)
    replace(conv(X, 2, K1), weight_bits=17, coding=Codebook(np.array([0, 1]))).result(X)


def test_accumulators_have_two_bits_at_least() -> None:
    """A sign and a value; and they hold their start."""
    op = replace(dense(tensor(1, 1, 1), 1), weight=np.zeros((1, 1, 1, 1), np.int64), bias=np.array([0]))
    assert op.accumulator_bits((0, 0)) == 2
    assert replace(op, bias=np.array([4])).accumulator_bits((0, 0)) == 4
    two = replace(op, weight=np.array([[[[-1]]]]), bias=np.array([4]))
    assert two.accumulator_bits((4, 4)) == 4


def test_pixels_that_a_concat_needs() -> None:
    """Of odd numbers of pixels."""
    a, b = tensor(3, 3, 1), tensor(3, 2, 1)
    assert concat(2, "a", "b").pixels_needed(1, a, a).tolist() == list(range(1, 10))
    assert concat(0, "a", "b").pixels_needed(1, a, a).tolist() == [0] * 9 + list(range(1, 10))
    assert concat(1, "a", "b").pixels_needed(0, a, b).tolist() == [1, 2, 3, 3, 3, 4, 5, 6, 6, 6, 7, 8, 9, 9, 9]
    assert concat(1, "b", "b").pixels_needed(1, b, b).tolist() == [0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 5, 6]
    assert concat(1, "b", "a").pixels_needed(1, b, a).tolist() == [0, 0, 1, 2, 3, 3, 3, 4, 5, 6, 6, 6, 7, 8, 9]


def test_sums_without_weights_start_at_zero() -> None:
    assert {op.start for op in (add(X, X), rescale(X), avgpool(X, K1), mul(X, X), matmul(X, X), prelu(X))} == {(0, 0)}


@pytest.mark.parametrize("bits", [1, 7, 8, 16])
def test_bound_of_a_softmax_is_attained(bits: int) -> None:
    """By one channel of two, where the other is far below."""
    op = softmax(tensor(1, 1, 2), np.array([65_535, 0]), bits=bits)
    y = op.evaluate(np.array([[[[127, -128]]]]))
    assert (int(y.min()), int(y.max())) == op.bound((-128, 127))


def test_exponentials_between_entries() -> None:
    """Rule N1: on the line between two entries, to the nearest; behind the last entry all are equal to it."""
    entries = [65_535, 40_000, 9_001, 8_000, 100]
    for step in range(3):
        found = softmax(X, np.array(entries), step=step).exponentials(np.arange(8 << step))
        for below, value in enumerate(found.tolist()):
            place = Fraction(below, 1 << step)
            left, right = (entries[min(index, 4)] for index in (math.floor(place), math.ceil(place)))
            assert value == math.floor(left + (right - left) * (place % 1) + Fraction(1, 2)), (step, below)


def with_one_entry(entry: int, index: int, fraction: int) -> Op:
    """A normalisation that makes 16 bits, whose table of index i has `entry` at `index` and is 0 elsewhere."""
    row = np.zeros(48, np.int64)
    row[index - 16] = entry
    return replace(normalise(X, index_bits=4, bits=16), table=row, fraction=fraction)


@pytest.mark.parametrize(
    ("entry", "index", "fraction", "most"),
    [(3, 63, -6, 193), (1, 16, -6, 33), (1, 17, -6, 34), (3, 63, -5, 97), (3, 63, -4, 48), (0, 63, -6, 1)],
)
def test_bound_of_a_normalisation(entry: int, index: int, fraction: int, most: int) -> None:
    """By hand, as rule L3 has it: t = 1 + floor(sqrt(64 * entry^2 * (index + 1))), over 2^(6 + fraction)."""
    assert with_one_entry(entry, index, fraction).bound((0, 1)) == (-most, most)
