"""hwq_addtree against Python's sum: extremes and random terms, clog2(N) cycles of latency."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import act_range
from streams import pack, params, start_clock

CASES: list[dict[str, int | str]] = [
    {"N": 5, "IN_W": 9, "OUT_W": 12},
    {"N": 8, "IN_W": 16, "OUT_W": 19},
    {"N": 1, "IN_W": 7, "OUT_W": 7},
    {"N": 2, "IN_W": 4, "OUT_W": 20},
    {"N": 7, "IN_W": 8, "OUT_W": 9},
    {"N": 13, "IN_W": 3, "OUT_W": 7},
]


@cocotb.test()
async def adds(dut: Any) -> None:
    """Each set of terms gives its sum, modulo 2^OUT_W, clog2(N) cycles later."""
    case = params()
    source = random.Random(1)
    low, high = act_range(case["IN_W"], 1)
    sets = [[low] * case["N"], [high] * case["N"]]
    sets += [[source.randint(low, high) for _ in range(case["N"])] for _ in range(200)]
    latency = (case["N"] - 1).bit_length()
    start_clock(dut)
    got = []
    for terms in [*sets, *([sets[0]] * latency)]:
        dut.d.value = pack(terms, case["IN_W"])
        await RisingEdge(dut.clk)
        got.append(dut.sum.value)
    modulus = 1 << case["OUT_W"]
    assert [int(value) for value in got[latency:]] == [sum(terms) % modulus for terms in sets]
