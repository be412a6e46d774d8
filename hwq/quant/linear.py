"""Convolutions and dense layers: integer weights, bias and requantisation."""

from __future__ import annotations

import numpy as np

from hwq.arith import Interval
from hwq.frontend import graph as fg
from hwq.ops import Conv, Dense, Depthwise, GroupConv, Linear
from hwq.quant.context import Context, with_accumulator
from hwq.quant.fitting import LinearLayer, window_of


def lower_linear(ctx: Context, layer: LinearLayer, interval: Interval) -> Linear:
    """The integer operation of a float layer; `interval` bounds the integers of its input."""
    x, y = ctx.formats[layer.inputs[0]], ctx.formats[layer.name]
    found = ctx.weights.of(layer)
    bias = np.floor(found.bias / (found.scales * x.scale) + 0.5).astype(np.int64)
    type_ = ctx.types[layer.name]
    shape = tuple(layer.weight.shape[axis] for axis in (0, 2, 3, 1))
    shared = {
        "name": layer.name, "inputs": layer.inputs, "acc_bits": 2, "bits": type_.bits, "signed": type_.signed,
        "requant": ctx.requant(layer.name, list(x.scale * found.scales / y.scale), layer.clip),
        "bias": bias - x.zero_point * found.integers.sum(1), "weight_bits": found.bits, "coding": found.coding,
    }  # fmt: skip
    weight = found.integers.reshape(shape)
    if isinstance(layer, fg.Dense):
        return with_accumulator(Dense(weight=weight, **shared), interval)
    shared |= {"window": window_of(layer), "pad_value": x.zero_point}
    if layer.groups == 1:
        op: Linear = Conv(weight=weight, **shared)
    elif shape[0] == layer.groups and shape[3] == 1:
        op = Depthwise(weight=weight[:, :, :, 0], **shared)
    else:
        op = GroupConv(weight=weight, groups=layer.groups, **shared)
    return with_accumulator(op, interval)
