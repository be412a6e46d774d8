"""The solver for multipliers, where layers may share engines: against trying everything, and where it pays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from fork_nets import SAME
from nets import conv, depthwise, program, tensor
from shared_nets import chain, own

from hwq.hw.options import all_options, intervals
from hwq.hw.plan import make_plan
from hwq.hw.share_options import Class, classes
from hwq.hw.sharing import groups
from hwq.hw.solve import WORTH, for_multipliers
from hwq.hw.work import mac_count
from hwq.ir.program import Program
from hwq.ir.window import Window

POINT = Window((1, 1))


def partitions(count: int, most: int) -> Iterator[tuple[int, ...]]:
    """All ways to write `count` as a sum of falling numbers up to `most`."""
    if not count:
        yield ()
    for first in range(min(count, most), 0, -1):
        for rest in partitions(count - first, first):
            yield (first, *rest)


def tried(each: Class, cycles: int) -> list[tuple[int, float]]:
    """Multipliers and cost of every way of building the layers of a class within so many cycles."""
    found = []
    for sizes in partitions(len(each.layers), len(each.layers)):
        ways = [
            [
                (one.fold.multipliers, one.cost + 1000 * (size - 1))
                for one in each.options
                if (size == 1 or one.fold in each.beats) and each.cycles(one, size) <= cycles
            ]
            for size in sizes
        ]
        found += [(sum(m for m, _ in way), sum(c for _, c in way)) for way in product(*ways)]
    return found


def mixed() -> Program:
    """Three layers of one shape and one of another between them, each with a shift of its own."""
    x, t = tensor(3, 2, 3), tensor(3, 2, 4)
    ops = [
        own(conv(x, 3, POINT, name="c0"), x, 2),
        own(conv(x, 3, POINT, name="c1", source="c0"), x, 3, "pow2"),
        conv(x, 4, POINT, name="d", source="c1"),
        conv(t, 3, POINT, name="e", source="d"),
        own(conv(x, 3, POINT, name="c2", source="e"), x, 4),
    ]
    return program(ops, {"a": x}, ("c2",))


def test_classes() -> None:
    """Layers of one shape, with their shifts; others are alone."""
    p = mixed()
    found = classes(p, all_options(p, sparing=True))
    assert sorted(len(each.layers) for each in found) == [1, 1, 3]
    (three,) = (each for each in found if len(each.layers) == 3)
    assert three.layers == {op.name: op.requant.shift for op in p.ops if op.name in three.layers}  # type: ignore[attr-defined]


def test_fewest_multipliers_and_least_cost() -> None:
    p = mixed()
    (three,) = (each for each in classes(p, all_options(p, sparing=True)) if len(each.layers) == 3)
    for cycles in sorted({one.cycles for one in three.options} | three.intervals):
        every = tried(three, cycles)
        assert three.multipliers(cycles) == min((m for m, _ in every), default=float("inf"))
        front = [(one.multipliers, one.cost) for one in three.choices(cycles)]
        assert all(any(m <= a and c <= b + 1e-9 for m, c in front) for a, b in every)
        assert all(any((m, pytest.approx(c)) == one for one in every) for m, c in front)


def test_the_fewest_cycles() -> None:
    """No folding within the budget that keeps arrays busy takes 1 % less, in groups of any kind."""
    p = mixed()
    table = all_options(p, sparing=True)
    found, macs = classes(p, table), mac_count(p)
    every = sorted({*intervals(table), *(n for each in found for n in each.intervals)})
    sharing = False
    for budget in (3, 4, 5, 7, 9, 12, 20):
        plan = make_plan(p, for_multipliers(p, budget).folds)
        assert plan.multipliers <= budget
        sharing |= bool(groups(p, plan.folds))
        busy = False
        for cycles in every:
            least = sum(min((m for m, _ in tried(each, cycles)), default=10**9) for each in found)
            good = least <= budget and macs >= 0.85 * cycles * least
            busy |= good
            assert not good or cycles >= (1 - WORTH) * plan.interval
        assert plan.utilisation >= 0.85 - 1e-9 or not busy
    assert sharing


def test_only_where_it_pays() -> None:
    """Three layers that 3 multipliers keep equally busy have their own; 2 keep all three busy together."""
    p = chain("point", ("shift", "pow2", "shift"), tensor(3, 3, 4))
    assert not groups(p, for_multipliers(p, 3).folds)
    plan = make_plan(p, for_multipliers(p, 2).folds)
    (together,) = groups(p, plan.folds).values()
    assert [op.name for op in together] == ["c0", "c1", "c2"]
    assert plan.multipliers == 2 and plan.interval == 3 * 9 * 4 * 4 // 2 and plan.utilisation == 1.0


def test_equal_shifts_together() -> None:
    """Of three layers the two that shift alike share an engine, whose requantiser has no factors then."""
    x = tensor(3, 3, 4)
    ops = [*chain("point", ("shift", "pow2", "shift"), x).ops, conv(x, 4, SAME, name="d", source="c2")]
    p = program(ops, {"a": x}, ("d",))
    plan = make_plan(p, for_multipliers(p, 6).folds)
    assert [[op.name for op in layers] for layers in groups(p, plan.folds).values()] == [["c0", "c2"]]


def test_what_cannot_share() -> None:
    """Layers whose factors are too far apart have engines of their own, and need as many multipliers."""
    x = tensor(3, 3, 4)
    ops = [
        own(depthwise(x, SAME, name="c0"), x, 2),
        own(depthwise(x, SAME, name="c1", source="c0"), x, 3, "channel"),
    ]
    p = program(ops, {"a": x}, ("c1",))
    assert len(classes(p, all_options(p))) == 2
