"""Fitting: a requantisation whose steps lie where those of a model's float arithmetic lie, at every sum.

The integers that a model makes of the sums of a channel rise with them, so that they are known by the sums at which
each is reached.  A requantisation (rule R1) has such places too, by formula.  Where all of them agree, the two are
equal for every sum that can occur: that is no matter of tolerance or of test data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwq.arith import MULTIPLIER_BITS, IntArray, Requant, Rounding
from hwq.ops.factors import as_multipliers

BLOCK = 1 << 20
"""Sums that are tried at a time."""
FAR = 1 << 61
"""Stands for no bound."""
GAINS = (1, 2)
"""Factors of the weights that are tried: with 2, halves of a sum can be added, so that ties can be kept or avoided."""
MAX_GAIN_BITS = 5
"""Bits by which weights may grow so that their sums are rounded more nearly as the model rounds them."""
NEAR = 2.0**-15
"""Share of all sums, clipped ones aside, that may be rounded to another integer where larger gains could do better."""
TOP = (1 << MULTIPLIER_BITS) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Where integers change.

    `reached` (C, K) is the least sum of a channel, between `low` and ``high + 1`` (C,), at which its integer is
    ``first + 1 + k``; no integer is below `first`.  The sums of channels that are `down` were negated: they fall.
    """

    first: int
    low: IntArray
    high: IntArray
    down: np.ndarray
    reached: IntArray

    @property
    def integers(self) -> IntArray:
        """Those above the first (K,)."""
        return self.first + 1 + np.arange(self.reached.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A requantisation of sums that were multiplied by `gain` (C,) and then moved by `bias` (C,).

    `values` counts the sums for which it gives another integer than the model, over all channels; `deviation` is how
    far the real number that it rounds lies from the model's, at most, in steps of the result, where neither is clipped.
    """

    requant: Requant
    bias: IntArray
    gain: IntArray
    values: int = 0
    deviation: float = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether it gives the model's integer for every sum."""
        return self.values == 0


def gains_for(ratios: np.ndarray, most: int) -> tuple[int, ...]:
    """Factors of the weights to be tried, up to `most`: also those by which a bias can be half a step of the result.

    Examples
    --------
    >>> gains_for(np.array([0.25]), 32), gains_for(np.array([4.0, 0.5]), 32)
    ((1, 2), (1, 2, 8))
    """
    fine = 1 << max(0, math.ceil(math.log2(float(ratios.max())))) + 1
    return (*GAINS, fine) if GAINS[-1] < fine <= most else GAINS


def levels_of(integers: Callable[[IntArray], IntArray], low: IntArray, high: IntArray, down: np.ndarray) -> Levels:
    """The levels of a function of sums (V, C) that rises in every channel; others as in `Levels`."""
    ends = integers(np.stack([low, high]))
    assert (ends[0] <= ends[1]).all(), "falls where it was taken to rise"
    first, last = int(ends[0].min()), int(ends[1].max())
    wanted = np.arange(first + 1, last + 1)
    step = max(1, BLOCK // len(low))
    parts = [_reached(integers, low, high, wanted[at : at + step]) for at in range(0, len(wanted), step)]
    reached = np.concatenate(parts, axis=1) if parts else np.empty((len(low), 0), np.int64)
    return Levels(first, low, high, down, reached)


def _reached(integers: Callable[[IntArray], IntArray], low: IntArray, high: IntArray, wanted: IntArray) -> IntArray:
    """By bisection, all channels and integers side by side."""
    below = np.broadcast_to(low, (len(wanted), len(low))).copy()
    above = np.broadcast_to(high + 1, below.shape).copy()
    while (below < above).any():
        middle = (below + above) >> 1
        there = integers(np.minimum(middle, high)) >= wanted[:, None]
        there &= middle <= high
        open_ = below < above
        above = np.where(open_ & there, middle, above)
        below = np.where(open_ & ~there, middle + 1, below)
    return np.ascontiguousarray(above.T)


def fit(
    levels: Levels, ratios: np.ndarray, zeros: tuple[int, ...], gains: tuple[int, ...], shared: bool,
    only_shifts: bool = False,
) -> Fit | None:  # fmt: skip
    """The requantisation that has exactly these levels, if there is one.

    Parameters
    ----------
    levels
        Of the model, C channels.
    ratios
        Steps of the result in a sum, (C,), as near as they are known.
    zeros
        Zero points that are tried.
    gains
        Factors of the sums that are tried.
    shared
        Whether all channels have one bias.
    only_shifts
        Whether there is no multiplier.
    """
    for gain in gains:
        multipliers, shift = as_multipliers((ratios / gain).tolist(), MULTIPLIER_BITS)
        if (shared and len(set(multipliers)) > 1) or (only_shifts and set(multipliers) != {1}):
            continue
        for zero in zeros:
            for rounding in (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_AWAY, Rounding.FLOOR):
                at = _places(levels.integers - zero, np.array(multipliers), shift, rounding)
                least, most = _biases(levels, at, gain, shared)
                if (least <= most).all():
                    bias = np.where(least > -FAR, least, np.where(most < FAR, most, 0))
                    return Fit(_requant(levels, multipliers, shift, rounding, zero), bias, np.full(len(bias), gain))
    return None


def nearest(levels: Levels, ratios: np.ndarray, offsets: np.ndarray, zero: int, shared: bool, most_gain: int) -> Fit:
    """The requantisation that is near enough to what the model rounds, or the nearest; and how far it is from that.

    The model rounds ``ratios * A + offsets``, in steps of the result, for a sum A.  Larger gains, up to `most_gain`,
    have multipliers that are nearer and a finer bias, but wider weights; others as for `fit`.
    """
    best: Fit | None = None
    ends = levels.first - 0.5, levels.first + levels.reached.shape[1] + 0.5
    first, last = (np.clip((end - offsets) / ratios, levels.low, levels.high) for end in ends)
    sums = float((last - first).sum())
    for room in [1 << bits for bits in range(min(MAX_GAIN_BITS + 1, most_gain.bit_length()))]:
        gain, multipliers, shift = _gains(ratios, room)
        bias, values = _nearest_bias(levels, offsets - zero, zero, shared, gain, multipliers, shift)
        if best is None or values < best.values:
            slopes = multipliers / 2.0**shift
            apart = [abs((slopes * gain - ratios) * end + bias * slopes + zero - offsets) for end in (first, last)]
            deviation = float(np.maximum(*apart).max())
            requant = _requant(levels, tuple(multipliers.tolist()), shift, Rounding.HALF_UP, zero)
            best = Fit(requant, bias, gain, values, deviation)
        if best.values <= NEAR * sums or shared:
            break
    assert best is not None
    return best


def _gains(ratios: np.ndarray, room: int) -> tuple[IntArray, IntArray, int]:
    """Of gains up to `room` those, by channel, whose multipliers are nearest; the multipliers and their shift."""
    tried = np.arange(1, room + 1)
    multipliers, shift = as_multipliers([float(ratios.max()) / room], MULTIPLIER_BITS)
    shift += (TOP // max(multipliers)).bit_length() - 1
    near = np.clip(np.rint(ratios[:, None] / tried * 2.0**shift), 1, TOP)
    error = abs(near * tried / 2.0**shift / ratios[:, None] - 1) + 1 / (tried * TOP)
    chosen = error.argmin(axis=1)
    found = near[np.arange(len(ratios)), chosen].astype(np.int64)
    while shift and not (found % 2).any():
        found, shift = found // 2, shift - 1
    return tried[chosen], found, shift


def _nearest_bias(
    levels: Levels, offsets: np.ndarray, zero: int, shared: bool, gain: IntArray, multipliers: IntArray, shift: int
) -> tuple[IntArray, int]:
    """The bias with the fewest sums that differ, of those next to the real one; and their number."""
    at = _places(levels.integers - zero, multipliers, shift, Rounding.HALF_UP)
    real = offsets * 2.0**shift / multipliers
    real = np.full_like(real, np.median(real)) if shared else real
    tried = np.floor(real).astype(np.int64) + np.arange(2)[:, None]
    differing = []
    for bias in tried:
        places = np.clip(-((bias[:, None] - at) // gain[:, None]), levels.low[:, None], levels.high[:, None] + 1)
        differing.append(np.abs(places - levels.reached).sum(axis=1))
    found = np.stack(differing)
    chosen = np.full(len(real), found.sum(axis=1).argmin()) if shared else found.argmin(axis=0)
    every = np.arange(len(real))
    return tried[chosen, every], int(found[chosen, every].sum())


def _requant(levels: Levels, multipliers: tuple[int, ...], shift: int, rounding: Rounding, zero: int) -> Requant:
    kept = multipliers[:1] if len(set(multipliers)) == 1 else multipliers
    last = levels.first + levels.reached.shape[1]
    return Requant(kept, shift, rounding if shift else Rounding.HALF_UP, zero, levels.first, last)


def _places(integers: IntArray, multipliers: IntArray, shift: int, rounding: Rounding) -> IntArray:
    """The least accumulator (C, K) that rule R1 rounds to each of `integers` (K,), with `multipliers` (C,)."""
    half = 1 << (shift - 1) if shift and rounding is not Rounding.FLOOR else 0
    needed = integers * (1 << shift) - half
    if half and rounding is Rounding.HALF_EVEN:
        needed = needed + integers % 2
    if half and rounding is Rounding.HALF_AWAY:
        needed = needed + (integers <= 0)
    return np.asarray(-((-needed[None, :]) // multipliers[:, None]))


def _biases(levels: Levels, at: IntArray, gain: int, shared: bool) -> tuple[IntArray, IntArray]:
    """The least and the greatest bias (C,) with which accumulators reach `at` where sums reach the levels."""
    low, high, reached = levels.low[:, None], levels.high[:, None], levels.reached
    least = np.where(reached > high, -FAR, at - gain * reached)
    most = np.where(reached > high, at - gain * high - 1, at - gain * reached + gain - 1)
    most = np.where(reached <= low, FAR, most)
    least, most = least.max(axis=1, initial=-FAR), most.min(axis=1, initial=FAR)
    if shared:
        least, most = np.full_like(least, least.max()), np.full_like(most, most.min())
    return least, most
