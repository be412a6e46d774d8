"""What the operators of quantised models compute, in plain numpy: integers exactly, floats in float32.

A float layer adds in float64 and rounds once. So wherever float32 holds all of its sums exactly, which is the case for
scales that are powers of two, every runtime finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper, numpy_helper

F = np.float32
Array = np.ndarray
Attributes = dict[str, Any]
Function = Callable[[list[Any], Attributes], Any]


def run_plain(made: onnx.ModelProto, x: Any) -> dict[str, Array]:
    """Every tensor of a model for a batch of inputs: an array, or arrays by name."""
    found: dict[str, Any] = {item.name: numpy_helper.to_array(item) for item in made.graph.initializer}
    entries = [item for item in made.graph.input if item.name not in found]
    given = x if isinstance(x, dict) else {entries[0].name: x}
    for item in entries:
        type_ = helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type)
        found[item.name] = np.asarray(given[item.name]).astype(type_)
    for node in made.graph.node:
        inputs = [found[name] if name else None for name in node.input]
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        last = node.domain.endswith("channels_last")
        found[node.output[0]] = (_channels_last if last else compute)(node.op_type, inputs, attributes)
    return found


def compute(op: str, inputs: list[Any], attributes: Attributes) -> Array:
    """The result of one operator."""
    return np.asarray(FUNCTIONS[op](inputs, attributes))


def _channels_last(op: str, inputs: list[Any], attributes: Attributes) -> Array:
    """A Conv or MaxPool of qonnx whose images, and filters, have their channels behind."""
    moved = [np.moveaxis(array, -1, 1) if array.ndim == 4 else array for array in inputs]
    return np.moveaxis(compute(op, moved, attributes), 1, -1)


def _along(array: Any, axis: int, axes: int) -> Any:
    """One value for each index of an axis, as it is broadcast to a tensor of so many axes."""
    if array is None or array.ndim == 0 or array.size == 1:
        return array if array is None else array.reshape(())
    return array.reshape([-1 if k == axis % axes else 1 for k in range(axes)])


def saturated(y: Array, type_: Any) -> Array:
    """Whole numbers as an integer type, its ends for those beyond it."""
    info = ml_dtypes.iinfo(type_)
    return np.clip(y, int(info.min), int(info.max)).astype(np.int64).astype(type_)


def quantise_linear(inputs: list[Any], attributes: Attributes) -> Array:
    """QuantizeLinear: a float32 quotient, ties to even, then the zero point."""
    x, scale, zero = (*inputs, None)[:3]
    if zero is None:
        code = attributes.get("output_dtype") or onnx.TensorProto.UINT8
        zero = np.zeros((), helper.tensor_dtype_to_np_dtype(code))
    axis = attributes.get("axis", 1)
    whole = np.rint(x / _along(scale, axis, x.ndim)).astype(np.float64)
    return saturated(whole + _along(zero, axis, x.ndim).astype(np.float64), zero.dtype)


def dequantise_linear(inputs: list[Any], attributes: Attributes) -> Array:
    """DequantizeLinear: an exact difference, then a float32 product."""
    q, scale, zero = (*inputs, None)[:3]
    axis = attributes.get("axis", 1)
    offset = 0 if zero is None else _along(zero, axis, q.ndim).astype(np.int64)
    return (q.astype(np.int64) - offset).astype(F) * _along(scale, axis, q.ndim)


def windows(x: Array, attributes: Attributes, kernel: Sequence[int], fill: Any = 0) -> Array:
    """(N, C, OH, OW, KH, KW) of an image (N, C, H, W)."""
    strides, dilations = (attributes.get(name, [1, 1]) for name in ("strides", "dilations"))
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    every = np.lib.stride_tricks.sliding_window_view(padded, reach, (2, 3))
    return every[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def convolved(x: Array, weight: Array, attributes: Attributes) -> Array:
    """A convolution without bias, in the type of `x`, whose padding is 0."""
    group = attributes.get("group", 1)
    seen = windows(x, attributes, weight.shape[2:])
    split = seen.reshape(len(x), group, -1, *seen.shape[2:])
    filters = weight.reshape(group, -1, *weight.shape[1:]).astype(x.dtype)
    return np.einsum("ngcxyhw,gmchw->ngmxy", split, filters).reshape(len(x), len(weight), *seen.shape[2:4])


def _conv(inputs: list[Any], attributes: Attributes) -> Array:
    x, weight, bias = (*inputs, None)[:3]
    y = convolved(x.astype(np.float64), weight, attributes)
    return (y if bias is None else y + bias.reshape(-1, 1, 1)).astype(F)


def _matmul(inputs: list[Any], _: Attributes) -> Array:
    return (inputs[0].astype(np.float64) @ inputs[1].astype(np.float64)).astype(F)


def _gemm(inputs: list[Any], attributes: Attributes) -> Array:
    a, b, bias = (*inputs, None)[:3]
    b = b.T if attributes.get("transB", 0) else b
    y = a.astype(np.float64) @ b.astype(np.float64) * attributes.get("alpha", 1.0)
    return (y if bias is None else y + bias * attributes.get("beta", 1.0)).astype(F)


def _maxpool(inputs: list[Any], attributes: Attributes) -> Array:
    x = inputs[0]
    lowest = -np.inf if x.dtype == F else int(ml_dtypes.iinfo(x.dtype).min)
    wide = x if x.dtype == F else x.astype(np.int64)
    return windows(wide, attributes, attributes["kernel_shape"], lowest).max((-2, -1)).astype(x.dtype)


def _averagepool(inputs: list[Any], attributes: Attributes) -> Array:
    x, kernel = inputs[0].astype(np.float64), attributes["kernel_shape"]
    inside = np.full_like(x, 1)
    count = windows(inside, attributes, kernel, attributes.get("count_include_pad", 0)).sum((-2, -1))
    return (windows(x, attributes, kernel).sum((-2, -1)) / count).astype(F)


def _clip(inputs: list[Any], _: Attributes) -> Array:
    x, low, high = (*inputs, None, None)[:3]
    return np.clip(x, low, high)


def _reshape(inputs: list[Any], _: Attributes) -> Array:
    sizes = [int(size) or inputs[0].shape[k] for k, size in enumerate(inputs[1].ravel())]
    return inputs[0].reshape(sizes)


def _flatten(inputs: list[Any], attributes: Attributes) -> Array:
    return inputs[0].reshape(int(np.prod(inputs[0].shape[: attributes.get("axis", 1)])), -1)


def _normalise(inputs: list[Any], attributes: Attributes) -> Array:
    x = inputs[0]
    factor, offset, mean, spread = (_along(array, 1, x.ndim) for array in inputs[1:5])
    factor = factor / np.sqrt(spread + F(attributes.get("epsilon", 1e-5)))
    return x * factor + (offset - mean * factor)


def _pad(inputs: list[Any], _: Attributes) -> Array:
    ahead, behind = inputs[1].reshape(2, -1)
    return np.pad(inputs[0], list(zip(ahead, behind, strict=True)))


def _softmax(inputs: list[Any], attributes: Attributes) -> Array:
    axis = attributes.get("axis", -1)
    y = np.exp(inputs[0] - inputs[0].max(axis, keepdims=True))
    return y / y.sum(axis, keepdims=True)


def _squeeze(inputs: list[Any], attributes: Attributes) -> Array:
    return np.squeeze(inputs[0], _axes(inputs, attributes))


def _axes(inputs: list[Any], attributes: Attributes) -> tuple[int, ...]:
    return tuple(map(int, inputs[1])) if len(inputs) > 1 else tuple(attributes["axes"])


FUNCTIONS: dict[str, Function] = {
    "Add": lambda i, _: i[0] + i[1],
    "AveragePool": _averagepool,
    "BatchNormalization": _normalise,
    "Cast": lambda i, a: i[0].astype(helper.tensor_dtype_to_np_dtype(a["to"])),
    "Clip": _clip,
    "Concat": lambda i, a: np.concatenate(i, a["axis"]),
    "Conv": _conv,
    "DequantizeLinear": dequantise_linear,
    "Div": lambda i, _: i[0] / i[1],
    "Flatten": _flatten,
    "Gather": lambda i, a: np.take(i[0], i[1], a.get("axis", 0)),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda i, _: i[0].mean((2, 3), np.float64, keepdims=True).astype(F),
    "Identity": lambda i, _: i[0],
    "LeakyRelu": lambda i, a: np.where(i[0] < 0, i[0] * F(a.get("alpha", 0.01)), i[0]),
    "MatMul": _matmul,
    "MaxPool": _maxpool,
    "Mul": lambda i, _: i[0] * i[1],
    "Pad": _pad,
    "Pow": lambda i, _: np.power(i[0], i[1]),
    "QuantizeLinear": quantise_linear,
    "ReduceMax": lambda i, a: i[0].max(keepdims=bool(a.get("keepdims", 1))),
    "Relu": lambda i, _: np.maximum(i[0], F(0)),
    "Reshape": _reshape,
    "Shape": lambda i, _: np.array(i[0].shape),
    "Sigmoid": lambda i, _: F(1) / (F(1) + np.exp(-i[0])),
    "Sign": lambda i, _: np.sign(i[0]),
    "Softmax": _softmax,
    "Squeeze": _squeeze,
    "Sub": lambda i, _: i[0] - i[1],
    "Tanh": lambda i, _: np.tanh(i[0]),
    "Transpose": lambda i, a: i[0].transpose(a["perm"]),
    "Unsqueeze": lambda i, a: np.expand_dims(i[0], _axes(i, a)),
}
"""What each operator computes; modules with operators of a domain of their own add them."""
