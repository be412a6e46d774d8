"""Latency: when the pixels of a frame that meets an empty pipeline come out of each operation.

An operation makes one pixel after the other.  A pixel is done `work` cycles after the one before it, and not before
`tail` cycles after the last input pixel that it needs (`Op.pixels_needed`) is in; then it takes the way through the
pipeline.  Pixels of layers on one engine take turns (see `hwq.hw.turns`).  The latencies of modules are those of
docs/hardware.md; simulation must meet the sum to within 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hwq.arith import IntArray
from hwq.hw.adders_engine import layer_graph
from hwq.hw.feed import BRAM_DEPTH, converted_lanes
from hwq.hw.fifo import pixels_needed
from hwq.hw.fold import (
    DIVIDER_START,
    Feed,
    Fold,
    Multiplier,
    ceil_div,
    groups_of,
    is_global,
    is_point,
    multiplies,
    window_of,
)
from hwq.hw.recurrent_fold import step_cycles
from hwq.hw.sharing import engine_cycles, groups
from hwq.hw.turns import detour, in_turn
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import (
    Add,
    ArgMax,
    AvgPool,
    Codebook,
    Dense,
    Depthwise,
    Gather,
    Linear,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PRelu,
    Recurrent,
    Rescale,
    Softmax,
    Table,
    Threshold,
    TopK,
)
from hwq.ops.requantised import Requantised

WINDOW, PARALLEL = 6, 3
"""Cycles through a serial and a parallel window unit."""
ROUNDS = 8
"""How often layers on one engine are looked at again, each time with what the others then ask for."""
TURNS, DEEP_TURNS = 2, 4
"""Cycles through a FIFO, of LUTs or of block RAM, and the concat behind it, where arrays take turns."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Cycles from the first beat of a frame in to the first and to the last beat of each tensor out."""

    first: Mapping[str, int]
    last: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Pace:
    """How an operation makes a pixel: cycles of `work`, `tail` and the `way` through the pipeline, beats of the result.

    Work on the first pixel begins with the first input beat where `early`.  A window unit in front of a flat feed takes
    `unit` cycles a window, and then it is `between` cycles to the array, of which there are `copies`.
    """

    work: int
    tail: int
    way: int
    beats: int
    early: bool = False
    unit: int = 0
    between: int = 0
    copies: int = 1


def latency(program: Program, folds: Mapping[str, Fold], lanes: Mapping[str, int]) -> Latency:
    """The latency of every tensor; `lanes` channels of each input come in a beat."""
    found, asked = _timed(program, folds, lanes, {})
    for _ in range(ROUNDS if asked else 0):
        before = asked
        found, asked = _timed(program, folds, lanes, before)
        if all(np.array_equal(asked[name], times) for name, times in before.items()):
            break
    return found


def _timed(
    program: Program, folds: Mapping[str, Fold], lanes: Mapping[str, int], asked: Mapping[str, IntArray]
) -> tuple[Latency, dict[str, IntArray]]:
    """The latency, and when layers on shared engines could make pixels if alone; `asked` is what is known of that."""
    sharing, interval = groups(program, folds), max(engine_cycles(program, folds).values(), default=1)
    alone: dict[str, IntArray] = {}
    ends: dict[str, IntArray] = {}
    width = dict(lanes)
    first: dict[str, int] = {}
    for name, type_ in program.input_types.items():
        beats = ceil_div(type_.channels, lanes[name])
        ends[name], first[name] = np.arange(1, type_.pixels + 1) * beats, 1
    for op in program.ops:
        fold, y = folds[op.name], program.types[op.name]
        pace, need = _pace(program, op, fold), pixels_needed(program, op, fold)
        ready = np.zeros(y.pixels, np.int64)
        for which, name in enumerate(op.inputs):
            x = program.types[name]
            beats = ceil_div(x.channels, fold.lanes_in)
            read = _paced(ends[name], beats) + _converted(width[name], fold.lanes_in, x.channels)
            at_once = fold.feed in (Feed.PARALLEL, Feed.FLAT_PARALLEL)
            came = _came(op, x, read, beats) if at_once else read[need[which] - 1]
            ready = np.maximum(ready, np.where(need[which] > 0, came, 0))
            if pace.early:
                ready[0] = max(ready[0], read[0] - beats + (pace.unit or pace.work - pace.tail))
        if pace.unit:
            ready = _paced(ready, pace.unit) + pace.between
        done, way = ready + pace.tail, pace.way
        if fold.engine:
            layers, alone[op.name] = sharing[fold.engine], done
            others = [asked[other.name] for other in layers if other.name != op.name and other.name in asked]
            done = in_turn(done, others, pace.work, interval)
            way += detour(layers, op)
        for which in range(pace.copies):
            done[which :: pace.copies] = _paced(done[which :: pace.copies], pace.work)
        ends[op.name] = _paced(done + way, pace.beats)
        first[op.name] = int(ends[op.name][0]) - pace.beats + 1
        width[op.name] = fold.lanes_out
    return Latency(first, {name: int(times[-1]) for name, times in ends.items()}), alone


def _paced(times: IntArray, step: int) -> IntArray:
    """The earliest times, none before its own in `times`, each `step` or more after the one before."""
    steps = np.arange(len(times)) * step
    paced: IntArray = np.maximum.accumulate(times - steps) + steps
    return paced


def _converted(given: int, taken: int, channels: int) -> int:
    """Cycles through converters of lanes, from the last beat of a pixel in to the last one out."""
    return sum(_narrowed(*lanes, channels) for lanes in pairwise(converted_lanes(given, taken, channels)))


def _narrowed(source: int, target: int, channels: int) -> int:
    """The same of one converter, from beats of `source` lanes to beats of `target`."""
    before, after = ceil_div(channels, source), ceil_div(channels, target)
    more = after - (before - 1) * (source // target) - 1 if before < after else 0
    return (before != after) + more


def _came(op: Op, x: TensorType, read: IntArray, beats: int) -> IntArray:
    """When the windows of a parallel unit have come; beyond the end of the frame it shifts on by itself."""
    window = window_of(op, x)
    rows, columns = window.output(*x.shape[:2])
    down = np.arange(rows) * window.stride[0] + window.span[0] - 1 - window.pads[0]
    right = np.arange(columns) * window.stride[1] + window.span[1] - window.pads[1]
    place = (down[:, None] * x.shape[1] + right).ravel()
    came: IntArray = read[np.clip(place, 1, x.pixels) - 1] + np.maximum(place - x.pixels, 0) * beats
    return came


def _pace(program: Program, op: Op, fold: Fold) -> _Pace:
    xs, y = program.input_types_of(op), program.types[op.name]
    x = xs[0] if xs else y
    taps, beats = window_of(op, x).taps, ceil_div(x.channels, fold.lanes_in)
    out = ceil_div(y.channels, fold.lanes_out)
    scaled = 5 if multiplies(op) or (isinstance(op, Requantised) and not op.requant.is_shift) else 3
    if isinstance(op, Linear) and fold.multiplier is Multiplier.ADDERS:
        unit = 0 if is_point(window_of(op, x)) else PARALLEL if fold.parallel else WINDOW
        return _Pace(1, 1, layer_graph(op, x, fold.stage).stages + 3 + unit, 1, unit == WINDOW)
    if isinstance(op, Linear):
        folds, way = ceil_div(op.channels, fold.pe), scaled + _array(op, fold)
        beats_out = out if fold.copies > 1 else 1
        if fold.copies > 1:
            way += TURNS if out <= BRAM_DEPTH else DEEP_TURNS
        if fold.flat:
            elements = taps * x.channels
            steps, at_once = ceil_div(elements, fold.simd), fold.feed is Feed.FLAT_PARALLEL
            unit = 0 if isinstance(op, Dense) else steps if at_once else taps * beats
            between = _narrowed(elements if at_once else fold.lanes_in, fold.simd, elements)
            between += (WINDOW if folds > 1 else 0) + (0 if isinstance(op, Dense) else PARALLEL if at_once else WINDOW)
            early = unit > 0 and not at_once
            return _Pace(
                folds * steps, (folds - 1) * steps + 1, way, beats_out, early, max(1, unit), between, fold.copies
            )
        if fold.parallel:
            last = folds if beats == 1 and not isinstance(op, Depthwise) else 1
            return _Pace(max(beats, last), last, way + PARALLEL, out)
        if isinstance(op, Depthwise):
            return _Pace(beats * taps, (beats - 1) * taps + 1, way + WINDOW, 1, True)
        steps = taps * beats // groups_of(op)
        return _Pace(folds * steps, (folds - 1) * steps + 1, way + WINDOW, beats_out, True, copies=fold.copies)
    if isinstance(op, MatMul):
        folds = ceil_div(y.channels, fold.pe)
        way = 13 + _tree(fold.simd) + scaled + fold.pe // fold.lanes_out - 1
        return _Pace(folds * beats, (folds - 1) * beats + 1, way, 1)
    if isinstance(op, Pad | MaxPool | AvgPool) and not is_global(op, x):
        way = WINDOW + 2 + (scaled if isinstance(op, AvgPool) else 0)
        return _Pace(beats * taps, (beats - 1) * taps + 1, way, 1, True)
    if isinstance(op, Recurrent):
        step = step_cycles(op, fold.pe, fold.simd)
        return _Pace(step, max(1, step - x.channels), 1, 1)
    if isinstance(op, Softmax):
        way = 2 * _tree(fold.lanes_in) + op.reciprocal_bits + (4 if op.step else 1)
        return _Pace(max(beats, op.reciprocal_bits - DIVIDER_START), beats, way + out - 1, out)
    if isinstance(op, Normalise):
        return _Pace(beats, beats, 2 * _tree(fold.lanes_in) + 19 + out - 1, out)
    return _Pace(out, 1, _way(op, fold, scaled), out)


def _tree(leaves: int) -> int:
    return (leaves - 1).bit_length()


def _array(op: Linear, fold: Fold) -> int:
    """From the last beat of a fold to its last sum, all sums of the fold included."""
    tables = isinstance(op.coding, Codebook)
    last = op.channels - (ceil_div(op.channels, fold.pe) - 1) * fold.pe
    serial = ceil_div(last, fold.lanes_out)
    return 5 + _tree(fold.simd) + tables + (serial if fold.pe > fold.lanes_out else 1)


def _way(op: Op, fold: Fold, scaled: int) -> int:
    """Through an operation without a window or an array."""
    match op:
        case Add():
            return 6
        case AvgPool() | Mul():
            return 2 + scaled
        case Rescale():
            return 1 + scaled
        case PRelu():
            return 6 + (len(op.negative) > 1)
        case Table():
            return 8 if op.step else 5
        case Threshold():
            return 4 + _tree(op.thresholds.shape[1])
        case ArgMax():
            return 2 + _tree(fold.lanes_in)
        case TopK():
            return 2 + op.k
        case Gather():
            return 4
        case _:
            return 1
