"""Engines that move integers as they are: from several streams to one, and out of a memory."""

from __future__ import annotations

from collections.abc import Sequence

from hwq.hw.feed import in_turn
from hwq.hw.fold import Fold, ceil_div, opening_input
from hwq.hw.netlist import Instance, Netlist, ParamValue, Stream
from hwq.hw.pack import stream_words
from hwq.ir.program import Program
from hwq.ops import Concat, Const


def concat(net: Netlist, program: Program, op: Concat, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """The inputs in turn: so many beats of each, so many rounds a frame (rule C1)."""
    y = program.types[op.name]
    out = net.tensor(op.name, op.name, y, fold.lanes_out)
    rounds = (1, y.shape[0], y.pixels)[op.axis]
    counts = [x.pixels * ceil_div(x.channels, fold.lanes_in) // rounds for x in program.input_types_of(op)]
    in_turn(net, op.name, sources, out, counts, rounds, opening_input(program, op))
    return out


def const(net: Netlist, program: Program, op: Const, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """The beats of a frame in memory, again and again (rule C2)."""
    out = net.tensor(op.name, op.name, program.types[op.name], fold.lanes_out)
    words = stream_words(op.values, fold.lanes_out, op.bits)
    file = net.rom(f"{op.name}_const", out.width, lambda: words)
    params: dict[str, ParamValue] = {"W": out.width, "BEATS": len(words), "FILE": file}
    net.parts.append(Instance("hwq_const", f"u_{op.name}", params, {"m_axis": out}))
    return out
