"""Corner cases of grouped convolutions, and large kernels of all convolutions; `cases` adds them to its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from nets import conv, depthwise, groupconv, tensor

from hwq.ir.op import Op
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import Codebook, PowerSums

Cases = Iterator[tuple[str, Op, TensorType]]
"""Name, operation and type of its input."""

K1 = Window((1, 1))
K3 = Window((3, 3))
SAME = Window((3, 3), pads=(1, 1, 1, 1))
SQUARE = Window((11, 11), pads=(5, 5, 5, 5))
TALL = Window((31, 1), pads=(15, 0, 15, 0))
BROAD = Window((1, 25), pads=(0, 12, 0, 12))
CAUSAL = Window((1, 5), dilation=(1, 4), pads=(0, 16, 0, 0))
"""A layer of a temporal convolution network: it reads the past alone."""


def grouped(zero: Codebook, tables: Codebook) -> Cases:
    """`zero` is a codebook with a zero, `tables` one for each of 6 outputs."""
    s8, u8 = tensor(5, 4, 6), tensor(5, 4, 6, signed=False)
    yield "two", groupconv(s8, 4, 2, SAME), s8
    yield "three", groupconv(u8, 9, 3, SAME, scale="channel", rounding=2), u8
    yield "floor", groupconv(s8, 6, 2, K3, scale="shift", rounding=0), s8
    yield "half_away-pow2", groupconv(s8, 6, 3, SAME, scale="pow2", rounding=3), s8
    yield "unsigned-relu", groupconv(u8, 4, 2, SAME, signed=False, relu=True), u8
    yield "zero_points", groupconv(u8, 4, 2, SAME, pad=255, zero=-255, scale="mantissa3"), u8
    yield "stride2", groupconv(s8, 6, 3, Window((3, 3), (2, 2), pads=(1, 1, 1, 1)), scale="shift"), s8
    yield "asymmetric", groupconv(s8, 4, 2, Window((2, 3), (1, 2), pads=(1, 0, 0, 2)), pad=7, scale="pow2"), s8
    yield "dilated", groupconv(s8, 4, 2, Window((3, 2), (1, 1), (2, 3), pads=(2, 1, 1, 2)), pad=-3, scale="shift"), s8
    yield "1x1", groupconv(s8, 8, 2, K1, scale="pow2"), s8
    yield "kernel_is_image", groupconv(s8, 4, 2, Window((5, 4)), scale="shift"), s8
    yield "one_pixel", groupconv(tensor(1, 1, 4), 6, 2, SAME, pad=-7, scale="pow2"), tensor(1, 1, 4)
    line = tensor(1, 13, 4)
    yield "signal", groupconv(line, 6, 2, Window((1, 5), (1, 2), pads=(0, 2, 0, 2)), scale="shift"), line
    yield "signal-dilated", groupconv(tensor(1, 18, 4), 4, 2, CAUSAL, scale="pow2"), tensor(1, 18, 4)
    prime = tensor(3, 4, 14)
    yield "prime_channels", groupconv(prime, 22, 2, K3, scale="channel"), prime
    three = tensor(5, 4, 3)
    yield "multiplier2", groupconv(three, 6, 3, SAME, pad=-1, scale="shift"), three
    pair = tensor(4, 4, 2, signed=False)
    yield "multiplier3", groupconv(pair, 6, 2, SAME, scale="pow2"), pair
    yield "one_output", groupconv(s8, 3, 3, SAME, scale="shift"), s8
    yield "one_to_one", groupconv(three, 3, 3, SAME, scale="pow2"), three
    two, sixteen = tensor(4, 4, 6, bits=2), tensor(3, 3, 4, bits=16)
    yield "2-bit", groupconv(two, 4, 2, SAME, wbits=2, bits=2, scale="shift"), two
    yield "16-bit", groupconv(sixteen, 4, 2, SAME, wbits=16, bits=16), sixteen
    bipolar = Codebook(np.array([-1, 1]))
    yield "bipolar", groupconv(u8, 4, 2, SAME, wbits=2, coding=bipolar, scale="pow2"), u8
    yield "codebook", groupconv(s8, 4, 2, SAME, coding=zero, pad=-3), s8
    yield "codebook-channel", groupconv(u8, 6, 3, SAME, coding=tables, scale="channel"), u8
    yield "powers1", groupconv(s8, 4, 2, SAME, wbits=4, coding=PowerSums(1), scale="pow2"), s8
    yield "powers2", groupconv(u8, 6, 3, SAME, coding=PowerSums(2), scale="pow2", pad=200), u8


def large_conv() -> Cases:
    """Kernels far larger than usual, and long dilations."""
    image, column, line = tensor(6, 5, 2), tensor(9, 2, 2), tensor(1, 14, 2)
    yield "11x11", conv(image, 3, SQUARE, wbits=4, scale="shift"), image
    yield "31x1", conv(column, 3, TALL, pad=5, scale="pow2"), column
    yield "1x25", conv(line, 3, BROAD, scale="shift"), line
    yield "1x25-valid", conv(tensor(1, 27, 2), 3, Window((1, 25)), scale="pow2"), tensor(1, 27, 2)
    yield "causal", conv(tensor(1, 20, 3), 4, CAUSAL, pad=-9, scale="shift"), tensor(1, 20, 3)


def large_depthwise() -> Cases:
    """The same with a kernel for each channel."""
    image, column, line = tensor(6, 5, 3), tensor(9, 2, 3), tensor(1, 14, 3)
    yield "11x11", depthwise(image, SQUARE, scale="pow2"), image
    yield "31x1", depthwise(column, TALL, scale="shift"), column
    yield "1x25", depthwise(line, BROAD, pad=-128, scale="pow2"), line
    yield "causal", depthwise(tensor(1, 20, 3), CAUSAL, scale="shift"), tensor(1, 20, 3)
