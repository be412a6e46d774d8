"""Integer multipliers and a shift for real ratios."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from hwq.ops.factors import as_multipliers
from hwq.quant.ranges import pow2_ceil

RATIOS = [2.0**-40, 1e-9, 0.1, 1 / 3, 0.999, 1 - 1e-16, 1.0, 1.0001, 5.0, 8 - 1e-9, 30_000.0]


@pytest.mark.parametrize("ratio", RATIOS)
def test_multipliers(ratio: float) -> None:
    """16 bits of mantissa, in lowest terms, and a power of two is exact."""
    for ratios in ([ratio], [ratio, ratio / 7], [ratio, ratio / 2.0**15]):
        multipliers, shift = as_multipliers(ratios)
        assert all(0 < m < 1 << 16 for m in multipliers) and 0 <= shift <= 46
        assert shift == 0 or any(m % 2 for m in multipliers)
        if ratio > 1e-8:
            assert abs(multipliers[0] * 2.0**-shift / ratio - 1) < 2.0**-15
    assert as_multipliers([pow2_ceil(ratio)])[0][0] in [1 << k for k in range(17)]


def rounded(ratio: float, shift: int) -> int:
    return math.floor(Fraction(ratio) * (1 << shift) + Fraction(1, 2))


@pytest.mark.parametrize("bits", [2, 5, 16, 24])
@pytest.mark.parametrize(
    "ratio", [*RATIOS, 3.5, 31.4, 31.5, 65_535.4, 65_535.5, 65_536.0, 1e6, 2.0**-47, 2.0**-48, 1e-30]
)
def test_the_longest_shift_that_fits(ratio: float, bits: int) -> None:
    """Of all shifts, tried one after the other; then in lowest terms."""
    for ratios in ([ratio], [ratio, 3 * ratio / 7], [ratio / 2.0**20, ratio, ratio], [ratio / 3, ratio / 3.01]):
        fits = [shift for shift in range(47) if rounded(max(ratios), shift) < 1 << bits]
        shift = max(fits, default=0)
        nearest = [max(1, rounded(r, shift)) for r in ratios]
        wanted = [m if m < 1 << bits else 1 << (bits - 1) for m in nearest]
        common = min(shift, *((m & -m).bit_length() - 1 for m in wanted))
        assert as_multipliers(ratios, bits) == (tuple(m >> common for m in wanted), shift - common)
    assert as_multipliers([ratio]) == as_multipliers([ratio], 16)
