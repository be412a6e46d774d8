"""Corner cases of functions of one value: operations with the types that they read, called after what is special."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from nets import table, tensor

from hwq.ir.op import Op
from hwq.ir.types import TensorType

LABELLED = Iterator[tuple[str, tuple[Op, TensorType]]]


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
