"""`hwq.arith` against exact fractions, up to the bounds under which its float forms are said to be exact."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwq.arith import (
    Requant,
    Rounding,
    dequantise,
    int_range,
    quantise,
    shift_round,
    shift_round_float,
    signed_bits,
)

EXACT = {np.float32: 1 << 24, np.float64: 1 << 53}
each_rounding = pytest.mark.parametrize("rounding", list(Rounding))
each_float = pytest.mark.parametrize("dtype", [np.float32, np.float64])

ROUND: dict[Rounding, Callable[[Fraction], int]] = {
    Rounding.FLOOR: math.floor,
    Rounding.HALF_UP: lambda x: math.floor(x + Fraction(1, 2)),
    Rounding.HALF_EVEN: round,
    Rounding.HALF_AWAY: lambda x: (1 if x > 0 else -1) * math.floor(abs(x) + Fraction(1, 2)),
}


def reference(acc: int, multiplier: int, q: Requant) -> int:
    """Rule R1 in fractions."""
    y = ROUND[q.rounding](Fraction(acc * multiplier, 1 << q.shift)) + q.zero_point
    return max(q.qmin, min(q.qmax, y))


@each_rounding
@pytest.mark.parametrize("shift", range(6))
def test_rounds_as_fractions_do(rounding: Rounding, shift: int) -> None:
    x = np.arange(-200, 201)
    want = [ROUND[rounding](Fraction(int(v), 1 << shift)) for v in x]
    assert shift_round(x, shift, rounding).tolist() == want
    for dtype in EXACT:
        assert shift_round_float(x.astype(dtype), shift, rounding).tolist() == want


@each_rounding
def test_rounds_wide_integers(rounding: Rounding) -> None:
    source = random.Random(1)
    for shift in (1, 17, 30, 46, 61):
        limit = (1 << 63) - 1 - (1 << (shift - 1))
        values = [limit, -limit, limit - 1, 1 << shift, -(3 << (shift - 1)), 3 << (shift - 1)]
        values = [v for v in values if abs(v) <= limit] + [source.randint(-limit, limit) for _ in range(200)]
        want = [ROUND[rounding](Fraction(v, 1 << shift)) for v in values]
        assert shift_round(np.array(values), shift, rounding).tolist() == want


@each_rounding
def test_requantises_by_its_rule(rounding: Rounding) -> None:
    q = Requant((40_503, 1, 65_535), 20, rounding, -7, -128, 100)
    acc = np.random.default_rng(1).integers(-(1 << 30), 1 << 30, (500, 3))
    want = [[reference(int(a), m, q) for a, m in zip(row, q.multiplier, strict=True)] for row in acc]
    assert q(acc).tolist() == want
    assert q.apply_float(acc.astype(np.float64)).tolist() == want


@each_rounding
@each_float
@pytest.mark.parametrize(("shift", "multiplier"), [(0, 1), (1, 1), (7, 1), (15, 1), (23, 1), (9, 37), (16, 40_000)])
def test_float_form_is_exact_up_to_the_bound(rounding: Rounding, dtype: type, shift: int, multiplier: int) -> None:
    """Accumulators whose certificate is the very bound: the largest, their neighbours, and all ties near them."""
    q = Requant((multiplier,), shift, rounding, 0, -(1 << 60), 1 << 60)
    most = (EXACT[dtype] - (1 << shift)) // multiplier
    assert q.product_bound(most) <= EXACT[dtype] < q.product_bound(most + 1)
    near = [most - k for k in range(300) if most >= k]
    ties = [t for k in range(1, 300, 2) if (t := ((most * multiplier >> shift) - k) << shift >> 1) <= most]
    acc = np.array(sorted({s * v for v in near + ties for s in (1, -1)}))
    assert q.apply_float(acc.astype(dtype)).astype(np.int64).tolist() == q(acc).tolist()
    clamped = replace(q, zero_point=-65_536, qmin=-32_768, qmax=32_767)
    assert clamped.apply_float(acc.astype(dtype)).astype(np.int64).tolist() == clamped(acc).tolist()


@each_float
def test_float_form_is_not_exact_beyond_the_bound(dtype: type) -> None:
    """The next odd integer, or the half that is added to it, no longer fits."""
    q = Requant((1,), 1, Rounding.HALF_UP, 0, -(1 << 60), 1 << 60)
    beyond = np.array([EXACT[dtype] + 1])
    assert q.product_bound(int(beyond[0])) > EXACT[dtype]
    assert q.apply_float(beyond.astype(dtype)).astype(np.int64).tolist() != q(beyond).tolist()


@pytest.mark.parametrize("bits", range(1, 17))
def test_ranges(bits: int) -> None:
    assert int_range(bits, False) == (0, 2**bits - 1)
    low, high = int_range(bits, True)
    assert high - low == 2**bits - 1 and low == -(2 ** (bits - 1))
    assert signed_bits((low, high)) == bits
    assert signed_bits((low - 1, 0)) == signed_bits((0, high + 1)) == bits + 1


@pytest.mark.parametrize("zero", [-5, 0, 128])
def test_real_values(zero: int) -> None:
    """Rule T2: ties go up, values beyond the type are clamped, and integers survive the way there and back."""
    q = np.arange(0, 256)
    assert quantise(dequantise(q, 0.3, zero), 0.3, zero, 0, 255).tolist() == q.tolist()
    ties = np.array([-1.5, -0.5, 0.5, 1.5])
    assert (quantise(ties, 1.0, zero, -999, 999) - zero).tolist() == [-1, 0, 1, 2]
    assert quantise(np.array([1e30, -1e30]), 0.5, zero, -8, 7).tolist() == [7, -8]


@each_rounding
def test_real_values_are_rounded_by_the_rule(rounding: Rounding) -> None:
    quarters = np.arange(-20, 21) / 4
    want = [ROUND[rounding](Fraction(x)) for x in quarters.tolist()]
    assert quantise(quarters, 1.0, 0, -9, 9, rounding).tolist() == want


def test_multiplier_facts() -> None:
    assert Requant((1,), 3, Rounding.FLOOR, 0, 0, 1).is_shift
    for multiplier in ((0,), (2,), (1, 1)):
        assert not Requant(multiplier, 3, Rounding.FLOOR, 0, 0, 1).is_shift


@pytest.mark.parametrize("multiplier", [(0,), (1,), (2,), (1, 0, 2)])
def test_small_multipliers(multiplier: tuple[int, ...]) -> None:
    q = Requant(multiplier, 1, Rounding.HALF_UP, 3, -100, 100)
    acc = np.arange(-9, 9).reshape(-1, 3)
    assert q.apply_float(acc.astype(np.float32)).tolist() == q(acc).tolist()
    assert q(acc)[1].tolist() == [reference(v, m, q) for v, m in zip([-6, -5, -4], multiplier * 3, strict=False)]


@pytest.mark.parametrize(
    ("multiplier", "mantissa", "words", "bits"),
    [
        ((1,), 1, (0,), 1),
        ((1, 64, 2), 1, (0, 6, 1), 3),
        ((3,), 2, (1,), 2),
        ((96, 1, 5 << 13), 3, (5 << 2 | 1, 0, 13 << 2 | 2), 6),
        ((9, 10, 22, 15), 4, (0b0100, 0b1010, 0b1101, 0b0111), 4),
        ((17, 4), 5, (17, 4), 5),
        ((65_535,), 16, (65_535,), 16),
        ((0, 2), 16, (0, 2), 2),
        ((0,), 16, (0,), 1),
    ],
)
def test_multipliers_as_stored(multiplier: tuple[int, ...], mantissa: int, words: tuple[int, ...], bits: int) -> None:
    """{exponent, odd part / 2} while the odd parts have at most four bits; each word gives its multiplier back."""
    q = Requant(multiplier, 3, Rounding.FLOOR, 0, 0, 1)
    assert (q.mantissa_bits, q.words, q.word_bits, q.multiplies) == (mantissa, words, bits, mantissa > 4)
    if not q.multiplies:
        parts = [((2 * word + 1) % (1 << mantissa), word >> (mantissa - 1)) for word in q.words]
        assert tuple(odd << exponent for odd, exponent in parts) == multiplier


def test_rounding_modes_are_the_parameter_of_the_hardware() -> None:
    """ROUND of hwq_requant.sv."""
    assert [(mode.name, mode.value) for mode in Rounding] == [
        ("FLOOR", 0), ("HALF_UP", 1), ("HALF_EVEN", 2), ("HALF_AWAY", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("multiplier", "zero", "text"),
    [
        ((1,), 0, ">>3 floor [-8,7]"),
        ((5,), 12, "*5>>3+12 floor [-8,7]"),
        ((5, 5), -1, "*5>>3-1 floor [-8,7]"),
        ((300, 7), 0, "*7..300>>3 floor [-8,7]"),
        ((40, 7, 300), 0, "*7..300>>3 floor [-8,7]"),
    ],
)
def test_text_of_a_requantisation(multiplier: tuple[int, ...], zero: int, text: str) -> None:
    assert str(Requant(multiplier, 3, Rounding.FLOOR, zero, -8, 7)) == text


def test_a_requantisation_is_a_value() -> None:
    q = Requant((1,), 3, Rounding.FLOOR, 0, 0, 1)
    assert q == replace(q) and len({q, replace(q)}) == 1 and q != replace(q, shift=2)
    assert not hasattr(q, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        q.shift = 4  # type: ignore[misc]
