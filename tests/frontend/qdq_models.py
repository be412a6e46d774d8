"""Small QDQ models: those of `EXACT` have scales that are powers of two, those of `NEAR` any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from onnx import TensorProto
from qdq_net import Qdq

POW2 = 2.0 ** np.array([-7, -6, -7, -8, -5, -7, -6, -9])
"""Scales of eight channels."""
U8, I8, I16, U16 = np.uint8, np.int8, np.int16, np.uint16


def _brevitas(bias: str, bits: int = 6, per_channel: bool = True) -> Qdq:
    """A perceptron as Brevitas exports it to QCDQ: batch 1, all integers clipped, no quantiser at the end."""
    scale = POW2 * 4 if per_channel else 2.0**-5
    net = Qdq(12, batch=1).q(2.0**-3, 0, I8).gemm(8, scale, bias, bits, way="clip").op("Relu")
    net.q(2.0**-2, 0, U8, (0, (1 << bits) - 1))
    return net.gemm(8, scale, bias, bits, way="clip").op("Relu").q(0.5, 0, U8, (0, 15)).gemm(5, 2.0**-4, bias)


def _quark() -> Qdq:
    """Signed 8-bit activations; weights and biases as floats through quantisers, each with a scale of its own."""
    net = Qdq(3, 8, 8, opset=13).q(2.0**-4).conv(8, 2.0**-6, bias="int8", way="float", pads=[1, 1, 1, 1]).op("Relu")
    net.q(2.0**-3).maxpool().q(2.0**-3).conv(6, 2.0**-6, bias="int8", way="float", strides=[2, 2], pads=[1, 1, 0, 0])
    net.op("Relu").q(2.0**-1).flat().q(2.0**-1).gemm(5, 2.0**-6, "int8", way="float")
    return net.q(1.0)


def _unsigned() -> Qdq:
    """Unsigned activations around 128, a depthwise convolution, a ReLU that only the range of the quantiser makes."""
    net = Qdq(4, 6, 6, dtype=U8, opset=13).q(2.0**-4, 128).conv(8, POW2, pads=[1, 1, 1, 1]).clip(0, 6).q(2.0**-3, 0)
    net.conv(8, POW2, group=8, pads=[1, 0, 1, 2]).q(2.0**-2, 0)
    return net.conv(5, 2.0**-7, (1, 1)).q(2.0**-2, 113)


def _groups() -> Qdq:
    net = Qdq(6, 5, 7).q(2.0**-3).conv(8, POW2, (3, 2), group=2, dilations=[2, 1], strides=[1, 2]).op("Relu")
    return net.q(0.25).conv(4, 2.0**-6, (1, 3), "float", group=4).q(0.5, 3)


def _residual(shift: int = 0, relu: bool = True, zero: int = 0) -> Qdq:
    """Two branches, each quantised, added and quantised again."""
    net = Qdq(4, 6, 6).q(2.0**-4, zero)
    entry = net.last
    short = net.conv(8, POW2, (1, 1)).q(2.0 ** (shift - 4), zero).last
    net.at(entry).scale = np.float32(2.0**-4)
    net.conv(8, POW2, pads=[1, 1, 1, 1]).op("Relu").q(2.0**-3, -128).op("Add", short)
    if relu:
        net.op("Relu")
    return net.q(2.0**-2, zero).conv(4, 2.0**-7, (2, 2)).q(2.0**-1)


def _skip() -> Qdq:
    """The sum of a layer's result and its own input, from one quantiser with two readers."""
    net = Qdq(4, 5, 5).q(2.0**-3)
    entry = net.last
    return net.conv(4, 2.0**-7, pads=[1, 1, 1, 1]).q(2.0**-4).op("Add", entry).q(2.0**-2)


def _concat(first: float, second: float, between: bool) -> Qdq:
    net = Qdq(3, 6, 6).q(2.0**-4)
    entry = net.last
    one = net.conv(4, 2.0**-7, (1, 1)).op("Relu").q(first).last
    net.at(entry).scale = np.float32(2.0**-4)
    two = net.conv(5, 2.0**-7, pads=[1, 1, 1, 1]).op("Relu").q(second).last
    net.at(one).op("Concat", two, axis=1)
    if between:
        net.q(2.0**-2)
    else:
        net.scale = np.float32(first)
    return net.conv(3, 2.0**-7, (1, 1)).q(2.0**-1)


def _inner_pool() -> Qdq:
    """MaxPool, Reshape and Transpose of integers, between QuantizeLinear and DequantizeLinear."""
    net = Qdq(4, 6, 6).q(2.0**-4).conv(6, 2.0**-7).op("Relu").down(2.0**-3).maxpool()
    net.op("Transpose", perm=[0, 2, 3, 1]).op("Reshape", np.array([0, -1])).up()
    return net.gemm(5, 2.0**-7).q(0.5)


def _float_pool() -> Qdq:
    return Qdq(4, 6, 6).q(2.0**-4).conv(6, 2.0**-7).maxpool(3, strides=[1, 1]).op("Relu").q(2.0**-3)


def _global_pool(size: int, dtype: Any = I8, zero: int = 0) -> Qdq:
    net = Qdq(4, size, size, dtype=dtype).q(2.0**-4, zero).conv(8, POW2, pads=[1, 1, 1, 1]).op("Relu").q(2.0**-3, zero)
    return net.op("GlobalAveragePool").q(2.0**-4, zero).flat().gemm(5, 2.0**-7).q(2.0**-3, zero)


def _average() -> Qdq:
    net = Qdq(3, 8, 8, dtype=U8).q(2.0**-4, 7).op("AveragePool", kernel_shape=[2, 2], strides=[2, 2]).q(2.0**-4, 7)
    return net.conv(4, 2.0**-7).q(2.0**-3, 7)


def _product(way: str) -> Qdq:
    """MatMul with a scale for each column, an Add of floats, ReLU."""
    net = Qdq(10).q(2.0**-4).product(8, POW2, "float", way).op("Relu").q(2.0**-2)
    return net.product(5, POW2[:5], None, way).q(2.0**-1)


def _types(weights: Any, bits: int, data: Any, zero: int = 0, step: float = 1.0) -> Qdq:
    """Integers of other types than 8 bits; those of 4 bits have zero points within 4 bits."""
    net = Qdq(9, dtype=data, opset=21).q(step / 4, zero).gemm(8, 2.0 ** (1 - bits), "int32", bits, weights)
    return net.op("Relu").q(step, zero).gemm(6, 2.0 ** (1 - bits), None, bits, weights).q(step / 2, zero)


def _pointwise(kind: str, scale: float, zero: int = 0, **attributes: Any) -> Qdq:
    """An activation between a DequantizeLinear and a QuantizeLinear."""
    net = Qdq(3, 5, 5).q(2.0**-4).conv(6, 2.0**-7).q(2.0**-4).op(kind, **attributes).q(scale, zero)
    return net.conv(4, 2.0**-7, (1, 1)).q(2.0**-3)


def _swish() -> Qdq:
    net = Qdq(3, 5, 5).q(2.0**-4).conv(6, 2.0**-7).q(2.0**-4)
    entry = net.last
    return net.op("Sigmoid").q(2.0**-8, -128).op("Mul", entry).q(2.0**-4)


def _gate() -> Qdq:
    """Squeeze and excite: one factor for each channel."""
    net = Qdq(4, 4, 4).q(2.0**-4).conv(6, 2.0**-7, (1, 1)).op("Relu").q(2.0**-4)
    entry = net.last
    net.op("GlobalAveragePool").q(2.0**-5).conv(6, 2.0**-7, (1, 1)).op("Sigmoid").q(2.0**-8, -128).op("Mul", entry)
    return net.q(2.0**-5)


def _relu_of_data() -> Qdq:
    return Qdq(8).q(2.0**-4).gemm(6, 2.0**-7).q(2.0**-3, 5).op("Relu").q(2.0**-2, -100).gemm(4, 2.0**-7).q(1.0)


def _again() -> Qdq:
    """Quantised data quantised again, coarser and in another type."""
    return Qdq(8).q(2.0**-4).gemm(6, 2.0**-7).q(2.0**-4).q(2.0**-2, 9, U8).gemm(4, 2.0**-7).q(1.0)


def _ints_in(zero: int) -> Qdq:
    """Integers come in, straight into DequantizeLinear."""
    net = Qdq(3, 6, 6, dtype=U8, entry=TensorProto.UINT8).start(2.0**-5, zero)
    return net.conv(6, 2.0**-7).op("Relu").q(2.0**-3, 0).flat().gemm(5, 2.0**-7).q(1.0, 100)


def _input_ties() -> Qdq:
    """Inputs half way between two integers."""
    net = Qdq(9).q(2.0**-3).gemm(8, 2.0**-7).op("Relu").q(2.0**-3).gemm(5, 2.0**-7)
    assert net.first is not None
    net.first = (2.0**-4, 0, -250, 250)
    return net


def _odd_zeros() -> Qdq:
    """Odd zero points: QuantizeLinear rounds before it adds them."""
    net = Qdq(8, dtype=U8).q(2.0**-4, 127).gemm(6, 2.0**-7).q(2.0**-2, 77).gemm(5, 2.0**-7).q(0.5, 131)
    return net.gemm(4, 2.0**-7).q(1.0, 129)


def _mixed_grids() -> Qdq:
    """Integers of two grids, joined as integers and read on one: the first is scaled by that."""
    net = Qdq(3, 4, 4).q(2.0**-4).conv(4, 2.0**-7, (1, 1))
    sums = net.last
    one = net.down(2.0**-4).last
    net.at(sums).down(2.0**-3, 5).op("Concat", one, axis=1).up()
    return net.conv(4, 2.0**-7, (1, 1)).q(2.0**-2)


EXACT: dict[str, Callable[[], Qdq]] = {
    "brevitas": lambda: _brevitas("float"),
    "brevitas-given": lambda: _brevitas("given"),
    "brevitas-int32": lambda: _brevitas("int32"),
    "brevitas-w4": lambda: _brevitas("float", 4, per_channel=False),
    "quark": _quark,
    "unsigned": _unsigned,
    "groups": _groups,
    "residual": _residual,
    "residual-fine": lambda: _residual(-2),
    "residual-coarse": lambda: _residual(2, relu=False, zero=-5),
    "skip": _skip,
    "concat": lambda: _concat(2.0**-3, 2.0**-3, between=False),
    "concat-quantised": lambda: _concat(2.0**-3, 2.0**-4, between=True),
    "inner-pool": _inner_pool,
    "float-pool": _float_pool,
    "global-pool": lambda: _global_pool(4),
    "global-pool-unsigned": lambda: _global_pool(4, U8, 77),
    "average": _average,
    "matmul": lambda: _product("int"),
    "matmul-floats": lambda: _product("float"),
    "int4": lambda: _types(ml_dtypes.int4, 4, I8),
    "uint4-data": lambda: _types(I8, 6, ml_dtypes.uint4, 5),
    "int4-data": lambda: _types(ml_dtypes.int4, 4, ml_dtypes.int4, -1),
    "int16": lambda: _types(I8, 6, I16, 5, 2.0**-7),
    "uint16": lambda: _types(I8, 6, U16, 30000, 2.0**-7),
    "int16-weights": lambda: _types(I16, 9, I8, 0, 0.25),
    "leaky": lambda: _pointwise("LeakyRelu", 2.0**-4, alpha=0.25),
    "sigmoid": lambda: _pointwise("Sigmoid", 2.0**-8, -128),
    "tanh": lambda: _pointwise("Tanh", 2.0**-7),
    "swish": _swish,
    "gate": _gate,
    "relu-of-data": _relu_of_data,
    "again": _again,
    "integers-in": lambda: _ints_in(0),
    "integers-in-odd": lambda: _ints_in(113),
    "input-ties": _input_ties,
    "odd-zeros": _odd_zeros,
    "mixed-grids": _mixed_grids,
}
"""Their programs give exactly what the model gives, ties included."""
NO_TIES = ("brevitas", "brevitas-given", "brevitas-w4")
"""Models of `EXACT` whose biases are any floats, so that nothing is half way between integers."""


def _channels(count: int, size: float = 0.01, seed: int = 7) -> Any:
    return np.random.default_rng(seed).uniform(0.4, 1.6, count) * size


def _near_conv() -> Qdq:
    """As onnxruntime's quantize_static writes it: unsigned activations, int32 biases, no ReLU."""
    net = Qdq(3, 8, 8, dtype=U8, opset=13, spread=1.0).q(0.0271, 121).conv(8, _channels(8), pads=[1, 1, 1, 1])
    net.q(0.0173, 0).conv(8, _channels(8), group=8, pads=[1, 1, 1, 1]).q(0.0219, 0).maxpool().q(0.0219, 0)
    return net.flat().q(0.0219, 0).gemm(6, _channels(6)).q(0.0713, 130)


def _near_residual() -> Qdq:
    net = Qdq(4, 6, 6, spread=1.0).q(0.0291, -3)
    entry = net.last
    net.conv(4, _channels(4), pads=[1, 1, 1, 1]).q(0.0312, 9).op("Add", entry).op("Relu").q(0.0251, -128)
    return net.op("GlobalAveragePool").q(0.0113, -128).flat().gemm(5, _channels(5)).q(0.0317, 3)


def _near_concat() -> Qdq:
    net = Qdq(3, 5, 5, spread=1.0).q(0.0271)
    entry = net.last
    one = net.conv(4, _channels(4)).q(0.0173).last
    net.at(entry).scale = np.float32(0.0271)
    two = net.conv(5, _channels(5)).q(0.0291).last
    return net.at(one).op("Concat", two, axis=1).q(0.0291).conv(3, _channels(3), (1, 1)).q(0.0413)


def _near_norm() -> Qdq:
    """A normalisation between the layer and the quantiser."""
    net = Qdq(3, 5, 5, spread=1.0).q(0.0271).conv(6, _channels(6), bias=None)
    arrays = [net.rng.uniform(0.5, 1.5, 6), *(net.rng.normal(0, 0.3, 6) for _ in range(2)), net.rng.uniform(0.5, 2, 6)]
    return net.op("BatchNormalization", *map(np.float32, arrays)).op("Relu").q(0.0191, -128).conv(4, 0.011).q(0.0613)


def _near_mlp(bias: str, way: str) -> Qdq:
    net = Qdq(16, spread=1.0).q(0.0271).gemm(12, _channels(12), bias, way=way).op("Relu").q(0.0173, -128)
    return net.gemm(10, _channels(10), bias, way=way).op("Relu").q(0.0219, -128).gemm(5, 0.0101, bias, way=way)


def _near_swish() -> Qdq:
    net = Qdq(3, 5, 5, spread=1.0).q(0.0271).conv(6, _channels(6)).q(0.0291)
    entry = net.last
    return net.op("Sigmoid").q(1 / 255, -128).op("Mul", entry).q(0.0211, -110).conv(4, _channels(4), (1, 1)).q(0.04)


NEAR: dict[str, Callable[[], Qdq]] = {
    "conv": _near_conv,
    "residual": _near_residual,
    "concat": _near_concat,
    "norm": _near_norm,
    "mlp": lambda: _near_mlp("int32", "int"),
    "mlp-float": lambda: _near_mlp("float", "float"),
    "matmul": lambda: Qdq(12, spread=1.0).q(0.0271).product(8, _channels(8)).op("Relu").q(0.017, -128).product(4, 0.01),
    "swish": _near_swish,
    "int16": lambda: Qdq(9, opset=21, spread=1.0).q(0.00012, 5, I16).gemm(8, 0.01).op("Relu").q(0.00021, 0, U16),
    "int4": lambda: (
        Qdq(9, opset=21, spread=1.0).q(0.03).gemm(8, _channels(8, 0.1), bits=4, dtype=ml_dtypes.int4).q(0.03)
    ),
}  # fmt: skip
"""Scales as calibration finds them."""
