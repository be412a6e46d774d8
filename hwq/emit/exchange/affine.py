r"""What an operation computes, as a float file has to say it, and the proof that float32 gives the same integers.

Before it rounds, an operation has, for each channel, in steps of its output,

    V = (gain * A + constant) / 2**shift        A = sum of weight * (x - zero point of x), over integers

A file computes V in float32 and rounds it half to even; hwq rounds ties up by default (rule R2).  V is a multiple of
its *grain* 2**-f, and so are ties.  So with half a grain added, nothing is a tie and nothing passes one: half to even
then gives what half up gives, and with half a step less, what floor gives.

The certificate: where scales are powers of two, V in half grains is a sum of integers.  If no partial sum, in any
order, can exceed 2**24, float32 holds each of them, and the runtime's result is the program's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from hwq.arith import IntArray, Interval, Rounding
from hwq.ops import Linear
from hwq.ops.requantised import Requantised
from hwq.sim.certificate import FLOAT32_EXACT

WORTH = FLOAT32_EXACT << 4
"""Half grains help, though unproved, while the bound on sums is below this: the sums that occur are much smaller."""


class Mode(Enum):
    """Roundings of a file; the values are those of QONNX, in which HALF_UP is half away from zero."""

    EVEN = "ROUND"
    FLOOR = "FLOOR"
    AWAY = "HALF_UP"


@dataclass(frozen=True, slots=True)
class Affine:
    """V of each channel: `gain`, `constant` (units of 2**-shift, zero points of inputs and output included), `shift`.

    `reach` bounds the sums A: for each channel the largest sum of its positive and of its negative terms.
    """

    gain: tuple[int, ...]
    constant: tuple[int, ...]
    shift: int
    reach: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """What a layer adds: `integers` times `steps` (output steps), for each channel.

    `standard` is true where `steps` is what a weight of 1 times an input of 1 gives: a usual integer bias.
    """

    integers: tuple[int, ...]
    steps: tuple[float, ...]
    standard: bool

    def __bool__(self) -> bool:
        return any(self.integers)

    @property
    def values(self) -> list[float]:
        """In steps of the output."""
        return [n * step for n, step in zip(self.integers, self.steps, strict=True)]


@dataclass(frozen=True, slots=True)
class Rounded:
    """How a file rounds a layer after adding `constant`; and why that may differ from the program, if it may."""

    constant: Constant
    mode: Mode
    doubt: str | None


@dataclass(frozen=True, slots=True)
class Manner:
    """What a file format can do.

    `modes`: how its quantiser rounds.  `adds_zero_first`: the quantiser adds the zero point before it rounds.
    `shifts_bias`: half grains may be added.
    """

    modes: frozenset[Mode]
    adds_zero_first: bool
    shifts_bias: bool


def linear_affine(op: Linear, weight: IntArray, x: Interval, zero_in: int, zero_out: int) -> Affine:
    """V of a linear operation whose inputs less `zero_in` lie in `x`; `weight` as in `Linear`.

    A channel with a multiplier of zero must have weights of zero; it counts with a multiplier of one.
    """
    shift, requant = op.requant.shift, op.requant
    multipliers = np.broadcast_to(np.array(requant.multiplier, np.int64), op.channels)
    flat = weight.reshape(op.channels, -1)
    positive, negative = np.maximum(flat, 0).sum(1).tolist(), np.minimum(flat, 0).sum(1).tolist()
    bias = np.where(multipliers == 0, 0, op.bias + zero_in * flat.sum(1)).tolist()
    gain = tuple(max(1, m) for m in multipliers.tolist())
    moved = (requant.zero_point - zero_out) << shift
    low, high = min(x[0], 0), max(x[1], 0)
    return Affine(
        gain,
        tuple(b * m + moved for b, m in zip(bias, gain, strict=True)),
        shift,
        tuple((p * low + n * high, p * high + n * low) for p, n in zip(positive, negative, strict=True)),
    )


def rounded(op: Requantised, affine: Affine, zero_out: int, powers_of_two: bool, manner: Manner) -> Rounded:
    """How to round `op`, exactly where that can be proved.

    Parameters
    ----------
    zero_out
        Zero point of the output in the file.
    powers_of_two
        Whether all scales that take part are, and each factor between them is held by float32.
    """
    plain = _plain(op, affine, manner)
    if not powers_of_two:
        return replace(plain, doubt="scales that are no powers of two")
    best = _shifted(op, affine, manner) if manner.shifts_bias else plain
    best = replace(best, doubt=_tie_doubt(op, affine, zero_out, best, manner))
    half_steps = (2 * abs(zero_out) if manner.adds_zero_first else 0) + (best.mode is Mode.AWAY)
    most = _partial_sum(affine, best.constant, half_steps)
    if most > FLOAT32_EXACT:
        kept = best if most <= WORTH else plain
        return replace(kept, doubt=f"sums of up to {most.bit_length()} bits, float32 is exact up to 24")
    return best


def _plain(op: Requantised, affine: Affine, manner: Manner) -> Rounded:
    """The nearest that a format has to the rounding of `op`, ties aside."""
    rounding, zero = op.requant.rounding, op.requant.zero_point
    if rounding is Rounding.FLOOR and Mode.FLOOR in manner.modes:
        return Rounded(_constant(affine, [0] * len(affine.gain)), Mode.FLOOR, None)
    if rounding is Rounding.HALF_AWAY and Mode.AWAY in manner.modes and zero == 0:
        return Rounded(_constant(affine, [0] * len(affine.gain)), Mode.AWAY, None)
    down = 1 << affine.shift if rounding is Rounding.FLOOR else 0
    offsets = [-down if _grain(m, affine.shift) < affine.shift else 0 for m in affine.gain]
    return Rounded(_constant(affine, offsets), Mode.EVEN, None)


def _shifted(op: Requantised, affine: Affine, manner: Manner) -> Rounded:
    """The same, with half grains where they decide ties as `op` does."""
    plain, rounding = _plain(op, affine, manner), op.requant.rounding
    if plain.mode is not Mode.EVEN or rounding is Rounding.HALF_EVEN:
        return plain
    offsets = []
    for m in affine.gain:
        grain = _grain(m, affine.shift)
        down = 1 << affine.shift if rounding is Rounding.FLOOR else 0
        offsets.append((1 << grain) - down if grain < affine.shift else 0)
    return Rounded(_constant(affine, offsets), Mode.EVEN, None)


def _tie_doubt(op: Requantised, affine: Affine, zero_out: int, way: Rounded, manner: Manner) -> str | None:
    """Why ties may go another way than in the program, or None."""
    rounding, zero = op.requant.rounding, op.requant.zero_point
    if all(_grain(m, affine.shift) == affine.shift for m in affine.gain):
        return None
    if way.mode is not Mode.EVEN:
        moved = zero_out if way.mode is Mode.AWAY else 0
        return "a zero point changes which way is away from zero" if moved else None
    if rounding is Rounding.HALF_EVEN:
        moved = zero - (0 if manner.adds_zero_first else zero_out)
        return "an odd zero point changes which neighbour of a tie is even" if moved % 2 else None
    if rounding is Rounding.HALF_AWAY and op.requant.qmin < zero:
        return "ties do not go away from zero"
    return None if manner.shifts_bias else "ties go to even"


def _grain(multiplier: int, shift: int) -> int:
    """Factors of two that `multiplier` shares with 2**shift: V is a multiple of 2**(grain - shift)."""
    return min((multiplier & -multiplier).bit_length() - 1, shift)


def _constant(affine: Affine, offsets: Sequence[int]) -> Constant:
    """The constants of `affine` plus `offsets` (units of 2**-(shift + 1)), in the largest unit that fits."""
    halves = [2 * c + offset for c, offset in zip(affine.constant, offsets, strict=True)]
    if all(h % (2 * m) == 0 for h, m in zip(halves, affine.gain, strict=True)):
        integers = tuple(h // (2 * m) for h, m in zip(halves, affine.gain, strict=True))
        return Constant(integers, tuple(m * 2.0**-affine.shift for m in affine.gain), True)
    grains = [_grain(m, affine.shift) for m in affine.gain]
    integers = tuple(h >> g for h, g in zip(halves, grains, strict=True))
    return Constant(integers, tuple(2.0 ** (g - affine.shift - 1) for g in grains), False)


def _partial_sum(affine: Affine, constant: Constant, half_steps: int) -> int:
    """Bound on every partial sum, constant and `half_steps` included, in the units in which all terms are integers."""
    most = 0
    for m, (low, high), n in zip(affine.gain, affine.reach, constant.integers, strict=True):
        grain = _grain(m, affine.shift)
        halves = 0 if constant.standard else 1
        unit = (m >> grain) << halves
        own = n * unit if constant.standard else n
        reach = max(high * unit + max(own, 0), -low * unit + max(-own, 0))
        most = max(most, reach + ((half_steps << (affine.shift - grain + halves)) >> 1))
    return most
