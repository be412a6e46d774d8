"""Lowering of layers beside convolutions and pools: functions, products, joins, moves, normalisation, attention."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.frontend import graph as fg
from hwq.ir.op import Op
from hwq.ops import Concat, Const, Extremum, Gather, MatMul, Mul, Normalise, PRelu, Softmax, Table, TopK
from hwq.ops.factors import as_multipliers
from hwq.ops.normalise import MAX_VARIANCE_BITS, largest_variance
from hwq.quant.context import Context, common, with_accumulator
from hwq.quant.function_table import function_table
from hwq.quant.lower_recurrent import lower_recurrent
from hwq.quant.normalise_table import normalise_constants
from hwq.quant.softmax_table import softmax_table

RECIPROCAL_BITS = 40
"""Of the sum of a softmax: with sums of 16 to 28 bits its quotient has at least 12."""

Intervals = tuple[Interval, ...]


def _function(ctx: Context, layer: fg.Function, ins: Intervals) -> Op:
    source, type_ = layer.inputs[0], ctx.types[layer.name]
    entries, step, fraction = function_table(
        layer.expr, ctx.formats[source], ctx.types[source], ctx.formats[layer.name], type_
    )
    return Table(
        name=layer.name, inputs=layer.inputs, entries=entries, step=step, fraction=fraction,
        low=ctx.types[source].range[0], bits=type_.bits, signed=type_.signed,
    )  # fmt: skip


def _prelu(ctx: Context, layer: fg.PRelu, ins: Intervals) -> Op:
    x, y = ctx.formats[layer.inputs[0]], ctx.formats[layer.name]
    unit = x.scale / y.scale
    slopes = [float(slope) for slope in layer.slopes]
    slopes = slopes[:1] if len(set(slopes)) == 1 else slopes
    factors, shift = as_multipliers([unit] + [abs(slope) * unit for slope in slopes if slope])
    rest = iter(factors[1:])
    negative = tuple(int(np.sign(slope)) * next(rest) if slope else 0 for slope in slopes)
    op = PRelu(
        bias=-x.zero_point, positive=factors[0], negative=negative,
        requant=ctx.clamped(layer.name, (1,), shift, fg.Clip()), **common(ctx, layer),
    )  # fmt: skip
    return with_accumulator(op, *ins)


def _mul(ctx: Context, layer: fg.Mul, ins: Intervals) -> Op:
    a, b = (ctx.formats[name] for name in layer.inputs)
    ratio = a.scale * b.scale / ctx.formats[layer.name].scale
    requant = ctx.requant(layer.name, [ratio], fg.Clip())
    op = Mul(zeros=(a.zero_point, b.zero_point), requant=requant, **common(ctx, layer))
    return with_accumulator(op, *ins)


def _extremum(ctx: Context, layer: fg.Extremum, ins: Intervals) -> Op:
    return Extremum(name=layer.name, inputs=layer.inputs, largest=layer.largest)


def _concat(ctx: Context, layer: fg.Concat, ins: Intervals) -> Op:
    return Concat(name=layer.name, inputs=layer.inputs, axis=(layer.axis + 2) % 3)


def _gather(ctx: Context, layer: fg.Gather, ins: Intervals) -> Op:
    channels, height, width = ctx.graph.shapes[layer.inputs[0]]
    places = np.arange(height * width * channels).reshape(height, width, channels).transpose(2, 0, 1).ravel()
    index: IntArray = np.where(layer.index < 0, -1, places[layer.index]).transpose(1, 2, 0)
    form, source = ctx.formats[layer.inputs[0]], ctx.types[layer.inputs[0]]
    fill = int(form.quantise(np.array(layer.value), source))
    return Gather(name=layer.name, inputs=layer.inputs, index=np.ascontiguousarray(index), pad_value=fill)


def _const(ctx: Context, layer: fg.Const, ins: Intervals) -> Op:
    type_ = ctx.types[layer.name]
    values = ctx.formats[layer.name].quantise(layer.values.transpose(1, 2, 0), type_)
    return Const(
        name=layer.name, inputs=(), values=np.ascontiguousarray(values), bits=type_.bits, signed=type_.signed
    )  # fmt: skip


def _matmul(ctx: Context, layer: fg.MatMul, ins: Intervals) -> Op:
    a, b = (ctx.formats[name] for name in layer.inputs)
    ratio = a.scale * b.scale * layer.scale / ctx.formats[layer.name].scale
    op = MatMul(
        zeros=(a.zero_point, b.zero_point), channels=ctx.graph.shapes[layer.inputs[0]][0],
        requant=ctx.requant(layer.name, [ratio], fg.Clip()), **common(ctx, layer),
    )  # fmt: skip
    return with_accumulator(op, *ins)


def _softmax(ctx: Context, layer: fg.Softmax, ins: Intervals) -> Op:
    source = layer.inputs[0]
    exps, step = softmax_table(ctx.formats[source].scale, ctx.types[source].bits)
    return Softmax(
        name=layer.name, inputs=layer.inputs, exps=exps, step=step, reciprocal_bits=RECIPROCAL_BITS,
        bits=ctx.types[layer.name].bits,
    )  # fmt: skip


def _normalise(ctx: Context, layer: fg.Normalise, ins: Intervals) -> Op:
    source, type_ = layer.inputs[0], ctx.types[layer.name]
    channels = ctx.graph.shapes[source][0]
    eps, table, fraction = normalise_constants(
        channels, ctx.formats[source].scale, layer.epsilon, ctx.formats[layer.name].scale
    )
    eps = max(1, min(eps, (1 << MAX_VARIANCE_BITS) - largest_variance(ctx.types[source], 1)))  # more leaves no input
    return Normalise(
        name=layer.name, inputs=layer.inputs, eps=eps, table=table, index_bits=int(len(table) // 3).bit_length() - 1,
        fraction=fraction, bits=type_.bits, signed=type_.signed,
    )  # fmt: skip


def _topk(ctx: Context, layer: fg.TopK, ins: Intervals) -> Op:
    return TopK(name=layer.name, inputs=layer.inputs, channels=ctx.graph.shapes[layer.inputs[0]][0], k=layer.k)


LOWER_VALUES: dict[type[fg.Layer], Callable[..., Op]] = {
    fg.Concat: _concat, fg.Const: _const, fg.Extremum: _extremum, fg.Function: _function, fg.Gather: _gather,
    fg.MatMul: _matmul, fg.Mul: _mul, fg.Normalise: _normalise, fg.PRelu: _prelu, fg.Recurrent: lower_recurrent,
    fg.Softmax: _softmax, fg.TopK: _topk,
}  # fmt: skip
"""For each layer the function that makes its operation, from a context, the layer and the bounds of its inputs."""
