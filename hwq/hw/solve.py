"""The folding solver: the least cost for a number of cycles, or the fewest cycles for a number of multipliers.

At a given number of cycles the operations are independent, so each takes its cheapest option that meets it;
the cycles themselves are sought among those that occur.
"""

from __future__ import annotations

from hwq.errors import BadInput, refuse_all
from hwq.hw.fold import Fold, mac_count
from hwq.hw.options import Option, all_options
from hwq.ir.program import Program

DEFAULT_MULTIPLIERS = 128
MIN_UTILISATION = 0.85
"""Share of the multiplications of all MAC arrays that a frame should need."""


def for_cycles(program: Program, target: int) -> dict[str, Fold]:
    """The cheapest folding that accepts a frame every `target` cycles.

    Raises
    ------
    BadInput
        When an operation cannot be that fast; says how fast it can be.
    """
    table = all_options(program)
    chosen = {name: _cheapest(found, target) for name, found in table.items()}
    refuse_all(
        [
            f"{name}: {target} cycles a frame asked for, but its fastest folding needs "
            f"{min(o.cycles for o in table[name])}. Ask for at least that many."
            for name, option in chosen.items()
            if option is None
        ]
    )
    return {name: option.fold for name, option in chosen.items() if option is not None}


def for_multipliers(program: Program, budget: int) -> dict[str, Fold]:
    """The folding of fewest cycles whose MAC arrays have at most `budget` multipliers and are busy enough.

    Next to a good folding there are ones that are little faster for many more multipliers, most of them idle: those
    below `MIN_UTILISATION` are passed over as long as any other is left.

    Raises
    ------
    BadInput
        When even one multiplier for each layer is more than `budget`.
    """
    table = list(all_options(program).values())
    slowest = max((min(o.cycles for o in found) for found in table), default=1)
    candidates = sorted({o.cycles for found in table for o in found if o.cycles >= slowest})
    macs = mac_count(program)

    def multipliers(target: int) -> int:
        return sum(o.fold.multipliers for o in (_cheapest(found, target) for found in table) if o is not None)

    affordable = [target for target in candidates if multipliers(target) <= budget]
    if not affordable:
        raise BadInput(
            f"{program.name}: {budget} multipliers asked for, expected at least {multipliers(candidates[-1])}, one for "
            "each layer that multiplies. Ask for more."
        )
    busy = (target for target in affordable if macs >= MIN_UTILISATION * target * multipliers(target))
    return for_cycles(program, next(busy, affordable[0]))


def _cheapest(found: list[Option], target: int) -> Option | None:
    return next((option for option in found if option.cycles <= target), None)
