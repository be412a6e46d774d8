"""Quantised models that no program is made of: every refusal names the node and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx_models import model, save
from qdq_net import Qdq

from hwq import api
from hwq.errors import BadInput

F = np.float32


def _start() -> Qdq:
    return Qdq(6, opset=21).q(0.25)


def _floats_in() -> onnx.ModelProto:
    """Weights are quantised, their data are not."""
    net = Qdq(6)
    return net.gemm(4, 0.25, None).op("Relu").q(0.5).gemm(3, 0.25, None).done()


def _float_weights() -> onnx.ModelProto:
    net = _start()
    return net.op("Gemm", net.rng.normal(0, 1, (6, 4)).astype(F)).q(0.5).gemm(3, 0.25, None).done()


def _dynamic() -> onnx.ModelProto:
    """As onnxruntime's quantize_dynamic writes it."""
    net = Qdq(6)
    net.node("DynamicQuantizeLinear", "x")
    node = net.nodes[0]
    node.output.extend(["scale", "zero"])
    weights = net.constant(net.drawn(6, 4).astype(np.int8))
    net.node("MatMulInteger", net.last, weights, "zero").op("Cast", to=TensorProto.FLOAT)
    factor = net.last
    net.node("Mul", "scale", net.constant(F(0.25)))
    return net.node("Mul", factor, net.last).done()


def _float8() -> onnx.ModelProto:
    net = Qdq(6, opset=21)
    scale, zero = net.constant(F(0.25)), net.constant(np.zeros((), ml_dtypes.float8_e4m3fn))
    net.node("QuantizeLinear", "x", scale, zero).node("DequantizeLinear", net.last, scale, zero)
    net.scale = F(0.25)
    return net.op("Gemm", net.rng.normal(0, 1, (6, 4)).astype(F)).done()


def _blocks() -> onnx.ModelProto:
    """A scale for each three weights of a column."""
    net = _start()
    data = net.last
    scale = net.constant(F(net.rng.choice([0.25, 0.5], (2, 4))))
    net.node("DequantizeLinear", net.constant(net.drawn(6, 4).astype(np.int8)), scale, axis=0, block_size=3)
    return net.node("MatMul", data, net.last).q(1.0).done()


def _computed_scale() -> onnx.ModelProto:
    """A scale that depends on the data."""
    net = Qdq(6).op("Relu").op("ReduceMax", keepdims=0)
    net.op("Mul", F(1 / 127))
    scale, zero = net.last, net.constant(np.int8(0))
    net.node("QuantizeLinear", "x", scale, zero).node("DequantizeLinear", net.last, scale, zero)
    return net.gemm(4, 0.25, None).done()


def _given_scale() -> onnx.ModelProto:
    """A scale that is an input of the model."""
    net = Qdq(6)
    zero = net.constant(np.int8(0))
    net.node("QuantizeLinear", "x", "s", zero).node("DequantizeLinear", net.last, "s", zero)
    net.scale = F(0.25)
    data = net.last
    weights = net.stored(net.drawn(4, 6), 0.25, 0)
    net.node("Gemm", data, weights, transB=1)
    made = model(net.nodes, {"x": (6,)}, [net.last], net.constants)
    made.graph.input.append(onnx.helper.make_tensor_value_info("s", TensorProto.FLOAT, []))
    return made


def _channels_of_data() -> onnx.ModelProto:
    """A scale for each channel of the data: their products have no common unit."""
    net = Qdq(3, 4, 4)
    scale, zero = net.constant(F([0.25, 0.3, 0.7])), net.constant(np.zeros(3, np.int8))
    net.node("QuantizeLinear", "x", scale, zero, axis=1).node("DequantizeLinear", net.last, scale, zero, axis=1)
    net.scale = F(0.25)
    return net.conv(4, 0.25, bias=None).q(1.0).done()


def _scales_of_inputs() -> onnx.ModelProto:
    """Weights with a scale for each input, not for each output."""
    net = _start()
    data = net.last
    scale = F([0.25, 0.5, 0.3, 0.25, 0.7, 0.25])
    net.node("Gemm", data, net.stored(net.drawn(4, 6), scale, 1), transB=1)
    return net.q(1.0).done()


def _bad_scale(scale: float) -> onnx.ModelProto:
    return Qdq(6).q(0.25).gemm(4, 0.25, None).q(scale).done()


def _count_of_scales() -> onnx.ModelProto:
    net = _start()
    data = net.last
    return net.node("Gemm", data, net.stored(net.drawn(4, 6), F([0.25] * 3), 0), transB=1).q(1.0).done()


def _zero_point_of_another_type() -> onnx.ModelProto:
    net = Qdq(6)
    net.node("QuantizeLinear", "x", net.constant(F(0.25)), net.constant(np.int8(0)))
    net.node("DequantizeLinear", net.last, net.constant(F(0.25)), net.constant(np.uint8(0)))
    return net.gemm(4, 0.25, None).done()


def _mixed_grids() -> onnx.ModelProto:
    """An input that two quantisers read: the host can apply one."""
    net = Qdq(3, 4, 4)
    one = net.down(0.25).last
    net.at("x").down(0.5).op("Concat", one, axis=1).up()
    return net.conv(4, 0.25, (1, 1), None).q(1.0).done()


REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "float data": (_floats_in, r"gemm\d+ \(Gemm\): reads floats, .* Quantise the input"),
    "float weights": (_float_weights, r"gemm\d+ \(Gemm\): .*(weight|quantise)"),
    "dynamic": (_dynamic, r"dynamicquantizelinear0 \(DynamicQuantizeLinear\): "),
    "float8": (_float8, r"quantizelinear0 \(QuantizeLinear\): .*FLOAT8E4M3FN"),
    "blocks": (_blocks, r"dequantizelinear\d+ \(DequantizeLinear\): .*block_size"),
    "computed scale": (_computed_scale, r"quantizelinear\d+ \(QuantizeLinear\): .*(scale|computed)"),
    "given scale": (_given_scale, r"quantizelinear0 \(QuantizeLinear\): .*'s'"),
    "channels of data": (_channels_of_data, r"\((Quantize|Dequantize)Linear|Conv\): .*scale"),
    "scales of inputs": (_scales_of_inputs, r"gemm\d+ \(Gemm\): .*(scale|unit)"),
    "scale of zero": (lambda: _bad_scale(0.0), r"quantizelinear\d+ \(QuantizeLinear\): .*scale is 0"),
    "scale below zero": (lambda: _bad_scale(-0.5), r"quantizelinear\d+ \(QuantizeLinear\): .*scale is -0.5"),
    "infinite scale": (lambda: _bad_scale(np.inf), r"(NaN or infinity|scale is inf)"),
    "count of scales": (_count_of_scales, r"dequantizelinear\d+ \(DequantizeLinear\): 3 scales along axis 0"),
    "types of zero points": (_zero_point_of_another_type, r"DequantizeLinear"),
    "mixed grids": (_mixed_grids, r"quantizelinear0 \(QuantizeLinear\): reads floats, and input 'x'"),
}
"""Models, and what is found in the text of the refusal."""


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, tmp_path: Path) -> None:
    build, text = REFUSED[name]
    made = build()
    shape = [int(axis.dim_value) for axis in made.graph.input[0].type.tensor_type.shape.dim[1:]]
    x = np.random.default_rng(0).normal(0, 2, (20, *shape)).astype(F)
    with pytest.raises(BadInput, match=text):
        api.quantize(save(made, tmp_path), {"x": x} | ({"s": np.full(20, 0.25, F)} if name == "given scale" else {}))
