"""The table of costs: its rows add up, and it says what share of the device they are."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from nets import add as add_of
from nets import conv, program, tensor
from rich.console import Console

from hwq.hw.cost import plan_cost
from hwq.hw.device import device
from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.window import Window
from hwq.report.cost import PORTS, cost_table, layer_costs

SAME = Window((3, 3), pads=(1, 1, 1, 1))
ARTIX = device("artix7-35t")


def _residual() -> Plan:
    x = tensor(8, 8, 6)
    ops = [conv(x, 6, SAME, name="first"), conv(x, 6, SAME, name="second", source="first")]
    net = program([*ops, add_of(x, x, sources=("second", "a"))], {"a": x})
    return make_plan(net, for_multipliers(net, 8).folds)


def test_rows_add_up() -> None:
    plan = _residual()
    rows = layer_costs(plan, ARTIX.family)
    assert [row.name for row in rows] == ["first", "second", "y", PORTS]
    total, whole = reduce(add, (row.resources for row in rows)), plan_cost(plan, ARTIX.family)
    assert total.luts == pytest.approx(whole.luts) and total.registers == pytest.approx(whole.registers)
    assert (total.dsps, total.rams) == (whole.dsps, whole.rams)
    assert all(row.resources.luts > 0 for row in rows)


def test_results_come_in_order() -> None:
    plan = _residual()
    first, second, join, ports = layer_costs(plan, ARTIX.family)
    assert first.first < second.first < join.first < ports.last
    assert first.last < second.last <= join.last == ports.last == plan.frame_latency


def test_the_table_shows_layers_and_shares() -> None:
    console = Console(width=100, record=True)
    console.print(cost_table(_residual(), ARTIX))
    text = console.export_text()
    assert "second" in text and ARTIX.title in text and "%" in text
