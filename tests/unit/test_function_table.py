"""Tables of functions: their entries by the definition, steps, fractions, and places where a function is undefined."""

from __future__ import annotations

import math

import pytest

from hwq.frontend.expression import Expr, X
from hwq.ir.types import Format, TensorType
from hwq.quant.function_table import FRACTION, INDEX_BITS, function_table

TANH, LOG = Expr("Tanh", (X,)), Expr("Log", (X,))


def type_of(bits: int, signed: bool) -> TensorType:
    return TensorType((1, 1, 1), bits, signed)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [1, 4, 10, 11, 16])
def test_entries(bits: int, signed: bool) -> None:
    """Entry by entry; inputs of up to 10 bits have one each, wider ones two at the ends of each step."""
    x, y = Format(2.0**-3, 5), Format(0.01, 3)
    entries, step, fraction = function_table(TANH, x, type_of(bits, signed), y, type_of(8, True))
    assert step == max(0, bits - INDEX_BITS) and fraction == (FRACTION if step else 0)
    assert len(entries) == (1 << (bits - step)) + (step > 0)
    low = -(1 << (bits - 1)) if signed else 0
    for number, entry in enumerate(entries.tolist()):
        real = math.tanh((low + (number << step) - 5) * 2.0**-3)
        want = math.floor((real / 0.01 + 3) * 2**fraction + 0.5)
        assert entry == min(max(want, -128 << fraction), 127 << fraction)


def test_values_out_of_range_are_clamped() -> None:
    entries, _, _ = function_table(Expr("Exp", (X,)), Format(1.0), type_of(11, True), Format(1.0), type_of(4, False))
    assert entries.min() == 0 and entries.max() == entries[-1] == 15 << FRACTION


def test_undefined_places_have_the_value_of_the_nearest_defined_one() -> None:
    entries, _, _ = function_table(LOG, Format(1.0), type_of(4, True), Format(0.5), type_of(8, True))
    assert entries[:9].tolist() == [-128] * 9 and entries[9:].tolist() == [
        math.floor(math.log(x) / 0.5 + 0.5) for x in range(1, 8)
    ]
    root = Expr("Sqrt", (Expr("Sub", (X, Expr("number", value=2.0))),))
    assert function_table(root, Format(1.0), type_of(3, False), Format(1.0), type_of(4, False))[0].tolist() == [
        0, 0, 0, 1, 1, 2, 2, 2
    ]  # fmt: skip


def test_a_function_that_is_defined_nowhere_is_zero() -> None:
    never = Expr("Log", (Expr("Neg", (Expr("Exp", (X,)),)),))
    entries, _, _ = function_table(never, Format(1.0), type_of(3, True), Format(1.0, 7), type_of(4, False))
    assert entries.tolist() == [7] * 8
