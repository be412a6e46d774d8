"""hwq_interpolate against exact fractions: every value of the input type, with and without gaps."""

import random
from typing import Any

import cocotb
import curves
from cocotb.triggers import RisingEdge
from engine import act_range
from streams import params, reset, start_clock

_FILE: dict[str, int | str] = {"FILE": "entries.mem"}

CASES: list[dict[str, int | str]] = [
    {"IN_W": 8, "IN_SIGNED": 1, "OUT_W": 8, "OUT_SIGNED": 1, "STEP": 3, "FRACTION": 2, "ENTRY_W": 11, "DELTA_W": 12,
     **_FILE},
    {"IN_W": 8, "IN_SIGNED": 0, "OUT_W": 8, "OUT_SIGNED": 0, "STEP": 0, "FRACTION": 0, "ENTRY_W": 9, **_FILE},
    {"IN_W": 12, "IN_SIGNED": 1, "OUT_W": 16, "OUT_SIGNED": 1, "STEP": 10, "FRACTION": 8, "ENTRY_W": 24,
     "DELTA_W": 25, **_FILE},
    {"IN_W": 1, "IN_SIGNED": 1, "OUT_W": 1, "OUT_SIGNED": 0, "STEP": 0, "FRACTION": 1, "ENTRY_W": 2, **_FILE},
    {"IN_W": 5, "IN_SIGNED": 0, "OUT_W": 3, "OUT_SIGNED": 1, "STEP": 5, "FRACTION": 0, "ENTRY_W": 5, "DELTA_W": 4,
     **_FILE},
    {"IN_W": 1, "IN_SIGNED": 0, "OUT_W": 4, "OUT_SIGNED": 1, "STEP": 1, "FRACTION": 0, "ENTRY_W": 4, "DELTA_W": 5,
     **_FILE},
]  # fmt: skip

prepare = curves.write


@cocotb.test()
@cocotb.parametrize(gap=[0.0, 0.5])
async def follows_the_table(dut: Any, gap: float) -> None:
    """Each value once, LATENCY cycles later the result; nothing else is valid."""
    case = params()
    low, high = act_range(case["IN_W"], case["IN_SIGNED"])
    latency = 8 if case["STEP"] else 5
    source = random.Random(3)
    waiting: list[int | None] = list(source.sample(range(low, high + 1), high - low + 1))
    for place in range(len(waiting)):
        if source.random() < gap:
            waiting.insert(source.randrange(place + 1), None)
    start_clock(dut)
    dut.valid_i.value = 0
    await reset(dut)
    table, mask = curves.entries(case), (1 << case["OUT_W"]) - 1
    want = [None if x is None else curves.value(x, table, case) & mask for x in waiting]
    got: list[int | None] = []
    for x in [*waiting, *[None] * latency]:
        dut.valid_i.value = int(x is not None)
        dut.x.value = (x or 0) & ((1 << case["IN_W"]) - 1)
        await RisingEdge(dut.clk)
        got.append(int(dut.y.value) if int(dut.valid_o.value) else None)
    assert got == [None] * latency + want
