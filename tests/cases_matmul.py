"""Corner cases of matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nets import corners, matmul, program, tensor

from hwq.arith import Rounding
from hwq.ir.program import Program
from hwq.ir.types import TensorType


def _case(a: TensorType, b: TensorType, acc_bits: int | None = None, **output: Any) -> Program:
    op = matmul(a, b, **output)
    inputs = {"a": a, "b": b}
    return program([replace(op, acc_bits=acc_bits or op.acc_bits)], inputs, samples=corners(inputs))


def matmul_cases() -> Iterator[tuple[str, Program]]:
    """Names and programs."""
    a, b = tensor(2, 3, 10), tensor(2, 7, 10)
    yield "heads", _case(a, b)
    u8 = tensor(2, 7, 10, signed=False)
    yield "zero_points", _case(a, u8, zeros=(-7, 131), zero=100, signed=False)
    yield "extreme_zero_points-floor", _case(a, u8, zeros=(-128, 255), rounding=0)
    yield "unsigned-half_even", _case(u8, u8, zeros=(0, 3), rounding=2, zero=-255)
    yield "relu-half_away", _case(a, b, rounding=3, signed=False, relu=True)
    one_head = tensor(1, 5, 6)
    yield "one_head-half_even", _case(one_head, one_head, rounding=2)
    yield "primes", _case(tensor(3, 5, 7), tensor(3, 11, 7), zeros=(1, -1))
    narrow = tensor(2, 4, 3, bits=3)
    for rounding in Rounding:
        for scale in ("shift", "three"):
            label = f"ties-{rounding.name.lower()}-{scale}"
            yield label, _case(narrow, narrow, bits=4, scale=scale, rounding=rounding)
    yield "one_row", _case(tensor(2, 1, 5), tensor(2, 4, 5))
    for bits in (1, 3, 5):
        label = f"one_column-mantissa{bits}"
        yield label, _case(tensor(2, 4, 5), tensor(2, 1, 5), scale=f"mantissa{bits}", rounding=bits % 4)
    yield "one_channel", _case(tensor(1, 4, 1), tensor(1, 3, 1), zeros=(5, 6))
    one = tensor(1, 1, 1)
    yield "one_of_each", _case(one, one, rounding=3)
    two, flags = tensor(1, 3, 9, bits=2), tensor(1, 5, 9, bits=2, signed=False)
    yield "2-bit", _case(two, flags, zeros=(1, 3), bits=2, scale="shift")
    s16, u16 = tensor(1, 3, 5, bits=16), tensor(1, 4, 5, bits=16, signed=False)
    yield "16-bit", _case(s16, u16, zeros=(-32_768, 65_535), bits=16)
    yield "16-bit-half_away", _case(s16, s16, zeros=(32_767, 32_767), bits=16, scale="three", rounding=3)
    yield "mixed_widths", _case(two, tensor(1, 4, 9, bits=16), zeros=(0, 9_999), bits=5, rounding=0)
    yield "52-bit_accumulator", _case(s16, u16, acc_bits=52, bits=16)
