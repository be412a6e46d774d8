"""Fitting a device: the solver against trying everything, what it says of the bound, and its refusals."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from functools import reduce
from operator import add as plus

import pytest
from nets import add, avgpool, conv, dense, depthwise, program, tensor

from hwq.errors import BadInput
from hwq.hw.budget import KINDS, Budget, parse_limits
from hwq.hw.candidates import Candidates
from hwq.hw.cost import plan_cost
from hwq.hw.device import device
from hwq.hw.fit import fit
from hwq.hw.fold import Multiplier, RomStyle
from hwq.hw.folding_file import folding_text, parse_folding
from hwq.hw.plan import make_plan
from hwq.hw.resources import Resources
from hwq.hw.target import Target
from hwq.ir.program import Program
from hwq.ir.window import Window

SAME = Window((3, 3), pads=(1, 1, 1, 1))
ZYNQ = device("zynq-7020")


@pytest.fixture(autouse=True)
def arrays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No layer is a graph of adders, which needs no multiplier: test_adder_choice.py is about those."""
    monkeypatch.setattr("hwq.hw.candidates.GRAPH_WORK", 0)


def _small() -> Program:
    x, t = tensor(3, 3, 2), tensor(3, 3, 3)
    return program(
        [conv(x, 3, Window((1, 1)), name="c"), depthwise(t, SAME, name="d", source="c"), dense(t, 2, source="d")],
        {"a": x},
    )


def _residual() -> Program:
    x, t = tensor(6, 6, 3), tensor(6, 6, 8)
    return program(
        [
            conv(x, 8, SAME, name="stem"),
            conv(t, 8, SAME, name="left", source="stem"),
            add(t, t, name="sum", sources=("left", "stem")),
            avgpool(t, Window((6, 6)), name="gap", source="sum"),
            dense(tensor(1, 1, 8), 7, source="gap"),
        ],
        {"a": x},
    )


@pytest.mark.parametrize("dsps", [3, 4, 6, 9, 15, 40])
def test_the_fewest_cycles_of_all_choices(dsps: int) -> None:
    """Every combination of candidates is tried: none within the budget is faster than what `fit` takes."""
    p = _small()
    budget = Budget.of(ZYNQ, {"dsps": dsps})
    candidates = Candidates(p, ZYNQ.family)
    best = next(
        (
            cycles
            for cycles in candidates.intervals
            if any(
                not budget.excess(reduce(plus, (one.taken for one in combination), Resources()))
                for combination in itertools.product(*candidates.within(cycles).values())
            )
        ),
        None,
    )
    if best is None:
        with pytest.raises(BadInput, match=r"does not hold it at any rate: .* multiplier blocks"):
            fit(p, budget)
        return
    found = fit(p, budget)
    plan = make_plan(p, found.folds)
    assert plan.interval == best and not budget.excess(plan_cost(plan, ZYNQ.family))
    assert 0 < found.bound.least <= best


def test_all_budgets_hold_at_once() -> None:
    p = _residual()
    free = plan_cost(make_plan(p, fit(p, Budget.of(ZYNQ)).folds), ZYNQ.family)
    last = 0
    for share in (0.9, 0.6, 0.4):
        limits = {kind: max(1.0, share * getattr(free, kind)) for kind in KINDS.values()}
        plan = make_plan(p, fit(p, Budget.of(ZYNQ, limits)).folds)
        taken = plan_cost(plan, ZYNQ.family)
        assert all(getattr(taken, kind) <= most for kind, most in limits.items())
        assert plan.interval >= last
        last = plan.interval


def test_the_smallest_design_at_a_rate() -> None:
    """A slower one takes no more, and nothing faster than asked for is needed."""
    p = _residual()
    sizes = []
    for cycles in (400, 1000, 4000):
        plan = make_plan(p, fit(p, Budget.of(ZYNQ), cycles).folds)
        assert plan.interval <= cycles
        sizes.append(plan_cost(plan, ZYNQ.family).luts)
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]


def test_multipliers_are_a_budget_too() -> None:
    p = _residual()
    plan = Target(multipliers=20, device=ZYNQ).plan(p)
    assert plan.multipliers <= 20 and plan.device is ZYNQ
    assert plan.bound is not None and plan.bound.binds.endswith("more than 20 multipliers")


def test_weights_go_where_there_is_room() -> None:
    """Without block RAM no weights are asked to be in it; with few LUTs all are."""
    x = tensor(4, 4, 64)
    p = program([conv(x, 64, Window((1, 1)))], {"a": x})
    scarce = fit(p, Budget.of(ZYNQ, {"rams": 0}), 70_000).folds["y"]
    assert scarce.rom is RomStyle.DISTRIBUTED
    roomy = fit(p, Budget.of(ZYNQ, {"luts": 700}), 70_000).folds["y"]
    assert roomy.rom is RomStyle.BLOCK
    plan = make_plan(p, {"y": roomy})
    assert "block" in str(plan.net.parts[-1])
    assert parse_folding(folding_text(plan.folds), p, "file") == {"y": roomy}
    with pytest.raises(BadInput, match="rom is 'flash', expected auto or block or distributed"):
        parse_folding({"y": {**folding_text(plan.folds)["y"], "rom": "flash"}}, p, "file")


def test_products_share_blocks_where_those_are_few() -> None:
    x = tensor(8, 8, 16)
    net = program([conv(x, 16, SAME, scale="shift")], {"a": x})
    found = fit(net, Budget.of(ZYNQ, {"dsps": 4, "luts": 900}))
    plan = make_plan(net, found.folds)
    assert (plan.multipliers, plan.multiplier_blocks, found.folds["y"].pack) == (8, 4, 2)
    assert plan_cost(plan, ZYNQ.family).dsps == 4


def test_products_come_from_luts_where_blocks_have_run_out() -> None:
    """What has no blocks left goes on in LUTs, as fast as those allow; where LUTs are few, blocks multiply."""
    x = tensor(8, 8, 16)
    net = program([conv(x, 16, SAME, scale="shift")], {"a": x})
    plans = [fit(net, Budget.of(ZYNQ, {"dsps": 0, "luts": luts})) for luts in (1500, 3000, 6000)]
    assert all(plan.folds["y"].multiplier is Multiplier.LOGIC for plan in plans)
    assert [plan.multiplier_blocks for plan in plans] == [0, 0, 0]
    assert plans[0].interval > 2 * plans[1].interval > 3 * plans[2].interval
    assert fit(net, Budget.of(ZYNQ, {"luts": 900})).folds["y"].multiplier is Multiplier.AUTO


def test_what_binds_is_said_where_no_kind_alone_does() -> None:
    """Blocks or LUTs would each do for less than half of what there is; together they do not."""
    x = tensor(8, 8, 16)
    net = program([conv(x, 16, SAME, scale="shift")], {"a": x})
    bound = fit(net, Budget.of(ZYNQ, {"dsps": 20, "luts": 3000})).bound
    assert bound is not None and re.search(
        r"too much of all kinds together: each alone at least [\d,]+ LUTs \(of 3,000\)$", bound.binds
    )


def test_a_rate_that_the_device_cannot_keep() -> None:
    p = _residual()
    with pytest.raises(BadInput) as refusal:
        fit(p, Budget.of(replace(ZYNQ, luts=200)), 4000)
    message = str(refusal.value)
    assert "does not hold it at 4,000 cycles a frame" in message and "LUTs (of 160)" in message
    assert "would do" in message
    with pytest.raises(BadInput, match=r"3 cycles a frame asked for, but stem, left, .* can take no fewer than 36"):
        fit(p, Budget.of(ZYNQ), 3)


def test_a_slower_rate_that_would_do() -> None:
    p = _residual()
    with pytest.raises(BadInput, match=r"at least .* LUTs \(of 2,000\)\. It holds it at about [\d,]+ cycles"):
        fit(p, Budget.of(ZYNQ, {"luts": 2000}), 300)


def test_limits() -> None:
    assert parse_limits("dsp=100, bram=20.5,lut=2e4") == {"dsps": 100.0, "rams": 20.5, "luts": 20000.0}
    for text in ("", "dsp", "dsp=1,dsp=2", "gold=3", "dsp=-1", "dsp=nan", "lut=inf"):
        with pytest.raises(BadInput, match="expected each of lut, ff, dsp, bram at most once"):
            parse_limits(text)
    with pytest.raises(BadInput, match="--budget was given without a device"):
        Target(limits={"dsps": 3})


def test_standard_cells_have_no_limit() -> None:
    plan = Target(multipliers=20, device=device("asic")).plan(_residual())
    assert plan.device is not None and plan.device.name == "asic" and plan.multipliers <= 20
