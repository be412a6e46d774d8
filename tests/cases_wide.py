"""Results of 17 to 32 bits: operations with what they read, and networks whose thresholds read such results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from nets import (
    add,
    avgpool,
    conv,
    corners,
    dense,
    depthwise,
    groupconv,
    matmul,
    mul,
    prelu,
    program,
    rescale,
    tensor,
    threshold,
    thresholds_over,
)

from hwq.arith import MULTIPLIER_BITS, Requant, Rounding, int_range
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops.requantised import Requantised

SAME = Window((3, 3), pads=(1, 1, 1, 1))
TWO = Window((2, 2), (2, 2))
S8, U8, S16, U16 = (
    tensor(4, 4, 3),
    tensor(4, 4, 3, signed=False),
    tensor(2, 2, 3, bits=16),
    tensor(2, 2, 3, bits=16, signed=False),
)
FIRST, LAST = -(1 << 31), (1 << 32) - 1
FINEST = (1 << MULTIPLIER_BITS) - 1
Case = tuple[Requantised, tuple[TensorType, ...]]


def wide_cases() -> Iterator[tuple[str, Case]]:
    """What is special about each, and the case; operations of their kinds."""
    yield "wide-17", (dense(S8, 5, bits=17), (S8,))
    yield "wide-accumulator", (_plain(dense(U8, 5, bits=24), U8), (U8,))
    yield "wide-31-channel-half_even", (dense(S16, 4, wbits=16, bits=31, scale="channel", rounding=2), (S16,))
    yield "wide-32-unsigned", (dense(S16, 4, wbits=16, bits=32, signed=False, scale="pow2", zero=1 << 31), (S16,))
    yield "wide-24-channel", (conv(S8, 4, SAME, bits=24, scale="channel", zero=77), (S8,))
    yield "wide-left", (_left(conv(S8, 4, SAME, bits=32), 12, zero=FIRST), (S8,))
    yield "wide-32-unsigned", (conv(S16, 2, SAME, wbits=16, bits=32, signed=False, rounding=3, zero=LAST), (S16,))
    yield "wide-17-unsigned-relu", (depthwise(U8, SAME, bits=17, signed=False, relu=True), (U8,))
    yield "wide-32-channel", (depthwise(S16, SAME, wbits=16, bits=32, scale="channel", rounding=2, zero=-9), (S16,))
    yield "wide-31", (groupconv(S16, 6, 3, Window((1, 1)), wbits=16, bits=31, scale="odd", rounding=0), (S16,))
    yield "wide-24-half_away", (avgpool(S16, TWO, bits=24, scale="three", rounding=3), (S16,))
    yield "wide-left-unsigned", (_left(avgpool(U16, TWO, bits=32, signed=False), 15, zero=-5), (U16,))
    yield "wide-31", (add(S16, S16, factors=(65_535, -40_000), bits=31, rounding=2), (S16, S16))
    yield "wide-32-unsigned", (add(U16, U16, factors=(65_535, 3), bits=32, signed=False, zero=LAST), (U16, U16))
    yield "wide-left", (_left(rescale(S16, bias=-7, bits=32), 15), (S16,))
    yield "wide-far_zero", (_left(rescale(S8, bits=32), 0, zero=LAST), (S8,))
    yield "wide-low_clamp", (_clamped(rescale(U8, bits=32, signed=False, zero=16_777_217), 16_777_217, LAST), (U8,))
    yield "wide-32", (mul(S16, S16, bits=32, rounding=2), (S16, S16))
    yield "wide-24-unsigned", (mul(U8, U8, bits=24, signed=False, scale="three", zero=1 << 23), (U8, U8))
    rows = tensor(1, 3, 6, bits=16)
    yield "wide-32", (matmul(rows, rows, zeros=(5, -900), bits=32, rounding=3), (rows, rows))
    yield "wide-31-unsigned", (prelu(S16, 65_535, (-3,), bits=31, signed=False, zero=99), (S16,))
    yield from _fine_cases(rows)


def _fine_cases(rows: TensorType) -> Iterator[tuple[str, Case]]:
    """Multipliers and factors of up to 24 bits."""
    yield "fine-channel", (_fine(dense(S8, 5, scale="channel", rounding=2)), (S8,))
    yield "fine-16", (_fine(conv(S16, 4, SAME, wbits=16, bits=16, scale="channel", rounding=3)), (S16,))
    yield "fine-unsigned", (_fine(depthwise(U8, SAME, signed=False, scale="channel")), (U8,))
    yield "fine", (_fine(groupconv(S8, 6, 3, Window((1, 1)), scale="odd", rounding=0)), (S8,))
    yield "fine", (_fine(avgpool(S16, TWO, bits=16, scale="three", rounding=2)), (S16,))
    yield "fine", (_fine(rescale(U8, bias=-100, scale="three")), (U8,))
    yield "fine", (_fine(mul(S8, S8, scale="three", rounding=3)), (S8, S8))
    yield "fine", (_fine(matmul(rows, rows, zeros=(5, -900), bits=16, scale="three")), (rows, rows))
    yield "fine", (_shifted(add(S8, S8, factors=(FINEST, -9_000_001), rounding=2), 24), (S8, S8))
    yield "fine-16", (_shifted(add(S16, S16, factors=(-FINEST, FINEST), bits=16), 25), (S16, S16))


def wide_networks() -> dict[str, Program]:
    """Thresholds that read accumulators."""
    found = {}
    for bits, signed, rows, count in ((22, True, 5, 255), (17, False, 1, 7), (32, True, 5, 3), (32, False, 5, 15)):
        x = tensor(1, 1, 40, bits=16 if bits > 30 else 8)
        made = dense(x, 5, name="acc", wbits=16 if bits > 30 else 8, bits=bits, signed=signed)
        made = _plain(made, x) if signed and bits < 30 else made
        y = made.result(x)
        low = -128 if count == 255 else 0
        levels = threshold(
            y, _near(made, x, thresholds_over(y, rows, count)), low, source="acc", bits=8, signed=low < 0
        )
        leaving = ("y", "acc") if rows > 1 else ("y",)
        name = f"{y.bits}{'' if signed else '-unsigned'}-{count}"
        found[name] = program([made, levels], {"a": x}, leaving, samples=corners({"a": x}))
    x = tensor(4, 4, 2)
    sums = conv(x, 3, SAME, name="acc", bits=20)
    levels = threshold(sums.result(x), thresholds_over(sums.result(x), 3, 15), source="acc", bits=4)
    after = conv(levels.result(sums.result(x)), 2, SAME, source="y", name="z", bits=18)
    found["inner"] = program([sums, levels, after], {"a": x}, ("z",), samples=corners({"a": x}))
    return found


def _near(op: Requantised, x: TensorType, drawn: np.ndarray) -> np.ndarray:
    """Every other threshold at a value that occurs, so that some are met and some are missed by one."""
    met = np.unique(op.evaluate(corners({"a": x})["a"]))
    drawn[:, 1::2] = np.random.default_rng(1).choice(met, drawn[:, 1::2].shape)
    drawn[:, 1::4] += 1
    return np.sort(np.clip(drawn, op.result(x).range[0] - 1, op.result(x).range[1] + 1), axis=1)


def _plain(op: Requantised, *types: TensorType) -> Requantised:
    """The accumulator itself."""
    low, high = op.accumulator(*(type_.range for type_ in types))
    bits = max(op.bits, max(~low, high).bit_length() + 1)
    return replace(op, bits=bits, signed=True, requant=Requant((1,), 0, Rounding.FLOOR, 0, *int_range(bits, True)))


def _fine(op: Requantised) -> Requantised:
    """Multipliers of all 24 bits, next to those that the operation has."""
    places = MULTIPLIER_BITS - max(op.requant.multiplier).bit_length()
    multipliers = tuple((m << places) | (2 * k + 1) for k, m in enumerate(op.requant.multiplier))
    return replace(op, requant=replace(op.requant, multiplier=multipliers, shift=op.requant.shift + places))


def _shifted(op: Requantised, shift: int) -> Requantised:
    return replace(op, requant=replace(op.requant, shift=shift))


def _left(op: Requantised, places: int, zero: int = 0) -> Requantised:
    """A left shift: multiplier 2^places, shift 0."""
    return replace(op, requant=replace(op.requant, multiplier=(1 << places,), shift=0, zero_point=zero))


def _clamped(op: Requantised, low: int, high: int) -> Requantised:
    return replace(op, requant=replace(op.requant, qmin=low, qmax=high))
