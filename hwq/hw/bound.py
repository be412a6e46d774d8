"""Bound: how far a folding is from the best there could be, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass

from hwq.hw.fold import ceil_div, mac_count
from hwq.hw.options import all_options
from hwq.ir.program import Program


@dataclass(frozen=True, slots=True)
class Bound:
    """No design within the budget takes fewer than `least` cycles a frame; `binds` says what a faster one lacks."""

    least: int
    binds: str


def multiplier_bound(program: Program, multipliers: int, interval: int) -> Bound:
    """The bound of a folding of `interval` cycles that was to have at most so many multipliers."""
    fastest = {name: min(option.cycles for option in found) for name, found in all_options(program).items()}
    slowest = max(fastest.values(), default=1)
    least = max(ceil_div(mac_count(program), multipliers), slowest)
    if interval == slowest:
        return Bound(least, f"{', '.join(name for name in fastest if fastest[name] == slowest)} can be no faster")
    return Bound(least, f"{multipliers:,} multipliers")
