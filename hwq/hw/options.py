"""Options: every way of building an operation that is worth a thought, by cycles and cost."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from hwq.hw.adders_engine import adders_fold
from hwq.hw.feed import may_take_turns
from hwq.hw.fold import (
    Feed,
    Fold,
    ceil_div,
    cycles,
    divisors,
    feeds,
    flat_lanes_fit,
    fold_of_lanes,
    groups_of,
    lane_choices,
    multiplies,
    partitions,
    turns_unseen,
    window_of,
)
from hwq.hw.recurrent_fold import recurrent_fits
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Conv, Dense, Depthwise, GroupConv, Linear, MatMul, Mul, Recurrent

Array = Conv | Dense | Depthwise | GroupConv | MatMul
COPIES = range(2, 5)
"""Copies of an array that are looked at."""
COPIED = 1 << 14
"""Bits of weights from which on they are block RAM in each of several arrays; fewer may be LUTs, again and again."""
Made = tuple[Fold, int]
"""A fold and the cycles that it takes."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to build an operation; `cost` weighs multipliers and requantiser lanes."""

    fold: Fold
    cycles: int
    cost: float


def all_options(program: Program, sparing: bool = False) -> dict[str, list[Option]]:
    """The options of each operation; those of layers of equal shape are found once.

    Where nobody counts LUTs (`sparing`), there are no copies of arrays whose weights would be LUTs (see `COPIED`).
    """
    found: dict[object, list[Option]] = {}
    table: dict[str, list[Option]] = {}
    for op in program.ops:
        xs, y = program.input_types_of(op), program.types[op.name]
        shape: object = op.name
        copies = not sparing or (isinstance(op, Linear) and op.weight.size * op.weight_bits >= COPIED)
        if isinstance(op, Array):
            shape = (type(op), window_of(op, xs[0]), groups_of(op), tuple(xs), y, multiplies(op), copies)
        if shape not in found:
            found[shape] = options(program, op, copies)
        table[op.name] = found[shape]
    return table


def graph_options(program: Program) -> dict[str, list[Option]]:
    """The options of each operation where no array may have a multiplier: layers with weights are adder graphs.

    A layer that cannot be one has none.
    """
    table: dict[str, list[Option]] = {}
    for op in program.ops:
        if isinstance(op, Linear):
            xs, y = program.input_types_of(op), program.types[op.name]
            fold = adders_fold(op, xs[0])
            table[op.name] = [Option(fold, cycles(op, fold, xs, y), _cost(fold, 0.4))] if fold else []
        else:
            table[op.name] = options(program, op)
    return table


def intervals(table: Mapping[str, list[Option]]) -> list[int]:
    """Cycles a frame that some option of some operation takes and that all operations can keep, rising."""
    least = max((min(o.cycles for o in found) for found in table.values()), default=1)
    return sorted({o.cycles for found in table.values() for o in found if o.cycles >= least} or {1})


def slowest(table: Mapping[str, list[Option]]) -> str:
    """The operations whose fastest option takes the most cycles, as a text."""
    fastest = {name: min(o.cycles for o in found) for name, found in table.items()}
    most = max(fastest.values(), default=1)
    return ", ".join(name for name, cycles in fastest.items() if cycles == most)


def options(program: Program, op: Op, copies: bool = True) -> list[Option]:
    """Every way of building `op` that no other beats in cycles, cost and multipliers, the cheapest first.

    With one array only, unless there may be `copies`.
    """
    xs, y = program.input_types_of(op), program.types[op.name]
    lane = (1.0 if multiplies(op) else 0.4) + (1.0 if isinstance(op, Mul) else 0.0)
    made = (each for each in _made(op, xs, y) if copies or each[0].copies == 1)
    found = [Option(fold, taken, _cost(fold, lane)) for fold, taken in made]
    found.sort(key=lambda o: (o.cost, o.cycles))
    best: list[Option] = []
    stairs: list[tuple[int, int]] = []
    for option in found:
        if _climbs(stairs, option.fold.multipliers, option.cycles):
            best.append(option)
    return best


def _climbs(stairs: list[tuple[int, int]], multipliers: int, cycles: int) -> bool:
    """Whether (multipliers, cycles) is below all `stairs`, which rise in the one and fall in the other; then add it."""
    place = bisect_right(stairs, (multipliers, cycles))
    if place and stairs[place - 1][1] <= cycles:
        return False
    end = place
    while end < len(stairs) and stairs[end][1] >= cycles:
        end += 1
    stairs[place:end] = [(multipliers, cycles)]
    return True


def _cost(fold: Fold, lane: float) -> float:
    """Multipliers of the array, `lane` for each lane behind it, a little for the stream and what turns or deals it."""
    turning = 1.0 + 0.05 * max(fold.lanes_in, fold.simd) if fold.flat else 0.0
    each = fold.lanes_out * lane + 0.01 * fold.lanes_in
    return fold.multipliers + fold.copies * each + (fold.copies - 1) + turning


def _made(op: Op, xs: Sequence[TensorType], y: TensorType) -> Iterator[Made]:
    x = xs[0] if xs else y
    if isinstance(op, Array):
        for fold, steps in _arrays(op, x, y):
            yield _requantised(op, fold, steps, xs, y)
    elif isinstance(op, Recurrent):
        for simd in partitions(op.units):
            for pe in range(1, ceil_div(op.units, simd) + 1):
                if recurrent_fits(op, pe, simd):
                    fold = Fold(1, 1, pe, simd, Feed.LOOP)
                    yield fold, cycles(op, fold, xs, y)
    else:
        for lanes in lane_choices(op, xs, y):
            fold = fold_of_lanes(lanes, y)
            yield fold, cycles(op, fold, xs, y)


def _requantised(op: Op, fold: Fold, steps: int, xs: Sequence[TensorType], y: TensorType) -> Made:
    """`fold` with the fewest outputs a beat that are no slower than its array and empty it within `steps` cycles."""
    taken = cycles(op, fold, xs, y)
    for lanes in divisors(fold.pe):
        if fold.pe // lanes <= steps and y.pixels * ceil_div(y.channels, lanes) <= taken:
            return replace(fold, lanes_out=lanes), taken
    return fold, taken


def _arrays(op: Array, x: TensorType, y: TensorType) -> Iterator[tuple[Fold, int]]:
    """MAC arrays with an output lane for each PE, and the beats of a fold."""
    window = window_of(op, x)
    if isinstance(op, GroupConv):
        inputs, outputs = x.channels // op.groups, y.channels // op.groups
        for simd, pe in product(divisors(inputs), divisors(outputs)):
            yield Fold(simd, pe, pe, simd), window.taps * (inputs // simd)
    elif isinstance(op, Depthwise):
        for pe in partitions(x.channels, slack=2):
            yield Fold(pe, pe, pe, 1), window.taps
            if Feed.PARALLEL in feeds(op, x):
                yield Fold(pe, pe, pe, window.taps, Feed.PARALLEL), 1
    else:
        for simd, pe in product(partitions(x.channels), partitions(y.channels, slack=2)):
            yield Fold(simd, pe, pe, simd), window.taps * ceil_div(x.channels, simd)
        if may_take_turns(op, x, Fold(1, 1)):
            for copies, simd, pe in product(COPIES, partitions(x.channels), partitions(y.channels)):
                if copies <= ceil_div(y.channels, pe):
                    yield Fold(simd, pe, pe, simd, copies=copies), ceil_div(x.channels, simd)
        if Feed.PARALLEL in feeds(op, x):
            for simd in partitions(x.channels):
                groups = ceil_div(x.channels, simd)
                for pe in partitions(y.channels) if groups == 1 else [y.channels]:
                    yield Fold(simd, pe, pe, window.taps * simd, Feed.PARALLEL), groups
        if Feed.FLAT in feeds(op, x):
            yield from _flat(op, window.taps, x, y)


def _flat(op: Array, taps: int, x: TensorType, y: TensorType) -> Iterator[tuple[Fold, int]]:
    """Arrays that read whole windows, `simd` elements a beat, in lanes that keep up with them where that can be."""
    elements, whole = taps * x.channels, Feed.FLAT_PARALLEL in feeds(op, x)
    reads = x.pixels if isinstance(op, Dense) else max(x.pixels, y.pixels * taps)
    for simd in partitions(elements):
        lanes = [n for n in divisors(x.channels) if flat_lanes_fit(n, simd, elements)]
        steps = ceil_div(elements, simd)
        for pe in partitions(y.channels):
            folds = ceil_div(y.channels, pe)
            for copies in (1, *(n for n in COPIES if n <= folds)):
                work = ceil_div(y.pixels * folds * steps, copies)
                enough = next((n for n in lanes if reads * (x.channels // n) <= work), None)
                if enough is None and whole and turns_unseen(window_of(op, x), x, y, folds * steps // copies):
                    yield Fold(x.channels, pe, pe, simd, Feed.FLAT_PARALLEL, copies=copies), steps
                elif copies == 1 or enough is not None:
                    yield Fold(enough or lanes[-1], pe, pe, simd, Feed.FLAT, copies=copies), steps
