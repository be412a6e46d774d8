"""Engines: the modules that compute one operation under a fold, and their memory files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hwq.arith import signed_bits
from hwq.hw import normalisation
from hwq.hw.adders_engine import adders
from hwq.hw.feed import dealt, flat_windows, gathered, window_beats, window_unit
from hwq.hw.fold import Fold, Multiplier, RomStyle, ceil_div, groups_of, is_global, multiplies, window_of
from hwq.hw.gather_engine import gather_part
from hwq.hw.moves import concat, const
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import (
    bias_words,
    code_bits,
    entry_bits,
    entry_words,
    is_binary,
    multiplier_words,
    table_words,
    tables,
    weight_words,
)
from hwq.hw.packing import reaches_lowest
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
    Linear,
    Lstm,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PowerSums,
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


def _linear(net: Netlist, program: Program, op: Linear, fold: Fold, sources: Sequence[Stream]) -> Stream:
    if fold.multiplier is Multiplier.ADDERS:
        return adders(net, program, op, fold, sources[0])
    x = program.first_type(op)
    depthwise = isinstance(op, Depthwise)
    window = window_of(op, x)
    beats = ceil_div(x.channels, fold.lanes_in)
    groups = beats if depthwise else groups_of(op)
    folds = ceil_div(op.channels, fold.pe)
    replays = 1 if depthwise else folds // groups
    if fold.copies > 1:
        steps = window_beats(op, x, fold)
        feeds = dealt(net, program, op, fold, sources[0], replays)
    elif fold.flat:
        steps = window_beats(op, x, fold)
        feeds = [flat_windows(net, program, op, fold, sources[0], replays)]
    else:
        steps = beats // groups * (1 if fold.parallel else window.taps)
        feeds = [window_unit(net, program, op, fold, sources[0], groups, replays)]
    out = _result(net, program, op, fold)
    params: Params = {
        "PE": fold.pe, "SIMD": fold.simd, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed),
        "WGT_W": op.weight_bits, "ACC_W": op.acc_bits, "SF": steps, "NF": folds, "CHANNELS": op.channels,
        "DEPTHWISE": int(depthwise), "HOLD": int(fold.parallel and not depthwise and folds > 1),
        **_weight_params(net, op, fold, x),
        **({"PACK": fold.pack, "LOWEST": int(reaches_lowest(op))} if fold.pack > 1 else {}),
        **({"LOGIC": 1} if fold.multiplier is Multiplier.LOGIC else {}),
        "BIAS_FILE": net.rom(f"{op.name}_bias", fold.pe * op.acc_bits, lambda: bias_words(op, fold, is_binary(op, x))),
        **_multiplier_rom(net, op, fold), "RQ": fold.lanes_out, "OUT_W": op.bits, **requant_params(op.requant),
    }  # fmt: skip
    if fold.copies == 1:
        net.parts.append(Instance("hwq_mvau", f"u_{op.name}", params, {"s_axis": feeds[0], "m_axis": out}))
        return out
    made = [net.stream(f"{op.name}__copy{which}", out.width) for which in range(fold.copies)]
    for source, target in zip(feeds, made, strict=True):
        net.parts.append(Instance("hwq_mvau", f"u_{target.name}", params, {"s_axis": source, "m_axis": target}))
    gathered(net, op.name, made, out, ceil_div(op.channels, fold.lanes_out))
    return out


def _weight_params(net: Netlist, op: Linear, fold: Fold, x: TensorType) -> Params:
    """The weight ROM, and how its words become weights (rules L5, L6)."""
    binary, depthwise = is_binary(op, x), isinstance(op, Depthwise)
    values = tables(op, fold, depthwise, binary)
    bits = code_bits(op, values)
    params: Params = {}
    if binary:
        params = {"WGT_W": 1, "BINARY": 1}
        if not depthwise:
            channels, lanes = (op.weight[0].size, fold.simd) if fold.flat else (x.channels, fold.lanes_in)
            beats = ceil_div(channels, lanes)
            params |= {"GROUPS": beats, "IN": lanes, "LIVE": channels - (beats - 1) * lanes}
    elif isinstance(op.coding, PowerSums):
        params = {"CODE_W": bits, "TERMS": op.coding.terms}
    elif values is not None:
        by_channel, entries = values.ndim - 1, values.shape[-1]
        width = (fold.pe if by_channel else 1) * entries * op.weight_bits
        params = {
            "CODE_W": bits, "ENTRIES": entries, "CHANNEL_TABLES": by_channel,
            "TABLE_FILE": net.rom(f"{op.name}_table", width, lambda: table_words(values, fold, op.weight_bits)),
        }  # fmt: skip
    file = net.rom(f"{op.name}_weight", fold.multipliers * bits, lambda: weight_words(op, fold, depthwise, binary))
    style: Params = {} if fold.rom is RomStyle.AUTO else {"WGT_STYLE": fold.rom.value}
    return {**params, "WGT_FILE": file, **style}


def _multiplier_rom(net: Netlist, op: Linear, fold: Fold) -> Params:
    """The multipliers of the channels, in memory unless all are 1."""
    file, bits = "", op.requant.word_bits
    if not op.requant.is_shift:
        words = np.array(op.requant.words, np.int64)
        file = net.rom(
            f"{op.name}_mul", fold.lanes_out * bits, lambda: multiplier_words(words, op.channels, fold, bits)
        )
    return {"MUL_FILE": file, **multiplier_params(op.requant)}


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
    Conv: _linear, Dense: _linear, Depthwise: _linear, GroupConv: _linear, AvgPool: _pool, MaxPool: _pool, Pad: _pool,
    Rescale: _elementwise, ArgMax: _elementwise, TopK: _topk, Add: _pair, Mul: _pair, Extremum: _pair, PRelu: _prelu,
    Table: _table, Threshold: threshold, Softmax: normalisation.softmax, Normalise: normalisation.normalise,
    Gather: _gather, Concat: concat, Const: const,
    MatMul: _pair,
    Lstm: lstm, Gru: gru, Rnn: rnn,
}  # fmt: skip


def requant_multipliers(op: Op, fold: Fold) -> int:
    """Multipliers of an engine outside of a MAC array: those of its requantiser, and of products."""
    return fold.copies * fold.lanes_out * (int(multiplies(op)) + int(isinstance(op, Mul)))
