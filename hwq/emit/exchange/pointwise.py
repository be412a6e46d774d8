"""Means, rescaled tensors and sums of two: how a file says them, and when it says them exactly.

The node computes from real values, so the scales of the tensors, which a file must give, say what the integers of the
operation say by multipliers.  Where both agree nothing needs to be added.  Else a Mul makes up for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from hwq.arith import Interval
from hwq.emit.exchange.affine import Affine, Mode, Rounded
from hwq.emit.exchange.scales import is_power_of_two
from hwq.emit.exchange.writer import Writer
from hwq.ops import Add, AvgPool, Rescale

NEGLIGIBLE = 1 / 64
"""Steps of the output by which a multiplier of 16 bits may miss the ratio of the scales."""
MOST_SUMS = 1 << 21
"""Sums that are tried one by one."""
ULPS = 8 * 2.0**-24
"""Relative error of the few float32 operations between a sum and its quotient, generously."""


@dataclass(frozen=True, slots=True)
class Form:
    """A mean of real values, times `factor`, plus a constant, rounded."""

    factor: float
    way: Rounded


def form(writer: Writer, op: AvgPool | Rescale, taps: int, interval: Interval) -> Form:
    """How to write a mean of `taps` integers of `interval`; a rescale has one tap."""
    source = op.inputs[0]
    (multiplier,), shift = op.requant.multiplier, op.requant.shift
    constant = (taps * writer.zero(source) + op.bias) * multiplier
    constant += (op.requant.zero_point - writer.zero(op.name)) << shift
    low, high = (taps * bound for bound in writer.around_zero(source, interval))
    affine = Affine((max(1, multiplier),), (constant,), shift, ((min(low, 0), max(high, 0)),))
    ratio = writer.scale(op.name) / writer.scale(source)
    factor = _float32(multiplier * 2.0**-shift * taps * ratio)
    agrees = abs(factor - 1) * max(-low, high) * multiplier * 2.0**-shift < NEGLIGIBLE
    powers = writer.powers_of_two(source, op.name)
    way = writer.rounded(op, affine, powers and is_power_of_two(taps) and multiplier > 0)
    if way.doubt:
        if powers and not is_power_of_two(taps):
            writer.doubts[op.name] = f"a mean of {taps} values"
        for found in (Form(1.0, way), Form(factor, way)) if agrees else (Form(factor, way),):
            if _same_for_all(writer, op, found, taps, (low, high)):
                del writer.doubts[op.name]
                return replace(found, way=replace(found.way, doubt=None))
    return Form(1.0 if agrees and way.doubt else factor, way)


def add_form(writer: Writer, op: Add) -> tuple[list[float], Rounded]:
    """Factors of the two branches, and how to round their sum."""
    shift, bounds, factors = op.requant.shift, [], []
    constant = op.bias + ((op.requant.zero_point - writer.zero(op.name)) << shift)
    for name, factor in zip(op.inputs, op.factors, strict=True):
        constant += factor * writer.zero(name)
        low, high = writer.around_zero(name, writer.program.intervals[name])
        bounds.append(sorted((min(low, 0) * factor, max(high, 0) * factor)))
        exact = factor * 2.0**-shift * writer.scale(op.name) / writer.scale(name)
        near = math.copysign(1.0, factor)
        negligible = abs(exact - near) * max(-low, high) * abs(factor) * 2.0**-shift < NEGLIGIBLE
        powers = writer.powers_of_two(name, op.name)
        factors.append(near if negligible and not powers else _float32(exact))
    reach = (bounds[0][0] + bounds[1][0], bounds[0][1] + bounds[1][1])
    way = writer.rounded(op, Affine((1,), (constant,), shift, (reach,)), writer.powers_of_two(*op.inputs))
    return factors, way


def _same_for_all(writer: Writer, op: AvgPool | Rescale, found: Form, taps: int, sums: Interval) -> bool:
    """Whether each sum is rounded as `op` does, however the runtime rounds in between: a proof by trying them all."""
    low, high = sums
    if high - low > MOST_SUMS or found.way.mode is not Mode.EVEN:
        return False
    source, zero = op.inputs[0], writer.zero(op.name)
    x = np.arange(low, high + 1)
    want = op.requant(x + taps * writer.zero(source) + op.bias)
    ratio = writer.scale(source) / taps * found.factor / writer.scale(op.name)
    constant = found.way.constant.values[0]
    largest = np.abs(x) if writer.powers_of_two(source) else np.full(len(x), taps * max(-low, high))
    error = ULPS * (largest * ratio + abs(constant) + abs(zero))
    got = [
        np.clip(np.rint(x * ratio + constant + side) + zero, op.requant.qmin, op.requant.qmax)
        for side in (-error, error)
    ]
    return all(np.array_equal(one, want) for one in got)


def _float32(x: float) -> float:
    return float(np.float32(x))
