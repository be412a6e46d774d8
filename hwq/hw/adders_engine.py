"""Engine of a layer that is an adder graph: its graph, and the stream around it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hwq.arith import IntArray, Rounding
from hwq.hw.adder_graph import AdderGraph, Pipeline, pipelined
from hwq.hw.adder_patterns import digit_counts
from hwq.hw.adders import solve
from hwq.hw.feed import window_unit
from hwq.hw.fold import STAGE, Feed, Fold, Multiplier, feeds, is_point, window_of
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.params import Params, requant_params
from hwq.ir.program import MAX_BITS, Program
from hwq.ir.types import TensorType
from hwq.ops import Depthwise, GroupConv, Linear

STAGES = {"ecp5": 2}
"""Adders one behind the other between two registers where a family has others than `STAGE`; see docs/hardware.md."""
MOST_WORK = 5e7
"""Work on a graph that is not refused: some minutes."""
FOLDED = (Rounding.FLOOR, Rounding.HALF_UP)
"""Ways of rounding that are a constant and a division rounded down, so that the graph adds the constant."""


def adders(net: Netlist, program: Program, op: Linear, fold: Fold, source: Stream) -> Stream:
    """Add the graph of `op` to `net`, and the stream around it; returns the stream of its result."""
    x = program.first_type(op)
    window = window_of(op, x)
    taps = source if is_point(window) else window_unit(net, program, op, fold, source, groups=1)
    pipeline = layer_graph(op, x, fold.stage)
    requant = requant_params(op.requant)
    if _constant(op, x) is not None:
        requant |= {"ROUND": int(Rounding.FLOOR), "ZERO": 0}
    params: Params = {
        "IN_W": taps.width, "STAGES": pipeline.stages, "LANES": op.channels, "ACC_W": pipeline.graph.width,
        "OUT_W": op.bits, **requant,
    }  # fmt: skip
    out = net.tensor(op.name, op.name, program.types[op.name], fold.lanes_out)
    net.parts.append(Instance("hwq_adders", f"u_{op.name}", params, {"s_axis": taps, "m_axis": out}, pipeline))
    return out


def adders_fold(op: Linear, x: TensorType, stage: int = STAGE) -> Fold | None:
    """The folding of `op` as an adder graph, all of a window and all outputs at once; None where there is none.

    That is so for a grouped convolution, windows that do not come at once, and more than `MOST_WORK`.
    """
    taps = window_of(op, x).taps
    feed = Feed.SERIAL if taps == 1 else Feed.PARALLEL
    if isinstance(op, GroupConv) or feed not in feeds(op, x) or graph_work(op) > MOST_WORK:
        return None
    simd = taps * (1 if isinstance(op, Depthwise) else x.channels)
    return Fold(x.channels, op.channels, op.channels, simd, feed, multiplier=Multiplier.ADDERS, stage=stage)


def graph_work(op: Linear) -> int:
    """How long it takes to find the graph of `op`, in some microseconds each: pairs of digits of each output."""
    return int((digit_counts(op.weight.reshape(op.channels, -1)).sum(1) ** 2).sum())


@lru_cache(maxsize=256)
def layer_graph(op: Linear, x: TensorType, stage: int = STAGE) -> Pipeline:
    """The graph of `op` on inputs of the type `x` with at most `stage` adders between two registers."""
    return pipelined(_graph(op, x), stage)


@lru_cache(maxsize=256)
def _graph(op: Linear, x: TensorType) -> AdderGraph:
    """The same without registers, found once: accumulators times multipliers, ready to be shifted.

    Where rule R1 allows it, the start holds half a unit and the zero point as well.
    """
    requant, count = op.requant, op.channels
    factors = np.broadcast_to(np.array(requant.multiplier, np.int64), (count,))
    starts, dropped = op.bias * factors, 0
    if (constant := _constant(op, x)) is not None:
        starts, dropped = starts + constant, requant.shift
    return solve(matrix(op), x.range, factors.tolist(), starts.tolist(), dropped)


def _constant(op: Linear, x: TensorType) -> int | None:
    """What the graph adds so that its sums need no more than a shift; None where a requantiser must round.

    That is so where rounding is no constant, and where the sums would have more bits than values of a program may.
    """
    requant = op.requant
    if requant.rounding not in FOLDED:
        return None
    half = (1 << requant.shift) >> 1 if requant.rounding is Rounding.HALF_UP else 0
    constant = half + (requant.zero_point << requant.shift)
    return constant if (op.magnitude(x.range) + abs(constant)).bit_length() <= MAX_BITS else None


def matrix(op: Linear) -> IntArray:
    """The weights as (outputs, elements of a window), in the order of a parallel window: tap by tap."""
    rows = op.weight.reshape(op.channels, -1)
    if not isinstance(op, Depthwise):
        return rows
    spread = np.zeros((op.channels, rows.shape[1], op.channels), np.int64)
    spread[np.arange(op.channels), :, np.arange(op.channels)] = rows
    return spread.reshape(op.channels, -1)
