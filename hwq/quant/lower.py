"""Lowering: each layer of a float graph becomes one integer operation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwq.arith import Interval
from hwq.frontend import graph as fg
from hwq.ir.op import Op
from hwq.ir.order import stream_order
from hwq.ir.port import Port
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Add, ArgMax, AvgPool, MaxPool, Pad, Rescale
from hwq.ops.factors import as_multipliers
from hwq.quant.config import QuantConfig
from hwq.quant.context import Context, common, with_accumulator
from hwq.quant.fitting import Weights
from hwq.quant.formats import Formats
from hwq.quant.linear import lower_linear
from hwq.quant.lower_values import LOWER_VALUES


def lower(graph: fg.FloatGraph, formats: Formats, config: QuantConfig, weights: Weights) -> Program:
    """The integer program of `graph`, whose tensors get `formats` and whose linear layers get `weights`."""
    types = {name: chosen.type(graph.shapes[name]) for name, chosen in formats.items()}
    forms = {name: chosen.form for name, chosen in formats.items()}
    ctx = Context(graph, config, forms, types, weights)
    intervals: dict[str, Interval] = {port.tensor: types[port.tensor].range for port in graph.inputs}
    for layer in graph.layers:
        ins = tuple(intervals[name] for name in layer.inputs)
        op = _LOWER[type(layer)](ctx, layer, ins)
        ctx.ops.append(op)
        weights.push(op, ins)
        intervals[op.name] = op.bound(*ins)
    sources = tuple(
        Port(p.onnx_name, p.tensor, p.dtype, stream_order(p.index, graph.shapes[p.tensor])) for p in graph.inputs
    )
    outputs = tuple(
        Port(p.onnx_name, p.tensor, "float64", stream_order(p.index, graph.shapes[p.tensor]), p.host_ops)
        for p in graph.outputs
    )
    input_types = {port.tensor: ctx.types[port.tensor] for port in graph.inputs}
    return Program(graph.name, sources, outputs, tuple(ctx.ops), input_types, ctx.formats).verify()


def _window(layer: fg.MaxPool | fg.AvgPool) -> Window:
    dilation = layer.dilation if isinstance(layer, fg.MaxPool) else (1, 1)
    return Window(layer.kernel, layer.stride, dilation, layer.pads)


def _add(ctx: Context, layer: fg.Add, ins: tuple[Interval, ...]) -> Op:
    a, b = (ctx.formats[name] for name in layer.inputs)
    y = ctx.formats[layer.name]
    sizes, shift = as_multipliers([a.scale / y.scale, b.scale / y.scale])
    factors = [size * sign for size, sign in zip(sizes, layer.signs, strict=True)]
    bias = -(a.zero_point * factors[0] + b.zero_point * factors[1])
    requant = ctx.clamped(layer.name, (1,), shift, layer.clip)
    op = Add(factors=(factors[0], factors[1]), bias=bias, requant=requant, **common(ctx, layer))
    return with_accumulator(op, *ins)


def _avgpool(ctx: Context, layer: fg.AvgPool, ins: tuple[Interval, ...]) -> Op:
    window = _window(layer)
    x, y = ctx.formats[layer.inputs[0]], ctx.formats[layer.name]
    requant = ctx.requant(layer.name, [x.scale / (y.scale * window.taps)], fg.Clip())
    op = AvgPool(
        window=window,
        pad_value=x.zero_point,
        bias=-window.taps * x.zero_point,
        requant=requant,
        **common(ctx, layer),
    )
    return with_accumulator(op, *ins)


def _activation(ctx: Context, layer: fg.Activation, ins: tuple[Interval, ...]) -> Op:
    x, y = ctx.formats[layer.inputs[0]], ctx.formats[layer.name]
    requant = ctx.requant(layer.name, [x.scale / y.scale], layer.clip)
    op = Rescale(bias=-x.zero_point, requant=requant, **common(ctx, layer))
    return with_accumulator(op, *ins)


def _maxpool(ctx: Context, layer: fg.MaxPool, ins: tuple[Interval, ...]) -> Op:
    source = ctx.types[layer.inputs[0]]
    return MaxPool(name=layer.name, inputs=layer.inputs, window=_window(layer), pad_value=source.range[0])


def _pad(ctx: Context, layer: fg.Pad, ins: tuple[Interval, ...]) -> Op:
    form, source = ctx.formats[layer.inputs[0]], ctx.types[layer.inputs[0]]
    value = int(form.quantise(np.array(layer.value), source))
    return Pad(name=layer.name, inputs=layer.inputs, window=Window((1, 1), pads=layer.pads), pad_value=value)


def _argmax(ctx: Context, layer: fg.ArgMax, ins: tuple[Interval, ...]) -> Op:
    return ArgMax(name=layer.name, inputs=layer.inputs, channels=ctx.graph.shapes[layer.inputs[0]][0])


def _linear(ctx: Context, layer: fg.Conv | fg.Dense, ins: tuple[Interval, ...]) -> Op:
    return lower_linear(ctx, layer, ins[0])


_LOWER: dict[type[fg.Layer], Callable[..., Op]] = {
    fg.Conv: _linear, fg.Dense: _linear, fg.Add: _add, fg.AvgPool: _avgpool, fg.MaxPool: _maxpool,
    fg.Pad: _pad, fg.Activation: _activation, fg.ArgMax: _argmax, **LOWER_VALUES,
}  # fmt: skip
