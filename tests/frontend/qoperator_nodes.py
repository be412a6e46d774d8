"""Operators on integers as onnxruntime computes them: exact sums, then float32; importing this adds them.

A sum times one float32 factor, rounded to even, then the zero point: that is how QLinearConv, QLinearMatMul, QGemm and
QLinearGlobalAveragePool end.  QLinearAdd, QLinearMul and QLinearAveragePool add the zero point first, so where their
ties go depends on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from plain_nodes import FUNCTIONS, Array, Attributes, F, compute, convolved, dequantise_linear, saturated, windows


def rounded(x: Array) -> Array:
    """Whole numbers, ties to even."""
    return np.rint(x)


def _whole(array: Any) -> Array:
    return np.asarray(array).astype(np.int64)


def _less(q: Any, zero: Any) -> Array:
    """Integers without their zero point, which is one."""
    return _whole(q) - (0 if zero is None else _whole(zero).reshape(()))


def _scaled(acc: Array, factor: Any, zero: Any) -> Array:
    return saturated(rounded(acc.astype(F) * factor) + _whole(zero), zero.dtype)


def _conv_integer(inputs: list[Any], attributes: Attributes) -> Array:
    x, weight, x_zero, weight_zero = (*inputs, None, None)[:4]
    return convolved(_less(x, x_zero), _less(weight, weight_zero), attributes).astype(np.int32)


def _matmul_integer(inputs: list[Any], _: Attributes) -> Array:
    a, b, a_zero, b_zero = (*inputs, None, None)[:4]
    zeros = 0 if b_zero is None else _whole(b_zero)
    return (_less(a, a_zero) @ (_whole(b) - zeros)).astype(np.int32)


def _qlinear_conv(inputs: list[Any], attributes: Attributes) -> Array:
    x, x_scale, x_zero, weight, scale, weight_zero, y_scale, zero, bias = (*inputs, None)[:9]
    along = (-1, 1, 1, 1)
    acc = convolved(_less(x, x_zero), _whole(weight) - _whole(weight_zero).reshape(along), attributes)
    acc = acc if bias is None else acc + _whole(bias).reshape(-1, 1, 1)
    return _scaled(acc, (x_scale * scale / y_scale).reshape(-1, 1, 1), zero)


def _qlinear_matmul(inputs: list[Any], _: Attributes) -> Array:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, zero = inputs
    return _scaled(_less(a, a_zero) @ (_whole(b) - _whole(b_zero)), a_scale * b_scale / y_scale, zero)


def _qgemm(inputs: list[Any], attributes: Attributes) -> Array:
    a, a_scale, a_zero, b, b_scale, b_zero, bias, y_scale, zero = (*inputs, None, None, None)[:9]
    b = b.T if attributes.get("transB", 0) else b
    acc = _less(a, a_zero) @ (_whole(b) - _whole(b_zero)) + (0 if bias is None else _whole(bias))
    factor = F(attributes.get("alpha", 1.0)) * a_scale * b_scale
    return acc.astype(F) * factor if y_scale is None else _scaled(acc, factor / y_scale, zero)


def _qlinear_add(inputs: list[Any], _: Attributes) -> Array:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, zero = inputs
    first, second = a_scale / y_scale, b_scale / y_scale
    fixed = zero.astype(F) - (first * a_zero.astype(F) + second * b_zero.astype(F))
    return saturated(rounded(a.astype(F) * first + (b.astype(F) * second + fixed)), zero.dtype)


def _qlinear_mul(inputs: list[Any], _: Attributes) -> Array:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, zero = inputs
    product = _less(a, a_zero) * _less(b, b_zero)
    return saturated(rounded(product.astype(F) * (a_scale * b_scale / y_scale) + zero.astype(F)), zero.dtype)


def _global_average(inputs: list[Any], _: Attributes) -> Array:
    x, x_scale, x_zero, y_scale, zero = inputs
    acc = _less(x, x_zero).sum((2, 3), keepdims=True)
    return _scaled(acc, x_scale / (y_scale * F(x.shape[2] * x.shape[3])), zero)


def _average(inputs: list[Any], attributes: Attributes) -> Array:
    x, scale, x_zero, y_scale, zero = inputs
    kernel = attributes["kernel_shape"]
    real = dequantise_linear([x, scale, x_zero], {}).astype(np.float64)
    mean = windows(real, attributes, kernel).mean((-2, -1)).astype(F)
    return saturated(rounded(mean / y_scale + zero.astype(F)), zero.dtype)


def _concat(inputs: list[Any], attributes: Attributes) -> Array:
    y_scale, zero, *parts = inputs
    each = (dequantise_linear(list(parts[k : k + 3]), {}) for k in range(0, len(parts), 3))
    return np.concatenate([compute("QuantizeLinear", [real, y_scale, zero], {}) for real in each], attributes["axis"])


def _through(op: str) -> Any:
    """An activation between a DequantizeLinear and a QuantizeLinear."""

    def function(inputs: list[Any], attributes: Attributes) -> Array:
        real = compute(op, [dequantise_linear(inputs[:3], {})], attributes)
        return compute("QuantizeLinear", [real, *inputs[3:]], {})

    return function


FUNCTIONS |= {
    "ConvInteger": _conv_integer,
    "MatMulInteger": _matmul_integer,
    "QGemm": _qgemm,
    "QLinearAdd": _qlinear_add,
    "QLinearAveragePool": _average,
    "QLinearConcat": _concat,
    "QLinearConv": _qlinear_conv,
    "QLinearGlobalAveragePool": _global_average,
    "QLinearLeakyRelu": _through("LeakyRelu"),
    "QLinearMatMul": _qlinear_matmul,
    "QLinearMul": _qlinear_mul,
    "QLinearSigmoid": _through("Sigmoid"),
}
