"""Engines that scale the channels of each pixel by what they are together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwq.hw.fold import Fold
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import hex_words
from hwq.hw.params import Params
from hwq.ir.program import Program
from hwq.ops import Normalise, Softmax

ENTRY_BITS = 16
"""Bits of an entry of their tables."""


def softmax(net: Netlist, program: Program, op: Softmax, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """hwq_softmax and its table; with a step, each entry has the difference to the next one above it."""
    rows = op.exps[:, None]
    if op.step:
        rows = np.stack([op.exps, -np.diff(op.exps, append=op.exps[-1])], axis=-1)
    file = net.rom(f"{op.name}_exps", rows.shape[1] * ENTRY_BITS, lambda: hex_words(rows, ENTRY_BITS))
    params: Params = {"STEP": op.step, "ENTRIES": len(op.exps), "FILE": file, "RECIP_W": op.reciprocal_bits}
    return _pixelwise(net, program, op, fold, sources, "hwq_softmax", params)


def normalise(net: Netlist, program: Program, op: Normalise, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """hwq_normalise and its table."""
    low, high = program.types[op.name].range
    params: Params = {
        "EPS": f"64'sd{op.eps}", "INDEX_W": op.index_bits,
        "FILE": net.rom(f"{op.name}_roots", ENTRY_BITS, lambda: hex_words(op.table[:, None], ENTRY_BITS)),
        "FRACTION": op.fraction, "QMIN": low, "QMAX": high,
    }  # fmt: skip
    return _pixelwise(net, program, op, fold, sources, "hwq_normalise", params)


def _pixelwise(
    net: Netlist,
    program: Program,
    op: Normalise | Softmax,
    fold: Fold,
    sources: Sequence[Stream],
    module: str,
    params: Params,
) -> Stream:
    x, y = program.types[op.inputs[0]], program.types[op.name]
    out = net.tensor(op.name, op.name, y, fold.lanes_out)
    shape: Params = {
        "LANES": fold.lanes_in, "CHANNELS": x.channels, "ACT_W": x.bits, "ACT_SIGNED": int(x.signed), "OUT_W": y.bits,
    }  # fmt: skip
    net.parts.append(Instance(module, f"u_{op.name}", shape | params, {"s_axis": sources[0], "m_axis": out}))
    return out
