"""hwq_shift_add against Python's product: every code with extremes and random operands, three cycles of latency."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import act_range, powers
from streams import params, start_clock

CASES: list[dict[str, int | str]] = [
    {"A_W": 9, "TERMS": 2, "TERM_W": 4, "P_W": 17},
    {"A_W": 8, "TERMS": 1, "TERM_W": 4, "P_W": 16},
    {"A_W": 2, "TERMS": 2, "TERM_W": 2, "P_W": 4},
    {"A_W": 17, "TERMS": 2, "TERM_W": 5, "P_W": 33},
    {"A_W": 5, "TERMS": 1, "TERM_W": 3, "P_W": 9},
]


@cocotb.test()
async def multiplies(dut: Any) -> None:
    """Each pair gives its product three cycles later, also with two equal terms and with none."""
    case = params()
    source = random.Random(1)
    low, high = act_range(case["A_W"], 1)
    pairs = [
        (a, code)
        for code in range(1 << (case["TERMS"] * case["TERM_W"]))
        for a in (low, high, -1, source.randint(low, high))
    ]
    start_clock(dut)
    got = []
    for a, code in [*pairs, (0, 0), (0, 0), (0, 0)]:
        dut.a.value, dut.code.value = a, code
        await RisingEdge(dut.clk)
        got.append(dut.p.value)
    want = [a * sum(powers(code, case["TERMS"], case["TERM_W"])) for a, code in pairs]
    modulus = 1 << case["P_W"]
    assert [int(value) for value in got[3:]] == [product % modulus for product in want]
