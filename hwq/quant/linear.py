"""Convolution, depthwise convolution and dense layers: integer weights, bias and requantisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval, quantise
from hwq.frontend import graph as fg
from hwq.ir.window import Window
from hwq.ops import Conv, Dense, Depthwise, Linear
from hwq.quant.config import ScaleKind
from hwq.quant.context import Context, with_accumulator
from hwq.quant.ranges import pow2_ceil, weight_scales

BIAS_BITS = 22
"""Least width that a bias may have; see `bias_bits`."""
SCALE_SPREAD = {ScaleKind.POW2: 2.0**15, ScaleKind.FIXED: 2.0**8}
"""Largest ratio of the weight scales of one layer: all multipliers share one shift and have 16 bits."""


def bias_bits(weight_bits: int, input_bits: int) -> int:
    """Width of the largest bias.

    Weight scales are kept so large that no bias needs more, whatever a dead channel's weights are; a bias of 64 of
    the largest products is no reason to coarsen the weights.
    """
    return max(BIAS_BITS, weight_bits + input_bits + 6)


def lower_linear(ctx: Context, layer: fg.Conv | fg.Dense, interval: Interval) -> Linear:
    """The integer operation of a float layer; `interval` bounds the integers of its input."""
    x, y = ctx.formats[layer.inputs[0]], ctx.formats[layer.name]
    limit = 2.0 ** bias_bits(ctx.config.weight_bits, ctx.types[layer.inputs[0]].bits)
    scales = _floored(weight_scales(layer.weight, ctx.config), np.abs(layer.bias) / (x.scale * limit), ctx.config.scale)
    top = (1 << (ctx.config.weight_bits - 1)) - 1
    column = scales.reshape(-1, *[1] * (layer.weight.ndim - 1))
    weight = quantise(layer.weight / column, 1.0, 0, -top, top)
    total = weight.reshape(len(weight), -1).sum(1)
    bias = np.floor(layer.bias / (scales * x.scale) + 0.5).astype(np.int64) - x.zero_point * total
    requant = ctx.requant(layer.name, list(x.scale * scales / y.scale), layer.clip)
    type_ = ctx.types[layer.name]
    shared = {
        "name": layer.name, "inputs": layer.inputs, "requant": requant, "acc_bits": 2, "bits": type_.bits,
        "signed": type_.signed, "bias": bias, "weight_bits": ctx.config.weight_bits,
    }  # fmt: skip
    if isinstance(layer, fg.Dense):
        op: Linear = Dense(weight=weight.transpose(0, 2, 3, 1), **shared)
    else:
        window = Window(layer.weight.shape[2:], layer.stride, layer.dilation, layer.pads)
        if layer.groups == 1:
            op = Conv(weight=weight.transpose(0, 2, 3, 1), window=window, pad_value=x.zero_point, **shared)
        else:
            op = Depthwise(weight=weight[:, 0], window=window, pad_value=x.zero_point, **shared)
    return with_bias(op, bias, interval)


def with_bias(op: Linear, bias: NDArray[np.int64], interval: Interval) -> Linear:
    """`op` with another bias, and the accumulator width that this needs."""
    return with_accumulator(replace(op, bias=bias), interval)


def _floored(scales: NDArray[np.float64], smallest: NDArray[np.float64], kind: ScaleKind) -> NDArray[np.float64]:
    """Weight scales, none below `smallest` and none so small that its multiplier would not fit."""
    if kind is ScaleKind.POW2:
        smallest = np.array([pow2_ceil(s) for s in smallest])
    scales = np.maximum(scales, smallest)
    floored: NDArray[np.float64] = np.maximum(scales, scales.max() / SCALE_SPREAD[kind])
    return floored
