"""Engines: the modules that compute one operation under a fold, and their memory files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hwq.arith import signed_bits
from hwq.hw import normalisation
from hwq.hw.feed import window_unit
from hwq.hw.fold import Fold, ceil_div, is_global, multiplies
from hwq.hw.gather_engine import gather_part
from hwq.hw.linear_engine import linear
from hwq.hw.moves import concat, const
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import entry_bits, entry_words, multiplier_words
from hwq.hw.params import Params, multiplier_params, requant_params, wide
from hwq.hw.recurrent import gru, lstm, rnn
from hwq.hw.thresholds import threshold
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import (
    Add,
    ArgMax,
    AvgPool,
    Concat,
    Const,
    Conv,
    Dense,
    Depthwise,
    Extremum,
    Gather,
    GroupConv,
    Gru,
    Lstm,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PRelu,
    Rescale,
    Rnn,
    Softmax,
    Table,
    Threshold,
    TopK,
)
from hwq.ops.requantised import Requantised

Pair = Add | Extremum | MatMul | Mul


def build(net: Netlist, program: Program, op: Op, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """Add the engine of `op` to `net`, reading `sources`; returns the stream of its result.

    Every source carries its tensor with the lanes that `fold` asks for.
    """
    return _BUILD[type(op)](net, program, op, fold, sources)


def _result(net: Netlist, program: Program, op: Op, fold: Fold) -> Stream:
    return net.tensor(op.name, op.name, program.types[op.name], fold.lanes_out)


def _pool(net: Netlist, program: Program, op: AvgPool | MaxPool | Pad, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """Pooling over a window; padding is the maximum over a window of one tap."""
    x, y = program.first_type(op), program.types[op.name]
    if is_global(op, x):
        return _elementwise(net, program, op, fold, sources)
    taps = window_unit(net, program, op, fold, sources[0], groups=ceil_div(x.channels, fold.lanes_in))
    out = _result(net, program, op, fold)
    params: Params = {"LANES": fold.lanes_in, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed), "OUT_W": y.bits}
    params |= {"TAPS": op.window.taps, "MAX": int(not isinstance(op, AvgPool))}
    if isinstance(op, AvgPool):
        params |= _summed(op)
    net.parts.append(Instance("hwq_pool", f"u_{op.name}", params, {"s_axis": taps, "m_axis": out}))
    return out


def _summed(op: AvgPool | Rescale) -> Params:
    return {"BIAS": wide(op.bias), "ACC_W": op.acc_bits, **_multiplier(op), **requant_params(op.requant)}


def _multiplier(op: Requantised) -> Params:
    """The one multiplier of `op`."""
    return {"MUL": op.requant.words[0], **multiplier_params(op.requant)}


def _elementwise(net: Netlist, program: Program, op: Op, fold: Fold, sources: Sequence[Stream]) -> Stream:
    x, y = program.first_type(op), program.types[op.name]
    params: Params = {"LANES": fold.lanes_in, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed), "OUT_W": y.bits}
    extra: Params = {"CHANNELS": x.channels}
    if isinstance(op, ArgMax):
        module = "hwq_argmax"
    elif isinstance(op, AvgPool):
        module, extra = "hwq_gap", extra | {"PIXELS": x.pixels, **_summed(op)}
    else:
        assert isinstance(op, Rescale)
        module, extra = "hwq_rescale", _summed(op)
    out = _result(net, program, op, fold)
    net.parts.append(Instance(module, f"u_{op.name}", params | extra, {"s_axis": sources[0], "m_axis": out}))
    return out


def _topk(net: Netlist, program: Program, op: TopK, fold: Fold, sources: Sequence[Stream]) -> Stream:
    x, y = program.first_type(op), program.types[op.name]
    params: Params = {
        "CHANNELS": op.channels, "K": op.k, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed), "OUT_W": y.bits,
    }  # fmt: skip
    out = _result(net, program, op, fold)
    net.parts.append(Instance("hwq_topk", f"u_{op.name}", params, {"s_axis": sources[0], "m_axis": out}))
    return out


def _pair(net: Netlist, program: Program, op: Pair, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """From two tensors: element by element, or their matrix product."""
    a, b = program.input_types_of(op)
    params: Params = {} if isinstance(op, MatMul) else {"LANES": fold.lanes_in}
    if isinstance(op, Extremum):
        module = "hwq_extremum"
        params |= {"ACT_W": a.bits, "ACT_SIGNED": int(a.signed), "LARGEST": int(op.largest)}
    else:
        params |= {"A_W": a.bits, "A_SIGNED": int(a.signed), "B_W": b.bits, "B_SIGNED": int(b.signed)}
        if isinstance(op, Add):
            module = "hwq_add"
            params |= {"MA": op.factors[0], "MB": op.factors[1], "BIAS": wide(op.bias)}
        else:
            module = "hwq_product"
            params |= {"ZERO_A": op.zeros[0], "ZERO_B": op.zeros[1], **_multiplier(op)}
            if isinstance(op, MatMul):
                module = "hwq_matmul"
                params |= {"PE": fold.pe, "SIMD": fold.simd, "RQ": fold.lanes_out, "ACC_W": op.acc_bits}
                params |= {"T": a.shape[1], "N": b.shape[1], "K": op.channels}
        params |= {"OUT_W": op.bits, **requant_params(op.requant)}
    out = _result(net, program, op, fold)
    ports = {"a_axis": sources[0], "b_axis": sources[1], "m_axis": out}
    net.parts.append(Instance(module, f"u_{op.name}", params, ports))
    return out


def _prelu(net: Netlist, program: Program, op: PRelu, fold: Fold, sources: Sequence[Stream]) -> Stream:
    x = program.types[op.inputs[0]]
    factors = (*op.negative, op.positive)
    bits = signed_bits((min(factors), max(factors)))
    low, high = x.range
    params: Params = {
        "LANES": fold.lanes_in, "CHANNELS": x.channels, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed),
        "BIAS": op.bias, "D_W": signed_bits((low + op.bias, high + op.bias)), "POSITIVE": op.positive,
        "FACTOR_W": bits, "OUT_W": op.bits, **requant_params(op.requant),
    }  # fmt: skip
    if len(op.negative) == 1:
        params |= {"NEGATIVE": op.negative[0]}
    else:
        words = multiplier_words(np.array(op.negative, np.int64), x.channels, fold, bits)
        params |= {"BY_CHANNEL": 1, "FILE": net.rom(f"{op.name}_negative", fold.lanes_in * bits, lambda: words)}
    out = _result(net, program, op, fold)
    net.parts.append(Instance("hwq_prelu", f"u_{op.name}", params, {"s_axis": sources[0], "m_axis": out}))
    return out


def _table(net: Netlist, program: Program, op: Table, fold: Fold, sources: Sequence[Stream]) -> Stream:
    out = _result(net, program, op, fold)
    params = {"LANES": fold.lanes_in, **interpolate_params(net, f"{op.name}_entries", op, program.types[op.inputs[0]])}
    net.parts.append(Instance("hwq_table", f"u_{op.name}", params, {"s_axis": sources[0], "m_axis": out}))
    return out


def interpolate_params(net: Netlist, rom: str, table: Table, x: TensorType) -> Params:
    """Parameters of rule F1 for values of the type of `x`, the entries in a memory file called `rom`."""
    bits, delta_bits = entry_bits(table)
    width = bits + (delta_bits if table.step else 0)
    return {
        "IN_W": x.bits, "IN_SIGNED": int(x.signed), "OUT_W": table.bits, "OUT_SIGNED": int(table.signed),
        "STEP": table.step, "FRACTION": table.fraction, "ENTRY_W": bits, "DELTA_W": delta_bits,
        "FILE": net.rom(rom, width, lambda: entry_words(table)),
    }  # fmt: skip


def _gather(net: Netlist, program: Program, op: Gather, fold: Fold, sources: Sequence[Stream]) -> Stream:
    out = _result(net, program, op, fold)
    net.parts.append(gather_part(net, op, program.first_type(op), sources[0], out))
    return out


_BUILD: dict[type[Op], Callable[..., Stream]] = {
    Conv: linear, Dense: linear, Depthwise: linear, GroupConv: linear, AvgPool: _pool, MaxPool: _pool, Pad: _pool,
    Rescale: _elementwise, ArgMax: _elementwise, TopK: _topk, Add: _pair, Mul: _pair, Extremum: _pair, PRelu: _prelu,
    Table: _table, Threshold: threshold, Softmax: normalisation.softmax, Normalise: normalisation.normalise,
    Gather: _gather, Concat: concat, Const: const,
    MatMul: _pair,
    Lstm: lstm, Gru: gru, Rnn: rnn,
}  # fmt: skip


def requant_multipliers(op: Op, fold: Fold) -> int:
    """Multipliers of an engine outside of a MAC array: those of its requantiser, and of products."""
    return fold.copies * fold.lanes_out * (int(multiplies(op)) + int(isinstance(op, Mul)))
