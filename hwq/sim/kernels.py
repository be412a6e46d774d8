"""Fast kernels: the accumulators of each operation on integers held in floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.ir.op import Op
from hwq.ir.window import Window
from hwq.ops import Add, AvgPool, Conv, Dense, Depthwise, GroupConv, MatMul, MaxPool, Mul, Rescale

FloatArray = NDArray[Any]
Carrier = Any
"""numpy.float32 or numpy.float64"""
Kernel = Callable[[Any, Carrier, list[FloatArray]], FloatArray]


def columns(x: FloatArray, window: Window, pad_value: int) -> FloatArray:
    """Windows of `x` as rows of a matrix (batch * rows * columns, taps * channels), for one matrix product."""
    batch, height, width, channels = x.shape
    rows, cols = window.output(height, width)
    if window.taps == 1 and window.stride == (1, 1) and not any(window.pads):
        return x.reshape(-1, channels)
    out = np.empty((batch, rows, cols, window.taps, channels), x.dtype)
    for tap, (_, _, view) in enumerate(window.slices(x, pad_value)):
        out[:, :, :, tap] = view
    return out.reshape(batch * rows * cols, window.taps * channels)


def _conv(op: Conv, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    x = xs[0].astype(dtype, copy=False)
    matrix = op.weight.reshape(op.channels, -1).T.astype(dtype)
    acc: FloatArray = columns(x, op.window, op.pad_value) @ matrix
    acc += op.bias.astype(dtype)
    return acc.reshape(len(x), *op.window.output(*x.shape[1:3]), op.channels)


def _dense(op: Dense, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    x = xs[0].astype(dtype, copy=False)
    acc: FloatArray = x.reshape(len(x), -1) @ op.weight.reshape(op.channels, -1).T.astype(dtype)
    acc += op.bias.astype(dtype)
    return acc.reshape(len(x), 1, 1, op.channels)


def grouped(rows: FloatArray, taps: int, groups: int) -> FloatArray:
    """What each group reads of `columns`: (groups, positions, taps * channels of a group)."""
    split = rows.reshape(len(rows), taps, groups, -1).transpose(2, 0, 1, 3)
    return split.reshape(groups, len(rows), -1)


def _groupconv(op: GroupConv, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    x = xs[0].astype(dtype, copy=False)
    matrices = op.kernels.reshape(op.groups, op.channels // op.groups, -1).transpose(0, 2, 1).astype(dtype)
    sums = grouped(columns(x, op.window, op.pad_value), op.window.taps, op.groups) @ matrices
    acc: FloatArray = sums.transpose(1, 0, 2).reshape(-1, op.channels) + op.bias.astype(dtype)
    return acc.reshape(len(x), *op.window.output(*x.shape[1:3]), op.channels)


def _depthwise(op: Depthwise, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    x = xs[0].astype(dtype, copy=False)
    weight = op.weight.astype(dtype)
    acc = np.empty((len(x), *op.window.output(*x.shape[1:3]), op.channels), dtype)
    acc[...] = op.bias.astype(dtype)
    term = np.empty_like(acc)
    for kh, kw, view in op.window.slices(x, op.pad_value):
        acc += np.multiply(view, weight[:, kh, kw], out=term)
    return acc


def _avgpool(op: AvgPool, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    x = xs[0].astype(dtype, copy=False)
    acc = np.full((len(x), *op.window.output(*x.shape[1:3]), x.shape[3]), op.bias, dtype)
    for _, _, view in op.window.slices(x, op.pad_value):
        acc += view
    return acc


def _add(op: Add, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    a: FloatArray = xs[0].astype(dtype) * dtype(op.factors[0])
    a += xs[1].astype(dtype) * dtype(op.factors[1])
    a += dtype(op.bias)
    return a


def _mul(op: Mul, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    # The differences have 17 bits at most; the certificate bounds their product.
    product: FloatArray = xs[0].astype(dtype) - dtype(op.zeros[0])
    product *= xs[1].astype(dtype) - dtype(op.zeros[1])
    return product


def _matmul(op: MatMul, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    a, b = (x.astype(dtype) - dtype(zero) for x, zero in zip(xs, op.zeros, strict=True))
    acc: FloatArray = a @ np.swapaxes(b, -1, -2)
    return acc


def _rescale(op: Rescale, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    moved: FloatArray = xs[0].astype(dtype) + dtype(op.bias)
    return moved


def _maxpool(op: MaxPool, dtype: Carrier, xs: list[FloatArray]) -> FloatArray:
    return op.evaluate(xs[0])  # comparisons are exact in any type


ACCUMULATE: dict[type[Op], Kernel] = {
    Conv: _conv, Dense: _dense, Depthwise: _depthwise, GroupConv: _groupconv, AvgPool: _avgpool, Add: _add, Mul: _mul,
    MatMul: _matmul, Rescale: _rescale,
}  # fmt: skip
"""Operations that end in a requantisation."""

DIRECT: dict[type[Op], Kernel] = {MaxPool: _maxpool}
"""Operations without one that need no integers."""
