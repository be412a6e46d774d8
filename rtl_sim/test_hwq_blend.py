"""hwq_blend against exact fractions: one product and two, all roundings, with and without gaps."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import act_range, requantised
from streams import params, reset, start_clock

LATENCY = 5
_S8: dict[str, int] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}
_S16: dict[str, int] = {"OUT_W": 16, "ZERO": 0, "QMIN": -32768, "QMAX": 32767}

CASES: list[dict[str, int]] = [
    {"PAIRS": 2, "A_W": 17, "B_W": 16, "C_W": 17, "D_W": 17, "SA": 2, "SB": 0, "SHIFT": 16, "ROUND": 1, **_S16},
    {"PAIRS": 1, "A_W": 17, "B_W": 17, "C_W": 1, "D_W": 1, "SA": 0, "SB": 0, "SHIFT": 21, "ROUND": 2, **_S8},
    {"PAIRS": 2, "A_W": 3, "B_W": 3, "C_W": 4, "D_W": 3, "SA": 0, "SB": 1, "SHIFT": 2, "ROUND": 3, **_S8},
    {"PAIRS": 2, "A_W": 5, "B_W": 2, "C_W": 2, "D_W": 2, "SA": 1, "SB": 7, "SHIFT": 4, "ROUND": 0, "OUT_W": 6,
     "ZERO": 9, "QMIN": -7, "QMAX": 31},
    {"PAIRS": 1, "A_W": 4, "B_W": 5, "C_W": 1, "D_W": 1, "SA": 3, "SB": 0, "SHIFT": 0, "ROUND": 1, **_S16},
]  # fmt: skip


@cocotb.test()
@cocotb.parametrize(gap=[0.0, 0.5])
async def sums_products(dut: Any, gap: float) -> None:
    """Extreme and other operands; the result comes LATENCY cycles later, nothing else is valid."""
    case = params()
    source = random.Random(5)
    start_clock(dut)
    dut.valid_i.value = 0
    await reset(dut)
    want: list[int | None] = []
    got: list[int | None] = []
    for _ in range(300):
        busy = len(want) < 300 - LATENCY and source.random() >= gap
        operands = {}
        for name in "abcd":
            low, high = act_range(case[f"{name.upper()}_W"], 1)
            operands[name] = source.choice([low, high, 0, source.randint(low, high)])
            getattr(dut, name).value = operands[name] & ((1 << case[f"{name.upper()}_W"]) - 1)
        dut.valid_i.value = int(busy)
        acc = operands["a"] * operands["b"] << case["SA"]
        if case["PAIRS"] == 2:
            acc += operands["c"] * operands["d"] << case["SB"]
        want.append(requantised(acc, 1, case) & ((1 << case["OUT_W"]) - 1) if busy else None)
        await RisingEdge(dut.clk)
        got.append(int(dut.y.value) if int(dut.valid_o.value) else None)
    assert got == [None] * LATENCY + want[:-LATENCY]
