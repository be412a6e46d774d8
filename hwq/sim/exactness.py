"""Exactness: which kernel of the fast simulator computes an operation without any rounding error, and why.

A sum of integers, each a multiple of one power of two, is exact in float32 in any order while no partial sum exceeds
2**24 of that power, in float64 while none exceeds 2**53.  Multipliers and shifts are folded into the weights: with
multiplier m = o * 2**k (o odd) the sums of a channel are multiples of the grain g = 2**(k - shift), and a rounding that
never meets a tie adds an odd multiple of g / 2 (`tie`), so that they are counted in units of g / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval, Requant, Rounding
from hwq.ir.op import Op
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ops import Add, AvgPool, Linear, Rescale
from hwq.ops.requantised import Requantised
from hwq.sim.certificate import FLOAT32_EXACT, FLOAT64_EXACT

Bounds = NDArray[Any]
"""Python integers of any size, one for each channel or one for all."""


class Kernel(StrEnum):
    """How an operation is computed."""

    FLOAT32 = "float32"
    """Sums in float32 with the scale folded into the weights, rounded in float32."""
    FLOAT64 = "float32, rounds in float64"
    """Sums in float32; product with the multiplier and rounding in float64."""
    NUMPY = "float64 or int64"
    """One operation by itself in numpy, as its own certificate says."""


@dataclass(frozen=True, slots=True)
class Exactness:
    """The proof for one operation: no intermediate exceeds `magnitude` units, at most `limit` are exact."""

    kernel: Kernel
    magnitude: int
    limit: int


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What an operation adds up when its inputs are held less `offsets`: the bias that makes up for it, and bounds.

    `bias` is the accumulator of each channel for inputs that equal their offsets; `magnitude` bounds every partial sum.
    """

    bias: Bounds
    magnitude: Bounds


def sums(op: Requantised, offsets: tuple[int, ...], intervals: tuple[Interval, ...]) -> Sums:
    """Bias and bounds of `op` for inputs within `intervals`."""
    match op:
        case Linear():
            flat = op.weight.reshape(op.channels, -1)
            bias = op.bias.astype(object) + offsets[0] * flat.sum(1).astype(object)
            reach = _reach(op.reach(intervals[0]), offsets[0])
            return Sums(bias, np.abs(flat).sum(1).astype(object) * reach + abs(bias))
        case AvgPool():
            taps = op.window.taps
            reach = _reach(op.window.reach(intervals[0], op.pad_value), offsets[0])
        case Rescale():
            taps, reach = 1, _reach(intervals[0], offsets[0])
        case Add():
            terms = list(zip(op.factors, offsets, intervals, strict=True))
            bias = np.array([op.bias + sum(f * o for f, o, _ in terms)], object)
            return Sums(bias, sum(abs(f) * _reach(ends, o) for f, o, ends in terms) + abs(bias))
        case _:
            raise TypeError(f"{op.name}: no sums of {op.kind}")
    bias = np.array([op.bias + taps * offsets[0]], object)
    return Sums(bias, taps * reach + abs(bias))


def _reach(interval: Interval, offset: int) -> int:
    return max(abs(interval[0] - offset), abs(interval[1] - offset))


def grains(requant: Requant) -> list[tuple[int, int]]:
    """Of each multiplier its odd part and the exponent of the grain, (0, 0) for a multiplier of 0."""
    found = []
    for m in requant.multiplier:
        exponent = (m & -m).bit_length() - 1
        found.append((m >> exponent, exponent - requant.shift) if m else (0, 0))
    return found


def tie(requant: Requant, exponent: int) -> int | None:
    """What is added, in half grains of 2**exponent, so that rounding to nearest never meets a tie it should not.

    Rounding to nearest even of ``v + tie`` is then the rounding of v (rule R2).  None where no constant does that: half
    away from zero on both sides of zero.
    """
    if exponent >= 0 or requant.rounding is Rounding.HALF_EVEN:
        return 0
    if requant.rounding is Rounding.FLOOR:
        return 1 - (1 << -exponent)
    both_sides = requant.qmin < requant.zero_point
    return None if requant.rounding is Rounding.HALF_AWAY and both_sides else 1


def prove(op: Op, offsets: tuple[int, ...], intervals: tuple[Interval, ...]) -> Exactness:
    """The first kernel that is exact for `op` on inputs within `intervals`, held less `offsets`."""
    if not isinstance(op, Requantised):
        moved = max(_reach(ends, offset) for ends, offset in zip(intervals, offsets, strict=True))
        return Exactness(Kernel.FLOAT32, moved, FLOAT32_EXACT)
    if op.bits > MAX_TENSOR_BITS:
        return in_integers(op, intervals)  # carriers are float32
    bound = sums(op, offsets, intervals).magnitude
    halves = _half_grains(op.requant, bound)
    if halves is not None and halves <= FLOAT32_EXACT:
        return Exactness(Kernel.FLOAT32, halves, FLOAT32_EXACT)
    most = int(bound.max())
    lowest = op.requant.qmin - op.requant.zero_point
    product = most * max(op.requant.multiplier) + ((1 + abs(lowest)) << op.requant.shift)
    if (most <= FLOAT32_EXACT or isinstance(op, Add)) and product <= FLOAT64_EXACT:
        return Exactness(Kernel.FLOAT64, product, FLOAT64_EXACT)
    return in_integers(op, intervals)


def in_integers(op: Op, intervals: tuple[Interval, ...]) -> Exactness:
    """The proof of every operation: `Program.verify` admits no larger intermediate."""
    return Exactness(Kernel.NUMPY, op.magnitude(*intervals), 1 << 62)


def _half_grains(requant: Requant, bound: Bounds) -> int | None:
    """The largest sum of any channel in half grains, its tie included; None where a channel has no tie."""
    ties = [tie(requant, exponent) for _, exponent in grains(requant)]
    if any(found is None for found in ties):
        return None
    odd = np.array([part for part, _ in grains(requant)], object)
    return int((2 * odd * bound + np.array([abs(found or 0) for found in ties], object)).max())
