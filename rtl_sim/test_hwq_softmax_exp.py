"""hwq_softmax_exp against exact fractions: every distance, between entries and beyond the last one."""

import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import act_range
from exponentials import entries, exponential, write_table
from streams import params, start_clock

PAIRS = 600

_FILE = {"FILE": "exps.mem", "first": 65_535}
CASES: list[dict[str, int | str]] = [
    {"ACT_W": 8, "ACT_SIGNED": 1, "STEP": 2, "ENTRIES": 65, "halving": 9, **_FILE},
    {"ACT_W": 8, "ACT_SIGNED": 0, "STEP": 0, "ENTRIES": 256, "halving": 20, **_FILE},
    {"ACT_W": 8, "ACT_SIGNED": 1, "STEP": 0, "ENTRIES": 40, "halving": 3, **_FILE},
    {"ACT_W": 16, "ACT_SIGNED": 1, "STEP": 6, "ENTRIES": 700, "halving": 2900, **_FILE},
    {"ACT_W": 4, "ACT_SIGNED": 0, "STEP": 4, "ENTRIES": 2, "halving": 5, **_FILE},
    {"ACT_W": 6, "ACT_SIGNED": 1, "STEP": 3, "ENTRIES": 1, "halving": 5, **_FILE},
    {"ACT_W": 1, "ACT_SIGNED": 1, "STEP": 0, "ENTRIES": 2, "halving": 1, **_FILE},
]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory file."""
    write_table(case, folder)


@cocotb.test()
async def finds_exponentials(dut: Any) -> None:
    """Extreme and random pairs, one a cycle."""
    case = params()
    source = random.Random(1)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    pairs = [(high, low), (high, high), (low, low)]
    for number in range(PAIRS):
        high_now = high if number % 3 else source.randint(low, high)
        near = max(low, high_now - 3 * int(case["halving"]))
        pairs.append((high_now, source.randint(source.choice([low, near]), high_now)))
    table = entries(case)
    latency = 7 if case["STEP"] else 4
    start_clock(dut)
    got = []
    for highest, x in [*pairs, *[(0, 0)] * latency]:
        dut.max.value, dut.x.value = highest, x & ((1 << case["ACT_W"]) - 1)
        await RisingEdge(dut.clk)
        got.append(dut.e.value)
    want = [exponential(table, case["STEP"], highest - x) for highest, x in pairs]
    assert [int(value) for value in got[latency:]] == want
