"""Lowering of recurrent cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwq.arith import Interval
from hwq.frontend import graph as fg
from hwq.ir.op import Op
from hwq.ops import Gru, Lstm, Rnn
from hwq.quant.cells import precision
from hwq.quant.context import Context
from hwq.quant.recurrent_tables import gru_fields, lstm_fields, rnn_fields

CELL_MAX = 16.0
"""The cell state of an LSTM is clamped there."""


def lower_recurrent(ctx: Context, layer: fg.Recurrent, ins: tuple[Interval, ...]) -> Op:
    """The integer operation of a cell."""
    source = layer.inputs[0]
    x, type_ = ctx.formats[source], ctx.types[layer.name]
    widths = precision(ctx.config, layer.name)
    given = (layer.weight, ctx.types[source], x.scale, ctx.formats[layer.name].scale)
    names: dict[str, Any] = {"name": layer.name, "inputs": layer.inputs}
    if layer.cell is fg.Cell.LSTM:
        steps = ctx.graph.shapes[source][2]
        fields = lstm_fields(*given, bits=type_.bits, cell_max=min(float(steps), CELL_MAX), precision=widths)
        return Lstm(**names, **fields)
    if layer.cell is fg.Cell.RNN:
        return Rnn(**names, **rnn_fields(*given, bits=type_.bits, precision=widths))
    after = layer.cell is fg.Cell.GRU_AFTER
    bias = np.concatenate([np.zeros(2 * len(layer.bias)), layer.bias]) if after else None
    return Gru(**names, **gru_fields(*given, reset_after=after, bits=type_.bits, bias=bias, precision=widths))
