"""Options of layers that may share engines: all layers of a class together, in groups of any sizes.

Layers of a class have one shape and so one list of options.  A group of g layers on one engine takes g times the beats
of one, so it pays where each alone would leave the engine idle: every layer needs a whole number of multipliers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from hwq.hw.fold import Fold, multiplies
from hwq.hw.options import Option
from hwq.hw.sharing import MOST, busy, joint, may_share, shape
from hwq.ir.program import Program
from hwq.ops import Linear

SHARING = 1000.0
"""Cost of a layer on another's engine: more than any saving, so that layers share where cycles ask for it alone."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A way of building all layers of a class: the option of each engine and how many layers it has, in order."""

    multipliers: int
    cost: float
    engines: tuple[tuple[Option, int], ...] = ()


@dataclass(frozen=True)
class Class:
    """Layers that may share engines, in any groups, and the shift of each; often it is one layer alone.

    `beats` are those of a frame, for each of the `options` that an engine of several may have.
    """

    layers: Mapping[str, int]
    options: Sequence[Option]
    beats: Mapping[Fold, int]

    def cycles(self, option: Option, count: int) -> int:
        """Cycles a frame of an engine with so many of the layers."""
        return option.cycles if count == 1 else max(option.cycles, count * self.beats[option.fold])

    @cached_property
    def intervals(self) -> set[int]:
        """Cycles a frame that some engine of two or more of the layers takes."""
        sizes = range(2, min(MOST, len(self.layers)) + 1)
        return {self.cycles(one, size) for size in sizes for one in self.options if one.fold in self.beats}

    @cached_property
    def _stairs(self) -> list[tuple[list[int], list[int]]]:
        """For each size of a group, from 1 on: cycles, rising, and the fewest multipliers that keep them."""
        found = []
        for size in range(1, min(MOST, len(self.layers)) + 1):
            usable = [one for one in self.options if size == 1 or one.fold in self.beats]
            steps = sorted((self.cycles(one, size), one.fold.multipliers) for one in usable)
            found.append(([cycles for cycles, _ in steps], list(accumulate((count for _, count in steps), min))))
        return found

    def multipliers(self, cycles: int) -> float:
        """The fewest of all layers within so many cycles a frame; inf where a layer cannot keep them."""
        least = []
        for steps, counts in self._stairs:
            place = bisect_right(steps, cycles)
            least.append(float(counts[place - 1]) if place else float("inf"))
        best = [0.0]
        for count in range(1, len(self.layers) + 1):
            best.append(min(best[count - size] + each for size, each in enumerate(least[:count], 1)))
        return best[-1]

    def choices(self, cycles: int) -> list[Choice]:
        """Those of which no other has both less cost and fewer multipliers."""
        groups: list[list[Choice]] = []
        for size in range(1, min(MOST, len(self.layers)) + 1):
            usable = (one for one in self.options if size == 1 or one.fold in self.beats)
            groups.append(
                _front(
                    Choice(one.fold.multipliers, one.cost + (size - 1) * SHARING, ((one, size),))
                    for one in usable
                    if self.cycles(one, size) <= cycles
                )
            )
        best = [[Choice(0, 0.0)]]
        for count in range(1, len(self.layers) + 1):
            best.append(
                _front(
                    Choice(a.multipliers + b.multipliers, a.cost + b.cost, (*a.engines, *b.engines))
                    for size, group in enumerate(groups[:count], 1)
                    for a in best[count - size]
                    for b in group
                )
            )
        return best[-1]

    def folds(self, choice: Choice, order: Mapping[str, int]) -> dict[str, Fold]:
        """The folding of each layer; `order` is the place of each in the program.

        Engines of the most layers choose first: layers that shift alike where so many are left.
        """
        found: dict[str, Fold] = {}
        waiting = sorted(self.layers, key=lambda name: (self.layers[name], order[name]))
        for option, size in sorted(choice.engines, key=lambda engine: -engine[1]):
            shifts = [self.layers[name] for name in waiting]
            start = next((n for n, shift in enumerate(shifts) if shifts[n : n + size] == [shift] * size), 0)
            together = sorted(waiting[start : start + size], key=order.__getitem__)
            fold = option.fold if size == 1 else replace(option.fold, engine=together[0])
            found |= dict.fromkeys(together, fold)
            del waiting[start : start + size]
        return found


def alone(table: Mapping[str, Sequence[Option]]) -> list[Class]:
    """All operations, each a class by itself."""
    return [Class({name: 0}, found, {}) for name, found in table.items()]


def classes(program: Program, table: Mapping[str, Sequence[Option]]) -> list[Class]:
    """All operations of `program`, by class."""
    alike: dict[object, list[Linear]] = {}
    found: list[Class] = []
    for op in program.ops:
        common = shape(program, op)
        if common is None or not isinstance(op, Linear):
            found.append(Class({op.name: 0}, table[op.name], {}))
        else:
            alike.setdefault((*common.values(), multiplies(op)), []).append(op)
    for layers in alike.values():
        together: list[Linear] = []
        for op in sorted(layers, key=lambda each: each.requant.shift):
            if together and joint([*together, op]) is None:
                found.append(_class(program, together, table))
                together = []
            together.append(op)
        found.append(_class(program, together, table))
    return found


def _class(program: Program, layers: Sequence[Linear], table: Mapping[str, Sequence[Option]]) -> Class:
    first = layers[0]
    x, y, options = program.first_type(first), program.types[first.name], table[first.name]
    beats = {one.fold: busy(first, one.fold, x, y) for one in options if len(layers) > 1 and may_share(one.fold)}
    return Class({op.name: op.requant.shift for op in layers}, options, beats)


def _front(found: Iterable[Choice]) -> list[Choice]:
    """Those that no other equals or beats in both."""
    front: list[Choice] = []
    for one in sorted(found, key=lambda choice: (choice.cost, choice.multipliers)):
        if not front or one.multipliers < front[-1].multipliers:
            front.append(one)
    return front
