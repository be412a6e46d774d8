"""Corner cases of products, extrema and the largest channels: one program each, as in `cases`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nets import corners, extremum, mul, program, tensor, topk

from hwq.arith import Rounding
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType


def _case(op: Op, *types: TensorType) -> Program:
    inputs = dict(zip(op.inputs, types, strict=True))
    return program([op], inputs, samples=corners(inputs))


def mul_cases() -> Iterator[tuple[str, Program]]:
    s8, u8, s4 = tensor(3, 3, 5), tensor(3, 3, 5, signed=False), tensor(3, 3, 5, bits=4)
    yield "half_up", _case(mul(s8, s8), s8, s8)
    yield "zero_points-floor", _case(mul(u8, s8, zeros=(255, -128), zero=-77, rounding=0), u8, s8)
    yield "zero_points-half_away", _case(mul(s8, u8, zeros=(127, 0), zero=128, signed=False, rounding=3), s8, u8)
    yield "relu", _case(mul(u8, s8, zeros=(3, 5), signed=False, relu=True, rounding=2), u8, s8)
    for rounding in Rounding:
        for scale in ("shift", "three"):
            label = f"ties-{rounding.name.lower()}-{scale}"
            yield label, _case(mul(s4, s4, zeros=(1, -2), bits=4, scale=scale, rounding=rounding), s4, s4)
    for label, multiplier, shift in (
        ("mantissa3", 5 << 6, 15),
        ("mantissa4", 13, 11),
        ("pow2", 64, 14),
        ("none", 0, 20),
    ):
        op = mul(s8, u8, zeros=(-1, 130))
        yield label, _case(replace(op, requant=replace(op.requant, multiplier=(multiplier,), shift=shift)), s8, u8)
    wide, u16 = tensor(2, 2, 3, bits=16), tensor(2, 2, 3, bits=16, signed=False)
    yield "16-bit", _case(mul(wide, u16, zeros=(-32_768, 65_535), bits=16), wide, u16)
    yield "16-bit-shift", _case(mul(wide, wide, zeros=(-32_768, -32_768), bits=16, scale="shift"), wide, wide)
    two, bit = tensor(2, 2, 3, bits=2), tensor(2, 2, 3, bits=1, signed=False)
    yield "2-bit", _case(mul(two, wide, zeros=(1, 7), bits=2), two, wide)
    yield "gate", _case(mul(bit, u16, bits=16, signed=False, scale="shift"), bit, u16)
    one = tensor(1, 1, 1)
    yield "one_pixel", _case(mul(one, one), one, one)
    row = tensor(1, 5, 7)
    yield "prime_channels", _case(mul(row, row, zeros=(0, 9)), row, row)
    yield from _square_cases()


def _square_cases() -> Iterator[tuple[str, Program]]:
    """Both inputs are one tensor."""
    for label, type_, zeros, output in (
        ("square", tensor(3, 2, 5), (0, 0), {"signed": False}),
        ("square-zero_point", tensor(3, 2, 5, signed=False), (200, 200), {"signed": False, "rounding": 2}),
        ("square-moved", tensor(3, 2, 5), (-128, 127), {"rounding": 3}),
        ("square-16-bit", tensor(2, 2, 3, bits=16), (32_767, 32_767), {"bits": 16, "signed": False}),
        ("square-2-bit", tensor(2, 2, 3, bits=2), (-2, 1), {"bits": 2, "scale": "shift"}),
    ):
        op = mul(type_, type_, sources=("a", "a"), zeros=zeros, **output)  # type: ignore[arg-type]
        yield label, program([op], {"a": type_}, samples=corners({"a": type_}))


def extremum_cases() -> Iterator[tuple[str, Program]]:
    for label, type_ in {
        "signed": tensor(3, 3, 5),
        "unsigned": tensor(3, 2, 7, signed=False),
        "2-bit": tensor(4, 3, 3, bits=2),
        "1-bit": tensor(4, 3, 3, bits=1, signed=False),
        "16-bit": tensor(2, 2, 3, bits=16),
        "16-bit-unsigned": tensor(2, 2, 3, bits=16, signed=False),
        "one_pixel": tensor(1, 1, 1),
    }.items():
        for largest in (True, False):
            yield f"{'max' if largest else 'min'}-{label}", _case(extremum(largest), type_, type_)
    x = tensor(2, 3, 3)
    yield "one_input_twice", program([extremum(sources=("a", "a"))], {"a": x}, samples=corners({"a": x}))


def topk_cases() -> Iterator[tuple[str, Program]]:
    for label, type_, k in (
        ("vector", tensor(1, 1, 10), 3),
        ("pixels", tensor(3, 2, 7, signed=False), 2),
        ("all", tensor(2, 3, 5), 5),
        ("most", tensor(1, 2, 19), 16),
        ("first", tensor(3, 2, 4, signed=False), 1),
        ("ties", tensor(4, 4, 5, bits=2), 4),
        ("ties-1-bit", tensor(4, 4, 6, bits=1, signed=False), 5),
        ("one_channel", tensor(1, 2, 1), 1),
        ("two_channels", tensor(2, 2, 2), 2),
        ("16-bit", tensor(1, 3, 3, bits=16), 2),
        ("16-bit-unsigned", tensor(1, 3, 3, bits=16, signed=False), 3),
    ):
        yield label, _case(topk(type_, k), type_)
