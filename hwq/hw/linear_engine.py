"""Engines of layers with weights: window, MAC array and requantiser, for one layer or for several of equal shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwq.arith import Requant
from hwq.hw.adders_engine import adders
from hwq.hw.feed import dealt, flat_windows, gathered, window_beats, window_unit
from hwq.hw.fold import Fold, Multiplier, RomStyle, ceil_div, groups_of, window_of
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import (
    bias_words,
    code_bits,
    is_binary,
    multiplier_words,
    table_words,
    tables,
    weight_words,
)
from hwq.hw.packing import reaches_lowest
from hwq.hw.params import Params, multiplier_params, requant_params
from hwq.hw.sharing import joint
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Depthwise, Linear, PowerSums


def linear(net: Netlist, program: Program, op: Linear, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """Add the engine of `op` to `net`; of one that layers share only what is the layer's own (see `shared`)."""
    if fold.multiplier is Multiplier.ADDERS:
        return adders(net, program, op, fold, sources[0])
    x = program.first_type(op)
    groups, replays, _ = _steps(op, fold, x)
    if fold.copies > 1:
        feeds = dealt(net, program, op, fold, sources[0], replays)
    elif fold.flat:
        feeds = [flat_windows(net, program, op, fold, sources[0], replays)]
    else:
        feeds = [window_unit(net, program, op, fold, sources[0], groups, replays)]
    out = net.tensor(op.name, op.name, program.types[op.name], fold.lanes_out)
    if fold.engine:
        net.shared.setdefault(fold.engine, []).append((feeds[0], out))
        return out
    params = _array(net, [op], fold, x)
    if fold.copies == 1:
        net.parts.append(Instance("hwq_mvau", f"u_{op.name}", params, {"s_axis": feeds[0], "m_axis": out}))
        return out
    made = [net.stream(f"{op.name}__copy{which}", out.width) for which in range(fold.copies)]
    for source, target in zip(feeds, made, strict=True):
        net.parts.append(Instance("hwq_mvau", f"u_{target.name}", params, {"s_axis": source, "m_axis": target}))
    gathered(net, op.name, made, out, ceil_div(op.channels, fold.lanes_out))
    return out


def shared(net: Netlist, program: Program, name: str, layers: Sequence[Linear], fold: Fold) -> None:
    """Add the engine of `layers`, named after the first, between the streams that `linear` made of each."""
    params = _array(net, layers, fold, program.first_type(layers[0])) | {"LAYERS": len(layers)}
    feeds, results = zip(*net.shared[name], strict=True)
    net.parts.append(Instance("hwq_mvau", f"u_{name}", params, {"s_axis": feeds, "m_axis": results}))


def _steps(op: Linear, fold: Fold, x: TensorType) -> tuple[int, int, int]:
    """Groups of a window, how often each is read, and the beats of a fold."""
    window, beats = window_of(op, x), ceil_div(x.channels, fold.lanes_in)
    groups = beats if isinstance(op, Depthwise) else groups_of(op)
    replays = 1 if isinstance(op, Depthwise) else ceil_div(op.channels, fold.pe) // groups
    if fold.flat or fold.copies > 1:
        return groups, replays, window_beats(op, x, fold)
    return groups, replays, beats // groups * (1 if fold.parallel else window.taps)


def _array(net: Netlist, layers: Sequence[Linear], fold: Fold, x: TensorType) -> Params:
    """Parameters of the array, with the memories of all `layers` one behind the other."""
    op = layers[0]
    depthwise, binary = isinstance(op, Depthwise), is_binary(op, x)
    folds, acc_bits, requant = ceil_div(op.channels, fold.pe), max(each.acc_bits for each in layers), joint(layers)
    assert requant is not None

    def biases() -> list[str]:
        return [word for each in layers for word in bias_words(each, fold, binary, acc_bits)]

    return {
        "PE": fold.pe, "SIMD": fold.simd, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed),
        "WGT_W": op.weight_bits, "ACC_W": acc_bits, "SF": _steps(op, fold, x)[2], "NF": folds, "CHANNELS": op.channels,
        "DEPTHWISE": int(depthwise), "HOLD": int(fold.parallel and not depthwise and folds > 1),
        **_weights(net, layers, fold, x),
        **({"PACK": fold.pack, "LOWEST": int(any(map(reaches_lowest, layers)))} if fold.pack > 1 else {}),
        **({"LOGIC": 1} if fold.multiplier is Multiplier.LOGIC else {}),
        "BIAS_FILE": net.rom(f"{op.name}_bias", fold.pe * acc_bits, biases),
        **_multipliers(net, layers, fold, requant), "RQ": fold.lanes_out, "OUT_W": op.bits, **requant_params(requant),
    }  # fmt: skip


def _weights(net: Netlist, layers: Sequence[Linear], fold: Fold, x: TensorType) -> Params:
    """The weight ROM, and how its words become weights (rules L5, L6); several layers have plain ones."""
    op = layers[0]
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

    def words() -> list[str]:
        return [word for each in layers for word in weight_words(each, fold, depthwise, binary)]

    file = net.rom(f"{op.name}_weight", fold.multipliers * bits, words)
    style: Params = {} if fold.rom is RomStyle.AUTO else {"WGT_STYLE": fold.rom.value}
    return {**params, "WGT_FILE": file, **style}


def _multipliers(net: Netlist, layers: Sequence[Linear], fold: Fold, requant: Requant) -> Params:
    """The multipliers of the channels, in memory unless all are 1."""
    file, bits, op = "", requant.word_bits, layers[0]
    if not requant.is_shift:
        factors = np.array(requant.words, np.int64)

        def words() -> list[str]:
            rows = np.split(factors, len(layers))
            return [word for row in rows for word in multiplier_words(row, op.channels, fold, bits)]

        file = net.rom(f"{op.name}_mul", fold.lanes_out * bits, words)
    return {"MUL_FILE": file, **multiplier_params(requant)}
