"""Fit: the folding of fewest cycles that a device holds, or the smallest one that meets a rate.

At a given number of cycles each operation takes one of its candidates, and all that they take together must stay within
the budget: a multiple-choice knapsack with several resources, solved as an integer program by HiGHS (through scipy).
More cycles allow all that fewer do, so the least are found by bisection over those that occur.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from hwq.errors import BadInput
from hwq.hw.bound import Bound
from hwq.hw.budget import Budget
from hwq.hw.candidates import KINDS, Candidate, Candidates
from hwq.hw.cost import is_known, plan_cost
from hwq.hw.device import devices
from hwq.hw.knapsack import choose
from hwq.hw.plan import Plan, make_plan
from hwq.hw.resources import Resources
from hwq.ir.program import Program

WEIGHTS = {"luts": 1.0, "registers": 1.0, "dsps": 0.1, "rams": 0.1}
"""What a share of each kind counts for where the smallest design is sought: blocks are there to be used, and full logic
is slow to route."""
ROUNDS = 6
"""How often the parts between engines are counted again."""


def fit(program: Program, budget: Budget, cycles: int | None = None, multipliers: int | None = None) -> Plan:
    """The plan of fewest cycles within `budget`, or the smallest one that takes at most `cycles`.

    Its bound: not even if engines could be built in part would fewer cycles fit.

    Parameters
    ----------
    multipliers
        The most multipliers of all MAC arrays, or None.

    Raises
    ------
    BadInput
        When there is none: says what it would take, what binds, and which rate or device would do.
    """
    if not is_known(budget.device.family):
        raise BadInput(
            f"--device {budget.device.name}: what designs take of it is not known yet, expected a device of another "
            "family. Say --multipliers or --cycles instead."
        )
    return _Fitter(program, budget, multipliers).fitted(cycles)


class _Fitter:
    def __init__(self, program: Program, budget: Budget, multipliers: int | None) -> None:
        self.program, self.budget, self.multipliers = program, budget, multipliers
        self.candidates = Candidates(program, budget.device.family)
        self.between = Resources()

    def fitted(self, cycles: int | None) -> Plan:
        """See `fit`."""
        intervals = self.candidates.intervals
        if cycles is not None:
            if cycles < intervals[0]:
                raise BadInput(
                    f"{self.program.name}: {cycles:,} cycles a frame asked for, but "
                    f"{self.candidates.slowest} can take no fewer than {intervals[0]:,}. Ask for at least that many."
                )
            intervals = [cycles]
        for _ in range(ROUNDS):
            place, folds = self._fewest(intervals)
            if folds is None:
                raise BadInput(self._refusal(cycles))
            plan = make_plan(self.program, {name: one.fold for name, one in folds.items()}, self.budget.device)
            taken = plan_cost(plan, self.budget.device.family)
            if not self.budget.excess(taken):
                return replace(plan, bound=self._bound(plan.interval))
            own = reduce(add, (one.taken for one in folds.values()), Resources())
            self.between = taken - own
            intervals = intervals[place:]
        raise BadInput(self._refusal(cycles))

    def _fewest(self, intervals: list[int], whole: bool = True) -> tuple[int, dict[str, Candidate] | None]:
        """The place of the first of `intervals` that can be kept, and the choice for it; None where none can."""
        low, high, best = 0, len(intervals), None
        while low < high:
            middle = (low + high) // 2
            found = self._solved(intervals[middle], whole)
            if found is None:
                low = middle + 1
            else:
                high, best = middle, found
        return low, best

    def _bound(self, interval: int) -> Bound:
        """How far from the best `interval` is."""
        every = self.candidates.intervals
        place, found = self._fewest(every, whole=False)
        faster = [n for n in every if n < interval]
        binds = self._binds(faster[-1]) if faster else f"{self.candidates.slowest} can be no faster"
        return Bound(interval if found is None else min(interval, every[place]), binds)

    def _solved(self, cycles: int, whole: bool = True) -> dict[str, Candidate] | None:
        """The smallest choice of candidates that takes at most `cycles`, or None; in parts unless `whole`."""
        choices = self.candidates.within(cycles)
        room = np.array([self.budget.limit(kind) - getattr(self.between, kind) for kind in KINDS])
        weights = np.where(np.isfinite(room), [WEIGHTS[kind] for kind in KINDS] / np.maximum(room, 1.0), 1e-6)
        amounts = [np.array([one.amounts for one in found]).T for found in choices.values()]
        costs = [weights @ each for each in amounts]
        if self.multipliers is not None:
            arrays = ([[one.fold.multipliers for one in found]] for found in choices.values())
            amounts = [np.vstack(both) for both in zip(amounts, arrays, strict=True)]
            room = np.append(room, self.multipliers)
        chosen = choose(costs, amounts, room, whole)
        if chosen is None:
            return None
        return {name: found[which] for which, (name, found) in zip(chosen, choices.items(), strict=True)}

    def _least(self, cycles: int) -> dict[str, float]:
        """The least that any choice takes of each kind, each taken alone."""
        choices = self.candidates.within(cycles).values()
        return {
            kind: getattr(self.between, kind) + sum(min(one.amounts[k] for one in found) for found in choices)
            for k, kind in enumerate(KINDS)
        }

    def _binds(self, cycles: int) -> str:
        """What stands in the way of `cycles` cycles."""
        least = self._least(cycles)
        over = {kind: amount for kind, amount in least.items() if amount > self.budget.limit(kind)}
        wanted = f"{cycles:,} cycles would take "
        if over:
            return f"{wanted}at least {self.budget.says(over)}"
        if self.multipliers is not None:
            return f"{wanted}more than {self.multipliers:,} multipliers"
        shares = {kind: amount / max(1.0, self.budget.limit(kind)) for kind, amount in least.items()}
        near = {kind: least[kind] for kind, share in shares.items() if share >= 0.5 * max(shares.values())}
        return f"{wanted}too much of all kinds together: each alone at least {self.budget.says(near)}"

    def _refusal(self, cycles: int | None) -> str:
        """Why nothing fits, and what would."""
        every = self.candidates.intervals
        asked = every[-1] if cycles is None else cycles
        rate = "any rate" if cycles is None else f"{cycles:,} cycles a frame"
        text = f"{self.program.name}: {self.budget.device.title} does not hold it at {rate}: {self._binds(asked)}."
        if cycles is not None:
            place, found = self._fewest(every)
            text += "" if found is None else f" It holds it at about {every[place]:,} cycles a frame."
        if self.multipliers is None and self.budget == Budget.of(self.budget.device):
            larger = next((name for name in _larger(self.budget) if _holds(self.program, name, cycles)), None)
            text += f" {larger} would do." if larger else " No device that hwq knows would do."
        return text + " Ask for a lower rate, a larger device or budget, or fewer bits."


def _larger(budget: Budget) -> list[str]:
    """Devices with more LUTs than the budget's, the smallest first."""
    found = [one for one in devices().values() if one.luts > budget.device.luts and is_known(one.family)]
    return [one.name for one in sorted(found, key=lambda one: one.luts)]


def _holds(program: Program, name: str, cycles: int | None) -> bool:
    """Whether a device holds `program` at a rate."""
    fitter = _Fitter(program, Budget.of(devices()[name]), None)
    slow = fitter.candidates.intervals[-1] if cycles is None else cycles
    return fitter._solved(slow) is not None
