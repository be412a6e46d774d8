"""The folding solver without a device: the least cost for a number of cycles, or the fewest cycles for multipliers.

At a given number of cycles the operations are independent; the cycles themselves are sought among those that occur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.errors import BadInput, refuse_all
from hwq.hw.bound import Bound
from hwq.hw.fold import Fold, ceil_div
from hwq.hw.knapsack import choose
from hwq.hw.options import Option, all_options, graph_options, intervals, slowest
from hwq.hw.work import mac_count
from hwq.ir.program import Program

DEFAULT_MULTIPLIERS = 128
MIN_UTILISATION = 0.85
"""Share of the multiplications of all MAC arrays that a frame should need."""


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


def for_multipliers(program: Program, budget: int) -> Solved:
    """The folding of fewest cycles whose MAC arrays have at most `budget` multipliers and are busy enough.

    Next to a good folding there are ones that are little faster for many more multipliers, most of them idle: those
    below `MIN_UTILISATION` are passed over as long as any other is left.  Of all foldings of so many cycles the
    cheapest is taken.  A budget of 0 makes every layer with weights a graph of adders.

    Raises
    ------
    BadInput
        When even one multiplier for each layer is more than `budget`.
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
    candidates = intervals(table)
    macs = mac_count(program)

    def multipliers(target: int) -> int:
        return sum(min(o.fold.multipliers for o in found if o.cycles <= target) for found in table.values())

    affordable = [target for target in candidates if multipliers(target) <= budget]
    if not affordable:
        raise BadInput(
            f"{program.name}: {budget} multipliers asked for, expected at least {multipliers(candidates[-1])}, one for "
            "each layer that multiplies. Ask for more."
        )
    busy = (target for target in affordable if macs >= MIN_UTILISATION * target * multipliers(target))
    target = next(busy, affordable[0])
    least = max(ceil_div(macs, budget) if budget else 0, candidates[0])
    binds = f"{slowest(table)} can be no faster" if target == candidates[0] else f"{budget:,} multipliers"
    return Solved(_cheapest(table, target, budget), Bound(least, binds))


def _cheapest(table: dict[str, list[Option]], target: int, budget: int) -> dict[str, Fold]:
    """The folding of least cost within `target` cycles and `budget` multipliers."""
    fast = {name: [one for one in found if one.cycles <= target] for name, found in table.items()}
    costs = [np.array([one.cost for one in found]) for found in fast.values()]
    amounts = [np.array([[float(one.fold.multipliers) for one in found]]) for found in fast.values()]
    chosen = choose(costs, amounts, np.array([float(budget)]))
    assert chosen is not None
    return {name: found[which].fold for which, (name, found) in zip(chosen, fast.items(), strict=True)}
