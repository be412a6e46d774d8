"""The table of costs: its rows add up, and it says what share of the device they are."""

from __future__ import annotations

import json
from functools import reduce
from operator import add
from pathlib import Path

import pytest
from builds import plan_with
from nets import add as add_of
from nets import conv, program, softmax, tensor
from rich.console import Console

from hwq.cli import main
from hwq.emit.generate import generate
from hwq.hw.cost import plan_cost
from hwq.hw.cost.clock import ClockClass, slowest
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
    assert "second" in text and ARTIX.name in text and "%" in text


def test_clock_classes() -> None:
    """Adders one behind the other are slower, and so are many weights in LUTs; the slowest counts."""
    x, wide = tensor(8, 8, 6), tensor(4, 4, 32)
    op, ones = conv(x, 6, SAME), conv(wide, 64, Window((1, 1)))
    serial, parallel = ({"pe": 2, "simd": 6, "rq": 2, "window": window} for window in ("serial", "parallel"))
    plans = [plan_with(program([op], {"a": x}), {"y": entry}) for entry in (serial, parallel)]
    array = {"pe": 8, "simd": 8, "rq": 2, "window": "serial"}
    plans += [plan_with(program([ones], {"a": wide}), {"y": array | {"rom": rom}}) for rom in ("auto", "block")]
    graph = {"pe": 6, "simd": 6, "rq": 6, "window": "parallel", "multiplier": "adders"}
    plans += [plan_with(program([op], {"a": x}), {"y": graph | {"stage": stage}}) for stage in (2, 4, 5)]
    assert [slowest(plan.net.parts) for plan in plans] == [
        ClockClass.FAST,
        ClockClass.FAST,
        ClockClass.SLOW,
        ClockClass.FAST,
        ClockClass.MIDDLE,
        ClockClass.SLOWEST,
        None,
    ]
    assert [layer_costs(plan, ARTIX.family)[0].clock for plan in plans] == [150, 150, 100, 150, 120, 75, None]
    unknown = program([softmax(x)], {"a": x})
    assert slowest(plan_with(unknown, {"y": {"lanes": 1}}).net.parts) is None


def test_what_a_person_sees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(_residual(), tmp_path / "build", frames=1)
    words = ["report", str(tmp_path / "build")]
    assert main([*words, "--cost"]) == 2
    assert "was made for no device" in capsys.readouterr().err
    assert main([*words, "--device", "cyclone5-a6"]) == 2
    assert "not known yet" in capsys.readouterr().err
    assert main([*words, "--cost", "--device", "zynq-7020"]) == 0
    assert "zynq-7020" in capsys.readouterr().out
    assert main([*words, "--device", "zynq-7020", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["costs"]
    assert [row["name"] for row in rows] == ["first", "second", "y", PORTS] and rows[0]["resources"]["dsps"] > 0
