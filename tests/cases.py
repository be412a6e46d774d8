"""Corner cases of every operation: one program each, called after what is special about it.

The operation is the first of its program, and the only one wherever it can be.
"""

from __future__ import annotations

from collections.abc import Iterator

import cases_normalisation
import numpy as np
from cases_binary import binary_convs, binary_denses, binary_depthwises
from cases_concat import concats
from cases_const import consts
from cases_gather import gathers
from cases_groupconv import grouped, large_conv, large_depthwise
from cases_matmul import matmul_cases
from cases_pairs import extremum_cases, mul_cases, topk_cases
from cases_pointwise import prelu_cases, table_cases
from cases_recurrent import gru_cases, lstm_cases, rnn_cases
from cases_threshold import threshold_cases
from cases_wide import wide_cases
from nets import add, argmax, avgpool, conv, corners, dense, depthwise, maxpool, pad, program, rescale, tensor

from hwq.arith import Rounding
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Codebook, PowerSums

SAMPLES = 5

K1 = Window((1, 1))
K3 = Window((3, 3))
SAME = Window((3, 3), pads=(1, 1, 1, 1))
S2 = Window((3, 3), (2, 2), pads=(1, 1, 1, 1))
ODD = Window((2, 3), (1, 2), pads=(1, 0, 0, 2))
"""Uneven kernel and stride, padding on two sides alone."""
WIDE = Window((3, 2), (1, 1), (2, 3), pads=(2, 1, 1, 2))
"""Dilated."""


BIPOLAR = Codebook(np.array([-1, 1]))
NO_ZERO = Codebook(np.array([-120, -77, -40, -21, -9, -4, -2, 1, 3, 6, 11, 25, 50, 81, 101, 127]))
WITH_ZERO = Codebook(np.array([-100, -7, 0, 9, 66]))
LARGE = Codebook(np.arange(-32_768, 32_768, 257) + np.arange(256) % 3)


def _tables(channels: int, entries: int = 8) -> Codebook:
    """A table for each channel; every other one has a zero."""
    table = np.random.default_rng(channels).integers(-128, 128, (channels, entries)) | 1
    table[::2, entries // 2] = 0
    return Codebook(table)


def _case(op: Op, *types: TensorType) -> Program:
    inputs = dict(zip("abcdefgh", types, strict=False))
    return program([op], inputs, samples=corners(inputs, SAMPLES))


def _conv() -> Iterator[tuple[str, Program]]:
    u8, s8 = tensor(5, 6, 3, signed=False), tensor(5, 6, 3)
    yield "same-half_up", _case(conv(s8, 5, SAME), s8)
    yield "unsigned-relu", _case(conv(u8, 4, SAME, signed=False, relu=True), u8)
    yield "floor", _case(conv(s8, 5, SAME, scale="shift", rounding=0), s8)
    yield "half_even-channel", _case(conv(s8, 5, SAME, scale="channel", rounding=2), s8)
    yield "half_away-pow2", _case(conv(s8, 5, SAME, scale="pow2", rounding=3), s8)
    yield "shift-half_even", _case(conv(s8, 4, K3, scale="shift", rounding=2), s8)
    yield "shift-half_away", _case(conv(s8, 4, K3, scale="shift", rounding=3), s8)
    yield "zero_points", _case(conv(u8, 4, SAME, pad=255, zero=-255, signed=True), u8)
    yield "negative_zero", _case(conv(s8, 4, SAME, pad=-128, zero=255, signed=False, scale="channel"), s8)
    yield "stride2", _case(conv(s8, 4, S2), s8)
    yield "asymmetric", _case(conv(s8, 4, ODD, pad=7), s8)
    yield "dilated", _case(conv(s8, 4, WIDE, pad=-3), s8)
    yield "1x1", _case(conv(s8, 7, K1), s8)
    yield "1x1-stride2", _case(conv(s8, 3, Window((1, 1), (2, 2))), s8)
    yield "kernel_is_image", _case(conv(s8, 4, Window((5, 6))), s8)
    one = tensor(1, 1, 5)
    yield "one_pixel", _case(conv(one, 6, K1), one)
    yield "one_pixel-padded", _case(conv(one, 3, SAME, pad=-7), one)
    mono = tensor(6, 5, 1)
    yield "one_channel", _case(conv(mono, 1, SAME), mono)
    line = tensor(1, 16, 2)
    yield "signal", _case(conv(line, 3, Window((1, 5), (1, 2), pads=(0, 2, 0, 2))), line)
    column = tensor(9, 1, 3)
    yield "column", _case(conv(column, 4, Window((3, 1), pads=(1, 0, 1, 0))), column)
    two, sixteen = tensor(4, 4, 7, bits=2), tensor(4, 4, 3, bits=16)
    yield "2-bit", _case(conv(two, 5, SAME, wbits=2, bits=2), two)
    narrow = tensor(4, 5, 3, bits=4)
    for rounding in Rounding:
        for scale in ("shift", "three", "odd"):
            label = f"ties-{rounding.name.lower()}-{scale}"
            yield label, _case(conv(narrow, 3, K1, wbits=2, bits=4, scale=scale, rounding=rounding), narrow)
    yield "16-bit", _case(conv(sixteen, 5, SAME, wbits=16, bits=16), sixteen)
    u16 = tensor(3, 3, 3, bits=16, signed=False)
    yield "16-bit-unsigned", _case(conv(u16, 3, SAME, wbits=16, bits=16, signed=False, scale="channel"), u16)
    prime = tensor(3, 4, 7)
    yield "prime_channels", _case(conv(prime, 11, SAME, scale="channel"), prime)
    for bits in range(2, 6):
        way = list(Rounding)[bits % 4]
        yield f"mantissa{bits}", _case(conv(s8, 7, K3, scale=f"mantissa{bits}", rounding=way), s8)
    wide = tensor(2, 3, 4, bits=16)
    yield "mantissa4-wide", _case(conv(wide, 6, K1, wbits=16, scale="mantissa4", rounding=3, bits=16), wide)
    yield "bipolar", _case(conv(u8, 5, SAME, wbits=2, coding=BIPOLAR, scale="pow2"), u8)
    yield "bipolar-2-bit", _case(conv(two, 5, SAME, wbits=2, coding=BIPOLAR, bits=2), two)
    yield from ((label, _case(op, x)) for label, op, x in binary_convs(BIPOLAR))
    yield "codebook", _case(conv(s8, 5, SAME, coding=NO_ZERO, pad=-3), s8)
    yield "codebook-zero", _case(conv(s8, 4, S2, coding=WITH_ZERO, scale="mantissa2"), s8)
    yield "codebook-channel", _case(conv(prime, 11, SAME, coding=_tables(11)), prime)
    yield "codebook-channel-odd", _case(conv(u8, 5, ODD, coding=_tables(5, 3), pad=9, scale="channel"), u8)
    yield "codebook-256", _case(conv(sixteen, 3, K3, wbits=16, coding=LARGE, bits=16), sixteen)
    for terms in (1, 2):
        yield f"powers{terms}", _case(conv(s8, 5, SAME, coding=PowerSums(terms), scale="pow2"), s8)
        yield f"powers{terms}-unsigned", _case(conv(u8, 5, WIDE, wbits=5, coding=PowerSums(terms), pad=200), u8)
    yield "powers2-2-bit", _case(conv(two, 5, SAME, wbits=2, coding=PowerSums(2), bits=2), two)
    yield "powers2-16-bit", _case(conv(sixteen, 3, K3, wbits=16, coding=PowerSums(2), bits=16), sixteen)
    yield from ((label, _case(op, x)) for label, op, x in large_conv())


def _depthwise() -> Iterator[tuple[str, Program]]:
    s8, u8 = tensor(6, 5, 5), tensor(6, 5, 5, signed=False)
    yield "same", _case(depthwise(s8, SAME), s8)
    yield "floor", _case(depthwise(u8, SAME, scale="channel", rounding=0), u8)
    yield "half_even-relu", _case(depthwise(u8, SAME, scale="shift", rounding=2, signed=False, relu=True), u8)
    yield "half_away-pow2", _case(depthwise(s8, S2, scale="pow2", rounding=3), s8)
    yield "zero_points", _case(depthwise(u8, SAME, pad=200, zero=130, signed=False), u8)
    yield "asymmetric", _case(depthwise(s8, ODD, pad=-9), s8)
    yield "dilated", _case(depthwise(s8, WIDE), s8)
    yield "kernel_is_image", _case(depthwise(s8, Window((6, 5))), s8)
    yield "1x1", _case(depthwise(s8, K1), s8)
    one = tensor(1, 1, 3)
    yield "one_pixel", _case(depthwise(one, SAME, pad=1), one)
    mono = tensor(5, 5, 1)
    yield "one_channel", _case(depthwise(mono, SAME), mono)
    two, sixteen = tensor(4, 4, 3, bits=2, signed=False), tensor(4, 4, 3, bits=16)
    yield "2-bit", _case(depthwise(two, SAME, wbits=2, bits=2), two)
    yield "16-bit", _case(depthwise(sixteen, SAME, wbits=16, bits=16), sixteen)
    yield "mantissa3", _case(depthwise(s8, SAME, scale="mantissa3", rounding=2), s8)
    yield "bipolar", _case(depthwise(two, SAME, wbits=2, coding=BIPOLAR), two)
    yield from ((label, _case(op, x)) for label, op, x in binary_depthwises(BIPOLAR))
    yield "codebook", _case(depthwise(s8, SAME, coding=NO_ZERO, pad=5), s8)
    yield "codebook-channel", _case(depthwise(u8, ODD, coding=_tables(5), scale="pow2"), u8)
    yield "powers1", _case(depthwise(s8, S2, wbits=4, coding=PowerSums(1)), s8)
    yield "powers2", _case(depthwise(u8, SAME, coding=PowerSums(2), scale="channel"), u8)
    yield from ((label, _case(op, x)) for label, op, x in large_depthwise())


def _groupconv() -> Iterator[tuple[str, Program]]:
    yield from ((label, _case(op, x)) for label, op, x in grouped(WITH_ZERO, _tables(6)))


def _dense() -> Iterator[tuple[str, Program]]:
    vector, image = tensor(1, 1, 10), tensor(3, 2, 3, signed=False)
    yield "vector", _case(dense(vector, 7), vector)
    yield "image-channel", _case(dense(image, 5, scale="channel", rounding=2), image)
    yield "shift-half_away", _case(dense(vector, 7, scale="shift", rounding=3), vector)
    yield "pow2-floor", _case(dense(image, 4, scale="pow2", rounding=0, zero=128, signed=False), image)
    yield "one_output", _case(dense(vector, 1), vector)
    scalar = tensor(1, 1, 1)
    yield "one_input", _case(dense(scalar, 5), scalar)
    two, sixteen = tensor(1, 1, 13, bits=2), tensor(1, 1, 6, bits=16, signed=False)
    yield "2-bit", _case(dense(two, 6, wbits=2, bits=2, signed=False, relu=True), two)
    yield "16-bit", _case(dense(sixteen, 6, wbits=16, bits=16), sixteen)
    yield "mantissa4", _case(dense(vector, 7, scale="mantissa4", rounding=0), vector)
    yield "bipolar", _case(dense(image, 5, wbits=2, coding=BIPOLAR), image)
    yield "codebook", _case(dense(vector, 7, coding=WITH_ZERO), vector)
    yield from ((label, _case(op, x)) for label, op, x in binary_denses(BIPOLAR))
    yield "codebook-channel", _case(dense(image, 7, coding=_tables(7, 4), scale="channel"), image)
    yield "powers1", _case(dense(image, 5, coding=PowerSums(1)), image)
    yield "powers2", _case(dense(vector, 7, wbits=6, coding=PowerSums(2), scale="mantissa3"), vector)


def _maxpool() -> Iterator[tuple[str, Program]]:
    s8, u8 = tensor(6, 6, 5), tensor(5, 7, 3, signed=False)
    yield "2x2", _case(maxpool(s8, Window((2, 2), (2, 2))), s8)
    yield "overlapping", _case(maxpool(u8, SAME), u8)
    yield "asymmetric", _case(maxpool(s8, Window((3, 2), (2, 1), pads=(0, 1, 2, 0))), s8)
    yield "dilated", _case(maxpool(s8, Window((2, 2), (1, 1), (2, 3))), s8)
    yield "whole_image", _case(maxpool(u8, Window((5, 7))), u8)
    one = tensor(1, 1, 1, bits=2)
    yield "one_pixel", _case(maxpool(one, K1), one)
    wide = tensor(4, 4, 2, bits=16)
    yield "16-bit", _case(maxpool(wide, Window((2, 2), (2, 2))), wide)


def _avgpool() -> Iterator[tuple[str, Program]]:
    s8, u8 = tensor(6, 6, 5), tensor(4, 4, 3, signed=False)
    yield "2x2", _case(avgpool(s8, Window((2, 2), (2, 2))), s8)
    yield "padded-half_even", _case(avgpool(u8, SAME, pad=128, zero=128, signed=False, rounding=2), u8)
    yield "shift-half_up", _case(avgpool(s8, Window((2, 2), (2, 2)), scale="shift"), s8)
    yield "shift-floor", _case(avgpool(s8, Window((2, 2), (1, 1)), scale="shift", rounding=0), s8)
    yield "half_away", _case(avgpool(s8, Window((3, 3), (2, 2), pads=(1, 0, 1, 2)), rounding=3), s8)
    yield "half_even", _case(avgpool(s8, Window((2, 2), (2, 2)), scale="shift", rounding=2), s8)
    yield "half_away-shift", _case(avgpool(s8, Window((2, 2), (2, 2)), scale="shift", rounding=3), s8)
    yield "global-half_away", _case(avgpool(u8, Window((4, 4)), scale="three", rounding=3), u8)
    yield "global", _case(avgpool(s8, Window((6, 6))), s8)
    yield "global-zero_point", _case(avgpool(u8, Window((4, 4)), pad=77, zero=-100, rounding=3), u8)
    yield "global-shift", _case(avgpool(u8, Window((4, 4)), scale="shift", signed=False, rounding=2), u8)
    one = tensor(1, 1, 4)
    yield "one_pixel", _case(avgpool(one, K1, rounding=0), one)
    two, sixteen = tensor(3, 3, 2, bits=2), tensor(3, 3, 2, bits=16)
    yield "2-bit", _case(avgpool(two, Window((3, 3)), bits=2), two)
    yield "16-bit", _case(avgpool(sixteen, Window((2, 2)), bits=16), sixteen)


def _pad() -> Iterator[tuple[str, Program]]:
    s8, u2 = tensor(3, 4, 5), tensor(2, 2, 3, bits=2, signed=False)
    yield "border", _case(pad((1, 1, 1, 1)), s8)
    yield "asymmetric", _case(pad((0, 2, 3, 1), -128), s8)
    yield "2-bit", _case(pad((2, 0, 0, 1), 3), u2)
    one = tensor(1, 1, 1, bits=16)
    yield "one_pixel", _case(pad((1, 2, 2, 1), -30_000), one)


def _rescale() -> Iterator[tuple[str, Program]]:
    s8, u8 = tensor(3, 3, 5), tensor(2, 4, 3, signed=False)
    yield "half_up", _case(rescale(s8), s8)
    yield "shift-half_up", _case(rescale(s8, bits=6, scale="shift"), s8)
    yield "floor-zero_points", _case(rescale(u8, bias=-128, zero=128, signed=False, rounding=0), u8)
    yield "shift-half_even", _case(rescale(s8, bits=6, scale="shift", rounding=2), s8)
    yield "half_away", _case(rescale(s8, bits=5, scale="three", rounding=3), s8)
    yield "half_away-relu", _case(rescale(s8, signed=False, relu=True, rounding=3), s8)
    wide = tensor(2, 2, 3, bits=16)
    yield "16-bit-to-2", _case(rescale(wide, bits=2), wide)
    two = tensor(1, 1, 1, bits=2)
    yield "2-bit-to-16", _case(rescale(two, bits=16, zero=-65_536), two)
    yield "zero_points-signed", _case(rescale(s8, bias=100, zero=-7), s8)


def _add() -> Iterator[tuple[str, Program]]:
    s8, u8, s4 = tensor(3, 3, 5), tensor(3, 3, 5, signed=False), tensor(3, 3, 5, bits=4)
    yield "half_up", _case(add(s8, s8), s8, s8)
    yield "factors-floor", _case(add(s8, u8, factors=(65_535, 3), rounding=0), s8, u8)
    yield "half_even", _case(add(s8, s8, rounding=2), s8, s8)
    yield "half_away", _case(add(s8, s8, rounding=3), s8, s8)
    yield "half_even-relu", _case(add(u8, s4, factors=(3, 40), signed=False, relu=True, rounding=2), u8, s4)
    yield (
        "zero_points-half_away",
        _case(add(u8, u8, factors=(181, 77), bias=-(128 * 181 + 255 * 77), zero=-128, rounding=3), u8, u8),
    )
    wide, two = tensor(2, 2, 3, bits=16), tensor(2, 2, 3, bits=2, signed=False)
    u16 = tensor(2, 2, 3, bits=16, signed=False)
    yield "16-bit", _case(add(wide, wide, factors=(40_000, 65_535), bits=16), wide, wide)
    yield "2-bit", _case(add(two, wide, factors=(50_000, 1), bits=2, signed=False), two, wide)
    yield "minus-half_away", _case(add(s8, s8, factors=(1, -1), rounding=3), s8, s8)
    yield "minus_first-relu", _case(add(u8, s8, factors=(-1, 1), signed=False, relu=True, rounding=2), u8, s8)
    yield "minus_both", _case(add(u8, s4, factors=(-3, -40), bias=3 * 128, zero=127, rounding=0), u8, s4)
    yield "minus-extreme", _case(add(wide, two, factors=(-65_535, 65_535), bits=16), wide, two)
    yield "minus_both-extreme", _case(add(wide, wide, factors=(-65_535, -65_535), bits=16, rounding=3), wide, wide)
    bit = tensor(2, 3, 3, bits=1, signed=False)
    yield "minus-1-bit", _case(add(bit, bit, factors=(-1, -1), bits=2), bit, bit)
    yield (
        "minus-16-bit-unsigned",
        _case(add(u16, u16, factors=(40_000, -39_999), bits=16, signed=False, zero=32_768), u16, u16),
    )
    one = tensor(1, 1, 1)
    yield "one_pixel", _case(add(one, one), one, one)
    twice = program([add(s8, s8, sources=("a", "a"), factors=(40, -3))], {"a": s8}, samples=corners({"a": s8}, SAMPLES))
    yield "one_input_twice", twice


def _argmax() -> Iterator[tuple[str, Program]]:
    for label, type_ in {
        "vector": tensor(1, 1, 10),
        "pixels": tensor(3, 2, 7, signed=False),
        "ties": tensor(4, 4, 5, bits=2),
        "one_channel": tensor(1, 2, 1),
        "16-bit": tensor(1, 3, 3, bits=16, signed=False),
    }.items():
        yield label, _case(argmax(type_), type_)


CASES: dict[str, dict[str, Program]] = {
    "add": dict(_add()),
    "argmax": dict(_argmax()),
    "avgpool": dict(_avgpool()),
    "concat": dict(concats()),
    "const": dict(consts()),
    "conv": dict(_conv()),
    "dense": dict(_dense()),
    "depthwise": dict(_depthwise()),
    "extremum": dict(extremum_cases()),
    "gather": {name: _case(op, x) for name, x, op in gathers()},
    "groupconv": dict(_groupconv()),
    "matmul": dict(matmul_cases()),
    "gru": {label: _case(*made) for label, made in gru_cases()},
    "lstm": {label: _case(*made) for label, made in lstm_cases()},
    "maxpool": dict(_maxpool()),
    "mul": dict(mul_cases()),
    "normalise": dict(cases_normalisation.normalisations()),
    "pad": dict(_pad()),
    "prelu": {label: _case(op, x) for label, (op, x) in prelu_cases()},
    "rescale": dict(_rescale()),
    "topk": dict(topk_cases()),
    "rnn": {label: _case(*made) for label, made in rnn_cases()},
    "table": {label: _case(op, x) for label, (op, x) in table_cases()},
    "softmax": dict(cases_normalisation.softmaxes()),
    "threshold": {label: _case(op, x) for label, (op, x) in threshold_cases()},
}
"""Programs by kind of operation and name of the case."""
for _label, (_op, _types) in wide_cases():
    CASES[_op.kind][_label] = _case(_op, *_types)


def _borders() -> Program:
    x, padded, rows = tensor(1, 4, 2), tensor(3, 4, 2), Window((2, 1), (2, 1))
    ops: list[Op] = [conv(x, 4, SAME, name="slow")]
    for number, source in enumerate(("a", "c0")):
        ops.append(pad((2, 0, 0, 0), 3, name=f"p{number}", source=source))
        ops.append(conv(padded, 2, rows, name=f"c{number}", source=f"p{number}"))
    return program(ops, {"a": x}, ("c1", "slow"), samples=corners({"a": x}, SAMPLES))


BORDERS = _borders()
"""Two convolutions, which read only what padding puts above their image, beside a slow one that reads the image."""
