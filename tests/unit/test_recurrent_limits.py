"""The last value that each check of a recurrent layer admits, the first that it refuses, and sums by their terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import CASES
from nets import tensor
from recurrent_nets import gru, lstm, rnn

from hwq.arith import Requant, Rounding
from hwq.ops import Gru

RECURRENT = tensor(1, 3, 12)
SHAPES: list[tuple[dict[str, Any], str]] = [
    ({"recurrent": np.zeros((12, 3, 1), np.int64)}, "recurrent has shape"),
    ({"recurrent": np.zeros((13, 3), np.int64)}, "recurrent has shape"),
    ({"recurrent": np.zeros((0, 0), np.int64)}, "recurrent has shape"),
    ({"bias": np.zeros(13, np.int64)}, "bias has shape"),
    ({"bias": np.zeros((12, 1), np.int64)}, "bias has shape"),
    ({"recurrent": np.full((12, 3), -129)}, "weights exceed 8 bits"),
    ({"recurrent": np.full((12, 3), 128)}, "weights exceed 8 bits"),
    ({"factors": (1,) * 13}, "13 factors for 12 rows"),
    ({"recurrent": np.zeros(12, np.int64)}, "recurrent has shape"),
    ({"factors": (0,)}, "outside of 1 to 65535"),
    ({"factors": (-1,)}, "outside of 1 to 65535"),
    ({"factors": (65_537,)}, "outside of 1 to 65535"),
    ({"gate_bits": 1}, "gate bits are 1, expected 2 to 16"),
    ({"gate": Requant((1,), 3, Rounding.HALF_UP, 0, 0, 512)}, r"clamp \[0,512\] is outside of s10\[1,1,12\]"),
]


@pytest.mark.parametrize(("changes", "text"), SHAPES)
def test_refused_recurrent_layers(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        replace(lstm(RECURRENT), **changes).result(RECURRENT)


def test_recurrent_inputs() -> None:
    for x in (tensor(2, 3, 12), tensor(1, 3, 13), tensor(1, 3, 11)):
        with pytest.raises(ValueError, match="expected one row of 12 channels"):
            lstm(RECURRENT).result(x)
    for factors in ((1,), (65_535,) * 12):
        replace(lstm(RECURRENT), factors=factors).result(RECURRENT)
    for weight in (-128, 0, 127):
        replace(lstm(RECURRENT), recurrent=np.full((12, 3), weight)).result(RECURRENT)
    x = tensor(1, 3, 2)
    rnn(x, gate_bits=2, step=0).result(x)


def test_recurrent_shifts() -> None:
    """The widest of the shifted products, and one more bit for their sum, fit 52 bits."""
    op = lstm(RECURRENT)
    op.check_shifts((0, 46), (51, 5))
    op.check_shifts((46, 0), (5, 51))
    for shifts, bits, found in (((0, 0), (52, 5), 53), ((47, 0), (5, 2), 53), ((1, 7), (3, 47), 55)):
        with pytest.raises(ValueError, match=f"a sum of products has {found} bits, expected at most 52"):
            op.check_shifts(shifts, bits)
    for shifts in ((-1, 0), (0, 52), (53, 0)):
        with pytest.raises(ValueError, match="expected 0 or more"):
            op.check_shifts(shifts, (1, 1))
    with pytest.raises(ValueError, match="zip"):
        op.check_shifts((0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    ("kind", "changes", "bits", "most"),
    [
        (lstm, {}, 16, (18, 17)), (lstm, {"cell_bits": 12, "cell_step": 2}, 9, (29, 31)),
        (gru, {}, 16, (25, 16)), (gru, {"bits": 9, "fraction": 9}, 9, (31, 30)),
    ],
)  # fmt: skip
def test_shifts_of_products(kind: Any, changes: dict[str, Any], bits: int, most: tuple[int, int]) -> None:
    """Of a gate with its sign; a and b that make a product of 51 bits, or of 52.

    Both gates of a gru have one bit more, as one of them is 1 less the other.
    """
    op = kind(RECURRENT, **changes)
    op = replace(op, sigmoid=replace(op.sigmoid, bits=bits), tanh=replace(op.tanh, bits=bits))
    replace(op, shifts=most).result(RECURRENT)
    for shifts in ((most[0] + 1, most[1]), (most[0], most[1] + 1)):
        with pytest.raises(ValueError, match="a sum of products has 53 bits"):
            replace(op, shifts=shifts).result(RECURRENT)


def with_sigmoid(fraction: int, value: int) -> Gru:
    """A layer whose gates have one value."""
    op = gru(RECURRENT)
    return replace(op, fraction=fraction, sigmoid=replace(op.sigmoid, entries=np.full(65, value)))


def test_gates_of_a_gru() -> None:
    """0 to 1, of at least one bit behind the point and at most all of them."""
    for fraction, value in ((1, 0), (1, 2), (16, 0), (16, 32_767), (14, 1 << 14)):
        with_sigmoid(fraction, value).result(RECURRENT)
    for fraction in (0, 17):
        with pytest.raises(ValueError, match=f"fraction is {fraction}, expected 1 to 16"):
            with_sigmoid(fraction, 0).result(RECURRENT)
    for fraction, value in ((1, -1), (1, 3), (14, (1 << 14) + 1)):
        with pytest.raises(ValueError, match=f"sigmoid spans .*{value}.*, expected values within 0 to {1 << fraction}"):
            with_sigmoid(fraction, value).result(RECURRENT)


def test_recurrent_states() -> None:
    op = lstm(RECURRENT)
    requant = Requant((1,), 3, Rounding.HALF_UP, 0, 0, 0)
    for bits in (1, 16):
        op.check_state(requant, bits, True)
    for bits in (0, 17):
        with pytest.raises(ValueError, match=f"a state has {bits} bits, expected 1 to 16"):
            op.check_state(requant, bits, True)
    with pytest.raises(ValueError, match="by a shift alone"):
        op.check_state(replace(requant, multiplier=(2,)), 8, True)
    with pytest.raises(ValueError, match=r"clamp \[-1,0\] is outside of u8\[1,1,3\]"):
        op.check_state(replace(requant, qmin=-1), 8, False)


@pytest.mark.parametrize("field", ["step", "fraction", "bits", "signed"])
def test_curves_of_one_memory(field: str) -> None:
    op = lstm(RECURRENT)
    other: Any = {"step": op.sigmoid.step - 1, "fraction": op.sigmoid.fraction + 1, "bits": 9, "signed": False}[field]
    sigmoid = replace(op.sigmoid, **{field: other})
    if field == "step":
        sigmoid = replace(sigmoid, entries=np.zeros((1 << (op.gate_bits - other)) + (other > 0), np.int64))
    with pytest.raises(ValueError, match="different steps, fractions or types"):
        op.check_curves(sigmoid, op.tanh)
    with pytest.raises(ValueError, match="different steps, fractions or types"):
        op.check_curves(op.tanh, sigmoid)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_sums_of_recurrent_layers(kind: str) -> None:
    """Every partial sum by its terms, of the row where that is most; at least a sign and a value."""
    for p in CASES[kind].values():
        op: Any = p.ops[0]
        reach = max(abs(end) for end in op.reach)
        factors = op.factors * (op.rows // len(op.factors))
        sums = [
            sum(map(abs, row)) * reach + abs(bias) + factor * 9
            for row, bias, factor in zip(op.recurrent.tolist(), op.bias.tolist(), factors, strict=True)
        ]
        assert op.partial_sum((-9, 3)) == op.partial_sum((-4, 9)) == max(sums)
        assert op.magnitude((-9, 3)) == max(op.gate.product_bound(max(sums)), op.products((-9, 3)))
        assert op.macs_per_pixel == op.recurrent.size
        assert op.reach[0] <= 0 <= op.reach[1]
    still = replace(op, recurrent=op.recurrent * 0, bias=op.bias * 0)
    assert still.accumulator_bits((0, 0)) == 2 and still.accumulator((0, 0)) == (0, 0)


@pytest.mark.parametrize("changes", [{"bits": 7}, {"bits": 9}, {"signed": False}])
def test_an_rnn_has_the_type_of_its_activation(changes: dict[str, Any]) -> None:
    x = tensor(1, 3, 12)
    with pytest.raises(ValueError, match="another type than the output's"):
        replace(rnn(x), **changes).result(x)
