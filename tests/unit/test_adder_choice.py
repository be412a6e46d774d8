"""When layers become adder graphs: where no multipliers may be, and where a device makes them the smallest."""

from __future__ import annotations

import pytest
from nets import conv, dense, groupconv, maxpool, program, tensor

from hwq.errors import BadInput
from hwq.hw.adders_engine import adders_fold, layer_graph
from hwq.hw.budget import Budget
from hwq.hw.cost import plan_cost
from hwq.hw.device import device
from hwq.hw.fit import fit
from hwq.hw.fold import Fold, Multiplier
from hwq.hw.plan import make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Linear

SAME = Window((3, 3), pads=(1, 1, 1, 1))
ARTIX = device("artix7-35t")


def _net() -> Program:
    a = tensor(6, 6, 3)
    return program(
        [
            conv(a, 4, SAME, name="c"),
            maxpool(tensor(6, 6, 4), Window((2, 2), (2, 2)), name="p", source="c"),
            dense(tensor(3, 3, 4), 5, source="p"),
        ],
        {"a": a},
    )


def _dense(inputs: int, outputs: int) -> Program:
    a = tensor(1, 1, inputs)
    return program([dense(a, outputs)], {"a": a})


def _graphs(folds: dict[str, Fold]) -> set[str]:
    return {name for name, fold in folds.items() if fold.multiplier is Multiplier.ADDERS}


def test_no_multipliers() -> None:
    """All layers are graphs, each with a window a cycle; the pool is as fast as it can be."""
    p = _net()
    solved = for_multipliers(p, 0)
    plan = make_plan(p, solved.folds)
    assert _graphs(solved.folds) == {"c", "y"}
    assert (plan.multipliers, plan.multiplier_blocks, plan.utilisation) == (0, 0, 0.0)
    assert plan.interval == solved.bound.least == 36


def test_some_multipliers_are_for_arrays() -> None:
    """A budget of multipliers knows nothing of LUTs, so graphs, which take none, are not for it."""
    for budget in (2, 100, 10_000):
        assert _graphs(for_multipliers(_net(), budget).folds) == set()


def test_what_no_graph_can_be_is_refused() -> None:
    a = tensor(4, 4, 8)
    p = program([groupconv(a, 8, 2, SAME, name="g"), conv(tensor(4, 4, 8), 6000, SAME, source="g")], {"a": a})
    with pytest.raises(BadInput, match=r"(?s)g: 0 multipliers asked for, but it can be no graph.*y: 0 multipliers"):
        for_multipliers(p, 0)


def test_a_device_without_multipliers_to_spare() -> None:
    """At a frame a cycle every product needs a multiplier of its own: a graph takes fewer LUTs."""
    p = _dense(24, 10)
    budget = Budget.of(ARTIX, {"dsps": 0, "rams": 0})
    assert _graphs(dict(fit(p, budget, cycles=1).folds)) == {"y"}
    assert _graphs(dict(fit(p, Budget.of(ARTIX), cycles=100).folds)) == set()


def test_adders_of_a_family() -> None:
    """Those of an ECP5 are slower, so fewer of them stand between two registers."""
    for part, stage in ((ARTIX, 4), (device("ecp5-25f"), 2)):
        folds = fit(_dense(24, 10), Budget.of(part, {"dsps": 0, "rams": 0}), cycles=1).folds
        assert _graphs(dict(folds)) == {"y"} and folds["y"].stage == stage


def test_a_device_with_multipliers_to_spare() -> None:
    """What little it takes of the multipliers is worth less than the LUTs of a graph."""
    assert _graphs(dict(fit(_dense(4, 2), Budget.of(ARTIX, {"luts": 400}), cycles=1).folds)) == set()


def test_costs_follow_the_graph() -> None:
    """Adders and registers of the graph, and a little for the stream around it."""
    p = _dense(24, 10)
    op = p.ops[0]
    assert isinstance(op, Linear)
    fold = adders_fold(op, p.types["a"])
    assert fold
    pipeline, cost = layer_graph(op, p.types["a"]), plan_cost(make_plan(p, {"y": fold}), ARTIX.family)
    assert 0.7 * pipeline.graph.adder_bits < cost.luts < 1.3 * pipeline.graph.adder_bits
    assert cost.registers > pipeline.register_bits and (cost.dsps, cost.rams) == (0, 0)
