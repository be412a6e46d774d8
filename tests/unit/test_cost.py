"""The cost model: every module has one, costs add up, and what it counts exactly is what Yosys was seen to make."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import pytest
from builds import entries, plan_with
from cases import CASES
from nets import conv, program, tensor

from hwq.hw.cost import ENGINES, part_cost, plan_cost
from hwq.hw.cost.account import Account
from hwq.hw.cost.library import macs
from hwq.hw.cost.memory import Kind, Place, placed
from hwq.hw.device import Family, device
from hwq.hw.netlist import Instance
from hwq.hw.plan import Plan
from hwq.hw.resources import Resources
from hwq.ir.window import Window

FAMILIES = {name: device(name).family for name in ("artix7-35t", "zu3eg", "ecp5-25f")}
X = tensor(8, 8, 16)
SAME = Window((3, 3), pads=(1, 1, 1, 1))


def _plan(**entry: int | str) -> Plan:
    net = program([conv(X, 16, SAME, scale="channel")], {"a": X})
    return plan_with(net, {"y": {"pe": 4, "simd": 4, "rq": 1, "window": "serial", **entry}})


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_part_costs_something(kind: str, family: Family) -> None:
    for net in CASES[kind].values():
        if len(net.ops) > 1:
            continue
        for entry in entries(net, net.ops[0])[:4]:
            for part in plan_with(net, {net.ops[0].name: entry}).net.parts:
                cost = part_cost(part, family)
                wire = isinstance(part, Instance) and part.module == "hwq_dwc" and cost == Resources()
                assert wire or (cost.luts > 0 and cost.registers > 0), part


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_a_plan_costs_its_parts_and_its_edges(family: Family) -> None:
    plan = _plan()
    parts = reduce(add, (part_cost(part, family) for part in plan.net.parts))
    edges = [
        Instance("hwq_frame_in", "", {"W": 32, "BEATS": 256}, {}),
        Instance("hwq_frame_out", "", {"W": 8, "BEATS": 1024}, {}),
    ]
    whole = plan_cost(plan, family)
    assert whole.luts == pytest.approx((parts + reduce(add, (part_cost(edge, family) for edge in edges))).luts)
    assert (whole.dsps, whole.rams) == (parts.dsps, parts.rams)


def test_a_larger_fold_costs_more() -> None:
    family = FAMILIES["artix7-35t"]
    small, large = (plan_cost(_plan(pe=pe, simd=pe), family) for pe in (2, 8))
    assert small.luts < large.luts and small.registers < large.registers
    assert (small.dsps, large.dsps) == (2 * 2 + 2, 8 * 8 + 2)


@pytest.mark.parametrize(("style", "rams"), [("block", 4.0), ("distributed", 0.0), ("auto", 0.0)])
def test_a_weight_memory_goes_where_it_is_told(style: str, rams: float) -> None:
    family = FAMILIES["artix7-35t"]
    part = next(part for part in _plan().net.parts if isinstance(part, Instance) and part.module == "hwq_mvau")
    told = replace(part, params={**part.params, "WGT_STYLE": style})
    ring = part_cost(told, family).rams
    assert ring == (2.0 if style == "block" else rams)


@pytest.mark.parametrize(
    ("family", "width", "depth", "blocks"),
    [
        ("xilinx7", 8, 1024, 0), ("xilinx7", 8, 2048, 0.5), ("xilinx7", 8, 4096, 1), ("xilinx7", 16, 4096, 2),
        ("xilinx7", 64, 256, 0), ("xilinx7", 72, 256, 1), ("xilinx7", 512, 256, 7.5),
        ("ecp5", 8, 256, 0), ("ecp5", 8, 512, 1), ("ecp5", 512, 64, 15), ("gowin", 32, 64, 0), ("gowin", 32, 128, 1),
    ],
)  # fmt: skip
def test_memories_to_read_are_where_yosys_puts_them(family: str, width: int, depth: int, blocks: float) -> None:
    where = placed(family, Kind.ROM, width, depth)
    assert (where.size if where.place is Place.BLOCKS else 0) == blocks


@pytest.mark.parametrize(
    ("family", "a", "b", "blocks"),
    [
        ("xilinx7", 5, 4, 1), ("xilinx7", 4, 4, 0), ("xilinx7", 18, 17, 1), ("xilinx7", 20, 20, 2),
        ("gowin", 4, 3, 0), ("gowin", 9, 4, 0.5), ("gowin", 10, 4, 1), ("gowin", 18, 18, 1), ("gowin", 18, 3, 0),
        ("ice40", 6, 4, 0), ("ice40", 8, 3, 1), ("ice40", 17, 8, 1), ("ice40", 18, 18, 1),
    ],
)  # fmt: skip
def test_products_are_the_blocks_that_yosys_makes(family: str, a: int, b: int, blocks: float) -> None:
    account = Account(family, 6)
    assert account.multiply(a, b, 3) == (blocks > 0)
    assert account.dsps == 3 * blocks


def test_a_part_is_priced_in_microseconds() -> None:
    """A solver prices thousands of them."""
    family = FAMILIES["artix7-35t"]
    parts = _plan().net.parts
    assert len(parts) == 2 and set(ENGINES) >= {part.module for part in parts if isinstance(part, Instance)}
    assert sum(part_cost(part, family).luts for part in parts for _ in range(500)) > 0


@pytest.mark.parametrize(
    ("products", "act", "weight", "registers"),
    [(4, 9, 8, 238), (1, 9, 8, 82), (4, 5, 4, 91), (1, 9, 3, 57), (4, 8, 8, 223), (4, 17, 16, 598), (1, 2, 8, 36)],
)
def test_registers_of_products_from_luts(products: int, act: int, weight: int, registers: int) -> None:
    """What Yosys makes of hwq_mul_logic alone: `products` with one signed activation in common."""
    account = Account("xilinx7", 6)
    macs(account, products, 1, act, True, weight, weight, 0, False, 24, 1, 1, products, logic=True)
    uses = account.uses
    found = uses["logic.bits"] + uses.get("logic.before", 0) + 3 * uses.get("logic.multiples", 0)
    assert found == registers and account.dsps == 0


def test_products_from_luts_cost_luts_in_place_of_blocks() -> None:
    for family in FAMILIES.values():
        blocks, logic = (plan_cost(_plan(**more), family) for more in ({}, {"multiplier": "logic"}))
        assert blocks.dsps - logic.dsps == 16
        assert 16 * 50 < logic.luts - blocks.luts < 16 * 130
