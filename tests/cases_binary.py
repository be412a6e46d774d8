"""Layers of bits: weights of -1 and 1 and inputs of one unsigned bit, called after what is special about them."""

from __future__ import annotations

from collections.abc import Iterator

from nets import conv, corners, dense, depthwise, program, tensor, threshold

from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Codebook

SAME = Window((3, 3), pads=(1, 1, 1, 1))
S2 = Window((2, 3), (2, 1), (1, 2), pads=(1, 0, 0, 2))
LABELLED = Iterator[tuple[str, Op, TensorType]]


def binary_convs(bipolar: Codebook) -> LABELLED:
    bits, many = tensor(4, 5, 3, bits=1, signed=False), tensor(3, 3, 11, bits=1, signed=False)
    yield "binary", conv(bits, 5, SAME, wbits=2, coding=bipolar, bits=5, scale="shift"), bits
    yield "binary-border", conv(bits, 4, S2, wbits=2, coding=bipolar, pad=1, bits=2), bits
    yield "binary-many", conv(many, 7, Window((2, 2)), wbits=2, coding=bipolar, scale="channel"), many
    yield "binary-1x1", conv(many, 3, Window((1, 1)), wbits=2, coding=bipolar), many


def binary_denses(bipolar: Codebook) -> LABELLED:
    vector, image = tensor(1, 1, 23, bits=1, signed=False), tensor(2, 3, 5, bits=1, signed=False)
    yield "binary", dense(vector, 7, wbits=2, coding=bipolar), vector
    yield "binary-image", dense(image, 6, wbits=2, coding=bipolar, scale="channel", bits=4), image
    single = tensor(1, 1, 1, bits=1, signed=False)
    yield "binary-one_input", dense(single, 3, wbits=2, coding=bipolar), single


def binary_depthwises(bipolar: Codebook) -> LABELLED:
    bits = tensor(4, 5, 5, bits=1, signed=False)
    yield "binary", depthwise(bits, SAME, wbits=2, coding=bipolar, bits=4, pad=1), bits


def binary_behind_signs(bipolar: Codebook, samples: int) -> Program:
    """A layer of bits behind signs, which are 1 in the lanes past their 5 channels."""
    x, bits = tensor(3, 4, 5), tensor(3, 4, 5, bits=1, signed=False)
    layer = conv(bits, 3, SAME, wbits=2, coding=bipolar, bits=5, scale="shift", source="s")
    signs = threshold(x, [[0], [5], [-9], [128], [-100]], bits=1, name="s")
    return program([signs, layer], {"a": x}, samples=corners({"a": x}, samples))
