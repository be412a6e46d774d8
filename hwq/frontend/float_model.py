"""Write a `FloatGraph` as an ONNX model, so that onnxruntime can run it and show any tensor of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import onnx
from onnx import TensorProto, helper

from hwq.frontend.float_layers import write_layer
from hwq.frontend.float_nodes import Nodes
from hwq.frontend.graph import (
    Activation,
    Add,
    ArgMax,
    AvgPool,
    BatchNorm,
    Clip,
    Conv,
    Dense,
    FloatGraph,
    Layer,
    MaxPool,
    Pad,
    Pads,
    Shape,
)
from hwq.ir.window import Window

OPSET = 17
IR_VERSION = 8
PRE = ":pre"
"""Suffix of the tensor that a layer has before its clip."""

Linear = TypeVar("Linear", Conv, Dense, Add)


def to_onnx(graph: FloatGraph, *, all_tensors: bool = False, pre_activation: bool = False) -> onnx.ModelProto:
    """The graph as a float32 ONNX model on (N, C, H, W) tensors with a free batch size.

    Parameters
    ----------
    graph
        The graph, simplified or not.
    all_tensors
        Make every layer's tensor an output, not only those of the model.
    pre_activation
        Make the value before the clip of every layer that has one an output, named ``name + ":pre"``.

    Returns
    -------
    onnx.ModelProto
        Operator set 17, tensors named as in `graph`; indices of an ArgMax are float32 as well.
    """
    writer = _Writer(graph.inputs[0].tensor)
    for layer in graph.layers:
        writer.layer(layer)
    names = [layer.name for layer in graph.layers if all_tensors or graph.is_output(layer.name)]
    outputs = [_info(name, graph.shapes[name]) for name in names]
    if pre_activation:
        outputs += [_info(name + PRE, graph.shapes[name]) for name in writer.clipped]
    inputs = [_info(item.tensor, graph.shapes[item.tensor]) for item in graph.inputs]
    body = helper.make_graph(writer.nodes, graph.name, inputs, outputs, writer.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="hwq")
    model.ir_version = IR_VERSION
    return model


def _info(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])


class _Writer(Nodes):
    """A graph in the making; `clipped` are the layers with a clip."""

    def __init__(self, batch_of: str) -> None:
        super().__init__(batch_of)
        self.clipped: list[str] = []

    def layer(self, layer: Layer) -> None:
        """Append the nodes of one layer."""
        match layer:
            case Conv():
                self._clipped(layer, layer.clip, self._conv)
            case Dense():
                self._clipped(layer, layer.clip, self._dense)
            case Add():
                self._clipped(layer, layer.clip, self._add)
            case BatchNorm():
                column = (1, -1, 1, 1)
                scale = self.constant(f"{layer.name}:scale", layer.scale.reshape(column))
                shift = self.constant(f"{layer.name}:shift", layer.shift.reshape(column))
                self.node("Mul", [layer.inputs[0], scale], f"{layer.name}:scaled")
                self.node("Add", [f"{layer.name}:scaled", shift], layer.name)
            case Activation():
                self._clip(layer.inputs[0], layer.name, layer.clip)
            case MaxPool():
                self._pool("MaxPool", layer, -math.inf, dilations=layer.dilation)
            case AvgPool():
                self._pool("AveragePool", layer, 0.0, count_include_pad=1)
            case Pad():
                self._pad(layer.inputs[0], layer.pads, layer.value, layer.name)
            case ArgMax():
                self.node("ArgMax", layer.inputs, f"{layer.name}:index", axis=1, keepdims=1)
                self.node("Cast", [f"{layer.name}:index"], layer.name, to=TensorProto.FLOAT)
            case _:
                write_layer(self, layer)

    def _pool(self, op: str, layer: MaxPool | AvgPool, border: float, **attributes: Any) -> None:
        """A pool; a border that onnxruntime's pools do not take is a node of its own."""
        source, pads = layer.inputs[0], layer.pads
        if Window(layer.kernel, pads=pads).wide_border:
            self._pad(source, pads, border, f"{layer.name}:bordered")
            source, pads = f"{layer.name}:bordered", (0, 0, 0, 0)
        self.node(op, [source], layer.name, kernel_shape=layer.kernel, strides=layer.stride, pads=pads, **attributes)

    def _pad(self, source: str, pads: Pads, border: float, output: str) -> None:
        top, left, bottom, right = pads
        sizes = self.integers(f"{output}:pads", [0, 0, top, left, 0, 0, bottom, right])
        self.node("Pad", [source, sizes, self.constant(f"{output}:value", border)], output)

    def _clipped(self, layer: Linear, clip: Clip, write: Callable[[Linear, str], None]) -> None:
        """A linear layer and, where it clips, the clip as a node of its own."""
        if clip.is_identity:
            write(layer, layer.name)
            return
        write(layer, layer.name + PRE)
        self.clipped.append(layer.name)
        self._clip(layer.name + PRE, layer.name, clip)

    def _conv(self, layer: Conv, output: str) -> None:
        weight = self.constant(f"{layer.name}:weight", layer.weight)
        bias = self.constant(f"{layer.name}:bias", layer.bias)
        self.node(
            "Conv",
            [layer.inputs[0], weight, bias],
            output,
            kernel_shape=layer.weight.shape[2:],
            strides=layer.stride,
            dilations=layer.dilation,
            pads=layer.pads,
            group=layer.groups,
        )

    def _dense(self, layer: Dense, output: str) -> None:
        weight = self.constant(f"{layer.name}:weight", layer.weight.reshape(layer.weight.shape[0], -1))
        bias = self.constant(f"{layer.name}:bias", layer.bias)
        self.node("Flatten", layer.inputs, f"{layer.name}:flat")
        self.node("Gemm", [f"{layer.name}:flat", weight, bias], f"{layer.name}:vector", transB=1)
        axes = self.integers(f"{layer.name}:axes", [2, 3])
        self.node("Unsqueeze", [f"{layer.name}:vector", axes], output)

    def _add(self, layer: Add, output: str) -> None:
        first, second = layer.inputs
        if layer.signs == (-1, -1):
            first = self.node("Neg", [first], f"{output}:minus")
        elif layer.signs == (-1, 1):
            first, second = second, first
        self.node("Add" if layer.signs[0] == layer.signs[1] > 0 else "Sub", [first, second], output)

    def _clip(self, source: str, output: str, clip: Clip) -> None:
        if (clip.low, clip.high) == (0.0, math.inf):
            self.node("Relu", [source], output)
            return
        if clip.factors is not None:
            lowest, highest = (bound.reshape(-1, 1, 1) for bound in clip.bounds())
            self.node("Max", [source, self.constant(f"{output}:low", lowest)], f"{output}:above")
            self.node("Min", [f"{output}:above", self.constant(f"{output}:high", highest)], output)
            return
        low = "" if clip.low == -math.inf else self.constant(f"{output}:low", clip.low)
        high = "" if clip.high == math.inf else self.constant(f"{output}:high", clip.high)
        self.node("Clip", [source, low, high], output)
