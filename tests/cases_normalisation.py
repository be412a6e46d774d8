"""Corner cases of the operations that scale the channels of a pixel by what they are together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from nets import corners, normalise, program, softmax, tensor

from hwq.arith import IntArray
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType

SAMPLES = 6


def _pixels(x: TensorType) -> IntArray:
    """Samples as `corners`, the last two of them pixels with one highest and one lowest channel."""
    samples = corners({"a": x}, SAMPLES)["a"]
    low, high = x.range
    places = np.arange(x.pixels).reshape(x.shape[:2]) % x.channels
    hot = np.arange(x.channels) == places[..., None]
    samples[-2] = np.where(hot, high, low)
    samples[-1] = np.where(hot, low, high)
    samples[2, 0, 0] = high - np.arange(x.channels) % min(3, high - low + 1)
    return samples


def _case(op: Op, x: TensorType) -> Program:
    return program([op], {"a": x}, samples={"a": _pixels(x)})


def softmaxes() -> Iterator[tuple[str, Program]]:
    s8, u8 = tensor(2, 3, 7), tensor(2, 2, 13, signed=False)
    yield "pixels", _case(softmax(s8), s8)
    yield "unsigned-step", _case(softmax(u8, step=3), u8)
    yield "many", _case(softmax(tensor(1, 2, 99), spare=0), tensor(1, 2, 99))
    one = tensor(2, 3, 1)
    yield "one_channel", _case(softmax(one), one)
    two = tensor(1, 3, 2, bits=2)
    yield "2-bit", _case(softmax(two, np.array([50_000, 20_000, 9_000, 1]), bits=2), two)
    single = tensor(1, 4, 5, bits=1, signed=False)
    yield "1-bit", _case(softmax(single, np.array([65_535, 0]), bits=1, spare=0), single)
    wide, unsigned = tensor(1, 3, 7, bits=16), tensor(1, 2, 10, bits=16, signed=False)
    table = np.floor(65_535 * np.exp(-np.arange(701) * 2.0**-6)).astype(np.int64)
    yield "16-bit", _case(softmax(wide, table, step=6, bits=16, spare=14), wide)
    yield "16-bit-to-4", _case(softmax(unsigned, table[::50], step=11, bits=4), unsigned)
    yield "flat", _case(softmax(s8, np.array([32_768]), bits=16), s8)
    yield "steep", _case(softmax(s8, np.array([32_768, 0]), step=8), s8)
    yield "least_first", _case(softmax(u8, np.array([32_768, 3, 1, 1, 0]), spare=22), u8)


def normalisations() -> Iterator[tuple[str, Program]]:
    s8, u8 = tensor(2, 3, 7), tensor(2, 2, 13, signed=False)
    yield "pixels", _case(normalise(s8), s8)
    yield "unsigned-fine", _case(normalise(u8, index_bits=9, spare=1), u8)
    yield "saturating", _case(normalise(u8, eps=100_000, index_bits=4, spare=-3), u8)
    many = tensor(1, 2, 99)
    yield "many", _case(normalise(many, eps=970_299), many)
    one = tensor(2, 3, 1)
    yield "one_channel", _case(normalise(one), one)
    pair = tensor(2, 3, 2)
    yield "relu", _case(normalise(pair, signed=False), pair)
    two, single = tensor(1, 3, 5, bits=2), tensor(1, 4, 5, bits=1, signed=False)
    yield "2-bit", _case(normalise(two, bits=2), two)
    yield "1-bit", _case(normalise(single, bits=1, signed=False), single)
    steep = replace(normalise(single, index_bits=10, bits=16, spare=-17), table=np.ones(3 << 10, np.int64))
    yield "coarse", _case(steep, single)
    wide, unsigned = tensor(1, 3, 7, bits=16), tensor(1, 2, 10, bits=16, signed=False)
    yield "16-bit", _case(normalise(wide, index_bits=9, bits=16), wide)
    yield "16-bit-unsigned", _case(normalise(unsigned, eps=1 << 40, bits=16, spare=-2), unsigned)
    yield "16-bit-to-4", _case(normalise(unsigned, index_bits=10, bits=4), unsigned)
    yield "vanishing", _case(normalise(s8, eps=1 << 59, spare=21), s8)


_SOFTMAX = softmax(tensor(4, 4, 3))
_NORMALISE = normalise(tensor(4, 4, 3))
REFUSED_PIXELWISE: dict[str, tuple[Op, str]] = {
    "exponentials' step": (replace(_SOFTMAX, step=9), "step is 9, expected 0 to 8"),
    "share's bits": (replace(_SOFTMAX, bits=17, reciprocal_bits=40), "bits is 17, expected 1 to 16"),
    "short reciprocal": (replace(_SOFTMAX, reciprocal_bits=23), "reciprocal_bits is 23, expected 24 to 46"),
    "long reciprocal": (replace(_SOFTMAX, reciprocal_bits=47), "reciprocal_bits is 47, expected 24 to 46"),
    "no exponentials": (softmax(tensor(4, 4, 3), np.zeros(0, np.int64)), r"exps has shape \(0,\), expected 1 to 256"),
    "many exponentials": (
        softmax(tensor(4, 4, 3), np.full(34, 65_535), step=3), r"exps has shape \(34,\), expected 1 to 33",
    ),
    "small exponentials": (softmax(tensor(4, 4, 3), np.array([32_767, 0])), "exps must begin with 32768 to 65535"),
    "large exponentials": (softmax(tensor(4, 4, 3), np.array([65_536, 0])), "exps must begin with 32768 to 65535"),
    "rising exponentials": (softmax(tensor(4, 4, 3), np.array([65_535, 3, 4])), "never rise"),
    "negative exponentials": (softmax(tensor(4, 4, 3), np.array([65_535, -1])), "never be negative"),
    "index": (replace(_NORMALISE, index_bits=11), "index_bits is 11, expected 4 to 10"),
    "roots": (replace(_NORMALISE, index_bits=5), r"table has shape \(192,\), expected 96 entries"),
    "large root": (replace(_NORMALISE, table=_NORMALISE.table + 1), "an entry of the table is outside of 0 to 65535"),
    "fraction": (replace(_NORMALISE, fraction=31), "fraction is 31, expected -16 to 30"),
    "epsilon": (replace(_NORMALISE, eps=0), "eps is 0, expected at least 1"),
    "variance": (replace(_NORMALISE, eps=1 << 60), "3 channels of 8 bits: their variance needs 61 bits, expected at"),
    "normalised bits": (replace(_NORMALISE, bits=0), "bits is 0, expected 1 to 16"),
}  # fmt: skip
"""Operations on an input of 8 bits and 3 channels, and what is said of each."""
