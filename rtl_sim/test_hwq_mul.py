"""hwq_mul against Python's product: extremes and random operands, and when it comes."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import act_range
from streams import params, start_clock

CASES: list[dict[str, int | str]] = [
    {"A_W": 8, "B_W": 8},
    {"A_W": 18, "B_W": 17},
    {"A_W": 2, "B_W": 16},
    {"A_W": 3, "B_W": 3, "LATENCY": 3},
    {"A_W": 18, "B_W": 18, "family": "ecp5"},
    {"A_W": 8, "B_W": 9, "LATENCY": 3, "family": "ecp5"},
    {"A_W": 19, "B_W": 4, "LATENCY": 3, "family": "ecp5"},
    {"A_W": 9, "B_W": 8, "LATENCY": 3, "family": "ice40"},
    {"A_W": 16, "B_W": 16, "family": "ice40"},
    {"A_W": 5, "B_W": 5, "family": "ice40"},
    {"A_W": 18, "B_W": 17, "family": "ice40"},
    {"A_W": 8, "B_W": 19, "LATENCY": 3, "family": "ice40"},
]


@cocotb.test()
async def multiplies(dut: Any) -> None:
    """Each pair of operands gives its product LATENCY cycles later."""
    case = params()
    latency = case.get("LATENCY", 2)
    source = random.Random(1)
    a_range, b_range = act_range(case["A_W"], 1), act_range(case["B_W"], 1)
    pairs = [(a, b) for a in (*a_range, -1, 0, 1) for b in (*b_range, -1, 0, 1)]
    pairs += [(source.randint(*a_range), source.randint(*b_range)) for _ in range(200)]
    start_clock(dut)
    got = []
    for a, b in [*pairs, *[(0, 0)] * latency]:
        dut.a.value, dut.b.value = a, b
        await RisingEdge(dut.clk)
        got.append(dut.p.value)
    assert [value.to_signed() for value in got[latency:]] == [a * b for a, b in pairs]
