"""Convolution, depthwise convolution and dense layers: integer weights, bias and requantisation."""

from __future__ import annotations

import numpy as np

from hwq.arith import Interval
from hwq.frontend import graph as fg
from hwq.ops import Conv, Dense, Depthwise, Linear
from hwq.quant.context import Context, with_accumulator
from hwq.quant.fitting import LinearLayer, is_depthwise, window_of


def lower_linear(ctx: Context, layer: LinearLayer, interval: Interval) -> Linear:
    """The integer operation of a float layer; `interval` bounds the integers of its input."""
    x, y = ctx.formats[layer.inputs[0]], ctx.formats[layer.name]
    found = ctx.weights.of(layer)
    bias = np.floor(found.bias / (found.scales * x.scale) + 0.5).astype(np.int64)
    type_ = ctx.types[layer.name]
    shape = layer.weight.transpose(0, 2, 3, 1).shape
    shared = {
        "name": layer.name, "inputs": layer.inputs, "acc_bits": 2, "bits": type_.bits, "signed": type_.signed,
        "requant": ctx.requant(layer.name, list(x.scale * found.scales / y.scale), layer.clip),
        "bias": bias - x.zero_point * found.integers.sum(1), "weight_bits": found.bits, "coding": found.coding,
    }  # fmt: skip
    weight = found.integers.reshape(shape)
    if isinstance(layer, fg.Dense):
        op: Linear = Dense(weight=weight, **shared)
    elif is_depthwise(layer):
        op = Depthwise(weight=weight[:, :, :, 0], window=window_of(layer), pad_value=x.zero_point, **shared)
    else:
        op = Conv(weight=weight, window=window_of(layer), pad_value=x.zero_point, **shared)
    return with_accumulator(op, interval)
