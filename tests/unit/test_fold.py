"""Foldings: what may be chosen, what it costs, and the solver against trying everything."""

from __future__ import annotations

import itertools

import pytest
from cases import CASES
from nets import add, avgpool, conv, dense, depthwise, program, tensor

from hwq.errors import BadInput
from hwq.hw.fold import Feed, Fold, ceil_div, cycles, partitions
from hwq.hw.folding_file import folding_text, parse_folding
from hwq.hw.options import options
from hwq.hw.plan import make_plan
from hwq.hw.solve import for_cycles, for_multipliers
from hwq.hw.work import mac_count
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Linear

SAME = Window((3, 3), pads=(1, 1, 1, 1))
PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}


def _net() -> Program:
    """A residual block, a depthwise layer, a pooling and a classifier."""
    x = tensor(6, 6, 3)
    t = tensor(6, 6, 5)
    return program(
        [
            conv(x, 5, SAME, name="stem"),
            conv(t, 5, SAME, name="left", source="stem"),
            add(t, t, name="sum", sources=("left", "stem")),
            depthwise(t, SAME, name="dw", source="sum"),
            avgpool(t, Window((6, 6)), name="gap", source="dw"),
            dense(tensor(1, 1, 5), 7, source="gap"),
        ],
        {"a": x},
    )


@pytest.mark.parametrize("program_", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_options_are_a_front_of_buildable_foldings(program_: Program) -> None:
    """Cheapest first, none beaten by another in cycles, cost and multipliers, and each accepted as a folding file."""
    op, *others = program_.ops
    found = options(program_, op)
    assert found
    for first, second in itertools.combinations(found, 2):
        assert first.cost <= second.cost
        assert first.cycles > second.cycles or first.fold.multipliers > second.fold.multipliers
    for option in found:
        folds = {op.name: option.fold, **{other.name: options(program_, other)[0].fold for other in others}}
        plan = make_plan(program_, folds)
        assert plan.cycles[op.name] == option.cycles
        assert parse_folding(folding_text(plan.folds), program_, "x") == folds
        assert plan.multipliers == option.fold.multipliers


@pytest.mark.parametrize("channels", range(1, 40))
def test_partitions_are_the_least_lanes_of_every_number_of_groups(channels: int) -> None:
    every = {}
    for lanes in range(channels, 0, -1):
        every[ceil_div(channels, lanes)] = lanes
    assert partitions(channels) == sorted(every.values())
    assert set(partitions(channels)) <= set(partitions(channels, slack=2)) <= set(range(1, channels + 1))


def test_cycles_of_known_layers() -> None:
    """The serial formula by hand: output pixels x output folds x taps x input groups."""
    x, y = tensor(6, 6, 5), tensor(6, 6, 7)
    op = conv(x, 7, SAME)
    assert cycles(op, Fold(1, 1, 1, 1), (x,), y) == 36 * 7 * 9 * 5
    assert cycles(op, Fold(2, 1, 3, 2), (x,), y) == 36 * 3 * 9 * 3
    assert cycles(op, Fold(5, 1, 7, 5), (x,), y) == 36 * 9
    assert cycles(op, Fold(5, 1, 7, 45, Feed.PARALLEL), (x,), y) == 36 * 7
    assert cycles(op, Fold(5, 7, 7, 45, Feed.PARALLEL), (x,), y) == 36
    assert cycles(op, Fold(1, 7, 7, 9, Feed.PARALLEL), (x,), y) == 36 * 5
    assert cycles(op, Fold(5, 1, 2, 7, Feed.FLAT), (x,), y) == 36 * 4 * 7
    assert cycles(op, Fold(1, 1, 7, 7, Feed.FLAT), (x,), y) == 36 * 9 * 5, "the window unit takes longer"
    assert cycles(depthwise(x, SAME), Fold(2, 1, 2, 1), (x,), x) == 36 * 3 * 9
    assert cycles(dense(tensor(1, 1, 5), 7), Fold(2, 1, 7, 2), (tensor(1, 1, 5),), tensor(1, 1, 7)) == 7
    assert cycles(add(x, x), Fold(2, 2), (x,), x) == 36 * 3


def test_multiply_accumulates() -> None:
    assert mac_count(_net()) == 36 * (5 * 27 + 5 * 45 + 5 * 9) + 35


def _everything(p: Program) -> list[tuple[int, int, float]]:
    """Slowest operation, multipliers and cost of every combination of the options of `p`."""
    every = [options(p, op) for op in p.ops]
    return [
        (max(o.cycles for o in combo), sum(o.fold.multipliers for o in combo), sum(o.cost for o in combo))
        for combo in itertools.product(*every)
    ]


def _small() -> Program:
    x, t = tensor(3, 3, 2), tensor(3, 3, 3)
    return program(
        [conv(x, 3, Window((1, 1)), name="c"), depthwise(t, SAME, name="d", source="c"), dense(t, 2, source="d")],
        {"a": x},
    )


def test_solver_for_cycles_is_optimal() -> None:
    p = _small()
    every = _everything(p)
    fastest = min(c for c, _, _ in every)
    for target in sorted({c for c, _, _ in every})[:12]:
        folds = for_cycles(p, target)
        got = make_plan(p, folds)
        assert max(got.cycles.values()) <= target
        costs = {op.name: {o.fold: o.cost for o in options(p, op)} for op in p.ops}
        cost = sum(costs[name][fold] for name, fold in folds.items())
        assert cost == pytest.approx(min(total for c, _, total in every if c <= target))
    with pytest.raises(BadInput, match="cycles a frame asked for, but its fastest folding needs"):
        for_cycles(p, fastest - 1)


@pytest.mark.parametrize("net", [_small, _net])
def test_solver_for_multipliers_keeps_its_budget(net: object) -> None:
    p: Program = net()  # type: ignore[operator]
    layers = sum(isinstance(op, Linear) for op in p.ops)
    intervals = []
    for budget in (layers, 5, 8, 13, 20, 40, 100, 400):
        if budget >= layers:
            plan = make_plan(p, for_multipliers(p, budget).folds)
            assert plan.multipliers <= budget
            intervals.append(plan.interval)
    assert intervals == sorted(intervals, reverse=True)
    with pytest.raises(BadInput, match=f"expected at least {layers}, one for each layer"):
        for_multipliers(p, layers - 1)


def test_solver_uses_its_multipliers() -> None:
    """Of the foldings within the budget that keep the arrays busy there is no faster one."""
    p = _small()
    macs = mac_count(p)
    for budget in (3, 6, 10, 20):
        plan = make_plan(p, for_multipliers(p, budget).folds)
        slowest = max(plan.cycles.values())
        faster = [(c, m) for c, m, _ in _everything(p) if m <= budget and c < slowest]
        assert all(macs < 0.85 * c * m for c, m in faster)
