"""Calls of layers with weights, of pools and of products: all that sums."""

from __future__ import annotations

import numpy as np

from hwq.emit.cmodel.codes import stored
from hwq.emit.cmodel.parts import (
    Array,
    Call,
    Input,
    Intervals,
    Output,
    Struct,
    Types,
    bound_code,
    code_of,
    factor_code,
    narrowest,
    requant_code,
    requantisation,
    sum_code,
    window_of,
)
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops import AvgPool, Convolution, Dense, Depthwise, GroupConv, Linear, MatMul, MaxPool
from hwq.ops.requantised import Requantised


def depthwise(op: Depthwise, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """A kernel for each channel, stored with the channels innermost."""
    weight = Array("weight", np.moveaxis(op.weight, 0, -1), narrowest(op.weight, "s8", "s16"))
    window = window_of(op.window, xs[0], y, op.pad_value)
    arguments = (Input(), weight, _bias(op), window, requantisation(op.requant), Output())
    types = {"weight_t": weight.code, "bias_t": _bias(op).code}
    return Call("depthwise", types | _sums(op, intervals) | _ends(xs, y), arguments)


def convolution(op: Convolution | Dense, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """`conv` or `conv_coded`; a dense layer is a convolution whose kernel is the whole frame."""
    if isinstance(op, Dense):
        window = window_of(Window(xs[0].shape[:2]), xs[0], y, 0)
    else:
        groups = op.groups if isinstance(op, GroupConv) else 1
        window = window_of(op.window, xs[0], y, op.pad_value, groups)
    types, weights, scratch = stored(op.weight)
    bias = _bias(op)
    types = types | {"bias_t": bias.code} | _sums(op, intervals) | _ends(xs, y)
    arguments = (Input(), *weights, bias, window, requantisation(op.requant), *scratch, Output())
    return Call("conv_coded" if scratch else "conv", types, arguments)


def avgpool(op: AvgPool, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """Sums over windows."""
    window = window_of(op.window, xs[0], y, op.pad_value)
    arguments = (Input(), window, op.bias, requantisation(op.requant), Output())
    return Call("avgpool", _sums(op, intervals) | _ends(xs, y), arguments)


def maxpool(op: MaxPool, xs: Types, y: TensorType) -> Call:
    """Maxima over windows."""
    return Call("maxpool", _ends(xs, y), (Input(), window_of(op.window, xs[0], y, op.pad_value), Output()))


def matmul(op: MatMul, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """A product of two tensors."""
    (number, rows, _), columns = xs[0].shape, xs[1].shape[1]
    heads = Struct("heads", "heads", {
        "heads": number, "rows": rows, "columns": columns, "channels": op.channels,
        "zero_a": op.zeros[0], "zero_b": op.zeros[1],
    })  # fmt: skip
    arguments = (Input(0), Input(1), heads, requantisation(op.requant), Output())
    return Call("matmul", _sums(op, intervals) | {"other_t": code_of(xs[1])} | _ends(xs, y), arguments)


def _ends(xs: Types, y: TensorType) -> dict[str, str]:
    return {"in_t": code_of(xs[0]), "out_t": code_of(y)}


def _sums(op: Requantised, intervals: Intervals) -> dict[str, str]:
    """Types that hold every partial sum, whatever its order, and its product with a multiplier (rule L3)."""
    bound = op.partial_sum(*intervals)
    wide = requant_code(op.requant, bound)
    return {"acc_t": sum_code(bound), "wide_t": wide, "bound_t": bound_code(op.requant),
            "factor_t": factor_code(op.requant)}  # fmt: skip


def _bias(op: Linear) -> Array:
    return Array("bias", op.bias, narrowest(op.bias, "s32", "s64"))
