"""The folding solver without a device: the least cost for a number of cycles, or the fewest cycles for multipliers.

At a given number of cycles the operations are independent; the cycles themselves are sought among those that occur.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwq.errors import BadInput, refuse_all
from hwq.hw.bound import Bound
from hwq.hw.fold import Fold, ceil_div
from hwq.hw.knapsack import choose
from hwq.hw.options import all_options, graph_options, intervals, slowest
from hwq.hw.share_options import Class, alone, classes
from hwq.hw.work import mac_count
from hwq.ir.program import Program

DEFAULT_MULTIPLIERS = 128
MIN_UTILISATION = 0.85
"""Share of the multiplications of all MAC arrays that a frame should need."""

WORTH = 0.01
"""Share of the cycles that layers on one engine must save."""


@dataclass(frozen=True, slots=True)
class Solved:
    """The folding of each operation, and how far from the best it is."""

    folds: dict[str, Fold]
    bound: Bound


def for_cycles(program: Program, target: int) -> dict[str, Fold]:
    """The cheapest folding that accepts a frame every `target` cycles.

    Raises
    ------
    BadInput
        When an operation cannot be that fast; says how fast it can be.
    """
    table = all_options(program, sparing=True)
    chosen = {name: next((one for one in found if one.cycles <= target), None) for name, found in table.items()}
    refuse_all(
        [
            f"{name}: {target} cycles a frame asked for, but its fastest folding needs "
            f"{min(o.cycles for o in table[name])}. Ask for at least that many."
            for name, option in chosen.items()
            if option is None
        ]
    )
    return {name: option.fold for name, option in chosen.items() if option is not None}


def for_multipliers(program: Program, budget: int, sharing: bool = True) -> Solved:
    """The folding of fewest cycles whose MAC arrays have at most `budget` multipliers and are busy enough.

    Next to a good folding there are ones that are little faster for many more multipliers, most of them idle: those
    below `MIN_UTILISATION` are passed over as long as any other is left.  Layers share engines where that takes fewer
    cycles by `WORTH`, as few of them as need be, and without `sharing` never.  Of all foldings of so many cycles the
    cheapest is taken.  A budget of 0 makes every layer with weights a graph of adders.

    Raises
    ------
    BadInput
        When even one multiplier for each engine is more than `budget`.
    """
    table = all_options(program, sparing=True) if budget else graph_options(program)
    refuse_all(
        [
            f"{name}: 0 multipliers asked for, but it can be no graph of adders: expected a conv, depthwise or dense "
            "with one tap or a parallel window, and not too many weights. Ask for some multipliers."
            for name, found in table.items()
            if not found
        ]
    )
    macs, own, apart = mac_count(program), intervals(table), alone(table)
    chosen, found = _fewest(apart, own, macs, budget), apart
    shared = classes(program, table) if sharing else apart
    candidates = sorted({*own, *(n for each in shared for n in each.intervals if n >= own[0])})
    faster = _fewest(shared, candidates, macs, budget)
    if faster and (chosen is None or faster[0] <= (1 - WORTH) * chosen[0]):
        chosen, found = faster, shared
    if chosen is None:
        least = sum(each.multipliers(candidates[-1]) for each in shared)
        raise BadInput(
            f"{program.name}: {budget} multipliers asked for, expected at least {least:.0f}, one for each layer that "
            "multiplies or a few layers of one shape. Ask for more."
        )
    target, most = chosen
    binds = f"{slowest(table)} can be no faster" if target == own[0] else f"{budget:,} multipliers"
    bound = Bound(max(ceil_div(macs, budget) if budget else 0, own[0]), binds)
    return Solved(_cheapest(program, found, target, most), bound)


def _fewest(found: Sequence[Class], candidates: Sequence[int], macs: int, budget: int) -> tuple[int, int] | None:
    """The fewest of the cycles `candidates` that `budget` multipliers keep, busy enough, and how many may be used."""

    def multipliers(target: int) -> float:
        return sum(each.multipliers(target) for each in found)

    affordable = candidates[bisect_left(candidates, True, key=lambda target: multipliers(target) <= budget) :]
    for target in affordable:
        least = multipliers(target)
        if macs >= MIN_UTILISATION * target * least:
            return target, min(budget, max(int(least), int(macs / (MIN_UTILISATION * target))))
    return (affordable[0], budget) if affordable else None


def _cheapest(program: Program, found: Sequence[Class], target: int, most: int) -> dict[str, Fold]:
    """The folding of least cost within `target` cycles and so many multipliers."""
    choices = [each.choices(target) for each in found]
    costs = [np.array([one.cost for one in each]) for each in choices]
    amounts = [np.array([[float(one.multipliers) for one in each]]) for each in choices]
    chosen = choose(costs, amounts, np.array([float(most)]))
    assert chosen is not None
    order = {op.name: place for place, op in enumerate(program.ops)}
    parts = (each.folds(made[which], order) for each, made, which in zip(found, choices, chosen, strict=True))
    folds = {name: fold for part in parts for name, fold in part.items()}
    return {op.name: folds[op.name] for op in program.ops}
