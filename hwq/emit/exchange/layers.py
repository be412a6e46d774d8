"""Each operation of a program as nodes of a float file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hwq.emit.exchange import pointwise
from hwq.emit.exchange.affine import linear_affine
from hwq.emit.exchange.writer import Value, Writer
from hwq.ir.op import Op
from hwq.ir.window import Window
from hwq.ops import Add, ArgMax, AvgPool, Conv, Convolution, Dense, Depthwise, GroupConv, Linear, MaxPool, Pad, Rescale


def expressible(op: Op) -> bool:
    """Whether the formats of other tools have a form of `op`."""
    return type(op) in _WRITE


def write_op(writer: Writer, op: Op) -> None:
    """Add the nodes of `op`; its inputs have been written."""
    _WRITE[type(op)](writer, op)


def _linear(writer: Writer, op: Op) -> None:
    """Conv or Gemm, with quantised weights and a bias."""
    assert isinstance(op, Linear)
    source = op.inputs[0]
    weight, requant = op.weight.copy(), op.requant
    weight[np.broadcast_to(np.array(requant.multiplier) == 0, op.channels)] = 0
    interval = writer.around_zero(source, op.reach(writer.program.intervals[source]))
    affine = linear_affine(op, weight, interval, writer.zero(source), writer.zero(op.name))
    way = writer.rounded(op, affine, writer.powers_of_two(source))
    # A weight's scale follows from the integers: input scale * weight scale / output scale = multiplier / 2**shift.
    step = writer.scale(op.name)
    gains = affine.gain if len(requant.multiplier) > 1 else affine.gain[:1]
    scales = [m * 2.0**-requant.shift * step / writer.scale(source) for m in gains]
    x, window, attributes = _operands(writer, op, weight)
    ordered = _onnx_order(op, weight)
    inputs = [x, writer.style.weight(writer.graph, op.name, ordered, scales, op.weight_bits)]
    if way.constant:
        inputs.append(writer.style.bias(writer.graph, op.name, way.constant, step))
    if isinstance(op, Dense):
        made = writer.graph.add("Gemm", op.name, "sum", inputs, transB=1)
    else:
        made = writer.graph.add("Conv", op.name, "sum", inputs, **_windowed(window), **attributes)
    writer.result(op, made, isinstance(op, Dense), way)


def _operands(writer: Writer, op: Linear, weight: np.ndarray) -> tuple[str, Window, dict[str, Any]]:
    """The input as the node wants it, its window with the padding left to the node, and its groups."""
    source = op.inputs[0]
    if isinstance(op, Convolution):
        own = op.pad_value == writer.zero(source)
        x, window = writer.padded(op, writer.image(source), op.window, op.pad_value, own)
        return x, window, {"group": len(op.kernels)}
    return writer.vector(source), Window((1, 1)), {}


def _onnx_order(op: Linear, weight: np.ndarray) -> np.ndarray:
    """Weights as Conv and Gemm want them: channels of the input before height and width."""
    if isinstance(op, Depthwise):
        return weight[:, None]
    planes = weight.transpose(0, 3, 1, 2)
    return planes.reshape(op.channels, -1) if isinstance(op, Dense) else planes


def _windowed(window: Window) -> dict[str, Any]:
    return {
        "kernel_shape": window.kernel, "strides": window.stride, "dilations": window.dilation, "pads": window.pads,
    }  # fmt: skip


def _maxpool(writer: Writer, op: Op) -> None:
    assert isinstance(op, MaxPool)
    x, window = writer.padded(op, writer.image(op.inputs[0]), op.window, op.pad_value, not op.window.wide_border)
    made = writer.graph.add("MaxPool", op.name, "real", (x,), **_windowed(window))
    writer.values[op.name] = Value(made, False)


def _avgpool(writer: Writer, op: Op) -> None:
    """The mean, and a factor where the scales of input and output do not say it."""
    assert isinstance(op, AvgPool)
    source, graph = op.inputs[0], writer.graph
    form = pointwise.form(writer, op, op.window.taps, op.window.reach(writer.program.intervals[source], op.pad_value))
    own = op.pad_value == writer.zero(source) and op.window.dilation == (1, 1) and not op.window.wide_border
    x, window = writer.padded(op, writer.image(source), op.window, op.pad_value, own)
    if op.window == Window(writer.type(source).shape[:2], window.stride):
        made = graph.add("GlobalAveragePool", op.name, "mean", (x,))
    else:
        attributes = _windowed(window)
        if window.dilation == (1, 1):
            del attributes["dilations"]
        else:
            graph.needs(19)
        made = graph.add("AveragePool", op.name, "mean", (x,), count_include_pad=1, **attributes)
    made = writer.added(op, writer.scaled(op, made, form.factor), form.way.constant)
    writer.result(op, made, False, form.way)


def _rescale(writer: Writer, op: Op) -> None:
    assert isinstance(op, Rescale)
    source = op.inputs[0]
    form = pointwise.form(writer, op, 1, writer.program.intervals[source])
    value = writer.values[source]
    made = writer.added(op, writer.scaled(op, value.name, form.factor), form.way.constant)
    writer.result(op, made, value.flat, form.way)


def _add(writer: Writer, op: Op) -> None:
    """The sum, and a factor for a branch where the scales do not say it."""
    assert isinstance(op, Add)
    factors, way = pointwise.add_form(writer, op)
    flat = all(writer.values[name].flat for name in op.inputs)
    shaped = [writer.vector(name) if flat else writer.image(name) for name in op.inputs]
    terms = [writer.scaled(op, x, factor, str(n)) for n, (x, factor) in enumerate(zip(shaped, factors, strict=True))]
    made = writer.added(op, writer.graph.add("Add", op.name, "sum", terms), way.constant)
    writer.result(op, made, flat, way)


def _pad(writer: Writer, op: Op) -> None:
    assert isinstance(op, Pad)
    x, _ = writer.padded(op, writer.image(op.inputs[0]), op.window, op.pad_value, False)
    writer.values[op.name] = Value(x, False)


def _argmax(writer: Writer, op: Op) -> None:
    assert isinstance(op, ArgMax)
    value = writer.values[op.inputs[0]]
    index = writer.graph.add("ArgMax", op.name, "index", (value.name,), axis=1, keepdims=1)
    writer.values[op.name] = replace(value, name=writer.graph.add("Cast", op.name, "real", (index,), to=1))


_WRITE: dict[type[Op], Callable[[Writer, Op], None]] = {
    Add: _add, ArgMax: _argmax, AvgPool: _avgpool, Conv: _linear, Dense: _linear, Depthwise: _linear,
    GroupConv: _linear, MaxPool: _maxpool, Pad: _pad, Rescale: _rescale,
}  # fmt: skip
