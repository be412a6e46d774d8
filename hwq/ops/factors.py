"""Real ratios as integer multipliers over a common power of two (rule R3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

USUAL_BITS = 16
"""Of multipliers that hwq chooses itself."""
MAX_SHIFT = 46


def as_multipliers(ratios: Sequence[float], bits: int = USUAL_BITS) -> tuple[tuple[int, ...], int]:
    """Integers m and one shift s with m / 2**s next to each of `ratios`, in lowest terms.

    The largest m uses all `bits` before common factors of two are removed, so powers of two are exact as
    long as they lie within 2**(bits - 1) of one another.  A ratio above zero never becomes zero,
    and one that is out of reach becomes the largest power of two.

    Examples
    --------
    >>> as_multipliers([0.25, 0.5])
    ((1, 2), 2)
    >>> as_multipliers([8.0])
    ((8,), 0)
    >>> as_multipliers([1 / 3])
    ((43691,), 17)
    >>> as_multipliers([1 - 1e-16])
    ((1,), 0)
    """
    top = (1 << bits) - 1
    shift = min(bits - math.frexp(max(ratios))[1], MAX_SHIFT)
    if math.floor(max(ratios) * 2.0**shift + 0.5) > top:
        shift -= 1
    shift = max(0, shift)
    nearest = (math.floor(ratio * 2.0**shift + 0.5) for ratio in ratios)
    multipliers = [max(1, m) if m <= top else 1 << (bits - 1) for m in nearest]
    while shift and not any(m % 2 for m in multipliers):
        multipliers, shift = [m // 2 for m in multipliers], shift - 1
    return tuple(multipliers), shift
