"""Corner cases of functions of one value: operations with the types that they read, called after what is special."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from nets import prelu, table, tensor

from hwq.ir.op import Op
from hwq.ir.types import TensorType

LABELLED = Iterator[tuple[str, tuple[Op, TensorType]]]


def prelu_cases() -> LABELLED:
    s8, u8, s4 = tensor(3, 3, 5), tensor(2, 4, 3, signed=False), tensor(2, 4, 7, bits=4)
    five = (-65_535, 0, 7, 65_535, -1)
    yield "relu", (prelu(s8), s8)
    yield "leaky", (prelu(s8, 64, (5,)), s8)
    yield "leaky-half_even", (prelu(s8, 4, (1,), rounding=2, bits=7), s8)
    yield "negative-half_away", (prelu(s8, 4, (-3,), rounding=3, bits=7), s8)
    yield "absolute", (prelu(s8, 1, (-1,), signed=False), s8)
    yield "channel", (prelu(s8, 40_000, five), s8)
    yield "channel-floor", (prelu(s8, 300, (1, 2, 3, -400, 5), rounding=0), s8)
    yield "channel-4-bit", (prelu(s4, 3, (3, 2, 1, 0, -1, -2, -3), rounding=2, bits=3), s4)
    yield "zero_points", (prelu(u8, 201, (77,), bias=-128, zero=100, signed=False), u8)
    yield "zero_points-channel", (prelu(u8, 65_535, (1, -9_000, 65_535), bias=-128, zero=-128, relu=True), u8)
    yield "never_negative", (prelu(u8, 3, (5,)), u8)
    yield "never_positive", (prelu(u8, 3, (5, -5, 1), bias=-255), u8)
    wide = tensor(2, 2, 3, bits=16)
    yield "16-bit", (prelu(wide, 65_535, (-65_535, 65_535, 1), bias=32_768, bits=16), wide)
    one, two = tensor(2, 3, 3, bits=1), tensor(2, 3, 3, bits=2)
    yield "1-bit", (prelu(one, 3, (1, -1, 2), bits=4), one)
    yield "2-bit", (prelu(two, 50_000, (-50_000,), bits=2), two)
    single = tensor(1, 1, 1)
    yield "one_pixel", (prelu(single, 8, (1,)), single)


def table_cases() -> LABELLED:
    s8, u8, wide = tensor(3, 4, 5), tensor(3, 4, 5, signed=False), tensor(4, 8, 4, bits=16)
    yield "each_value", (table(s8), s8)
    yield "each_value-unsigned", (table(u8, signed=False), u8)
    yield "each_value-fraction", (table(s8, fraction=3, bits=5), s8)
    for step in range(1, 7):
        yield f"step{step}", (table(s8, step, fraction=step - 1), s8)
    yield "step3-unsigned", (table(u8, 3, signed=False), u8)
    yield "step4-narrow", (table(u8, 4, fraction=2, bits=2, signed=False), u8)
    curve = np.round(32_767 * np.tanh(np.arange(-512, 513) / 128)).astype(np.int64)
    yield "curve", (table(wide, 6, entries=curve, fraction=8), wide)
    yield "16-bit", (table(wide, 5, fraction=8, bits=16), wide)
    big = tensor(4, 8, 4, bits=16, signed=False)
    yield "16-bit-step10", (table(big, 10, bits=16, signed=False), big)
    ends = np.array([-(1 << 23), (1 << 23) - 1])
    yield "extremes", (table(s8, 4, entries=np.resize(ends, 17), fraction=8, bits=16), s8)
    yield "extremes-unsigned", (table(u8, 2, entries=np.resize(ends[::-1], 65), bits=16, signed=False), u8)
    yield "constant", (table(s8, 2, entries=np.full(65, 5)), s8)
    s9, s3 = tensor(2, 9, 7, bits=9), tensor(2, 3, 4, bits=3)
    yield "9-bit", (table(s9, 2, fraction=1, bits=11), s9)
    yield "one_line", (table(s3, 3, fraction=2), s3)
    for signed in (False, True):
        one = tensor(2, 3, 3, bits=1, signed=signed)
        yield f"1-bit{'-signed' if signed else ''}", (table(one, bits=4), one)
    yield "to_1-bit", (table(s8, bits=1, signed=False), s8)
    single = tensor(1, 1, 1)
    yield "one_pixel", (table(single, 1), single)
