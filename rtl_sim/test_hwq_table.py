"""hwq_table against exact fractions: every value of the input type in each lane, at most some thousand beats."""

import random
from typing import Any

import cocotb
import curves
from engine import act_range, check_engine
from streams import STALLS, pack, params

BEATS = 1500
_FILE: dict[str, int | str] = {"FILE": "entries.mem"}

CASES: list[dict[str, int | str]] = [
    {"LANES": 3, "IN_W": 8, "IN_SIGNED": 1, "OUT_W": 8, "OUT_SIGNED": 1, "STEP": 2, "FRACTION": 3, "ENTRY_W": 12,
     "DELTA_W": 10, **_FILE},
    {"LANES": 1, "IN_W": 6, "IN_SIGNED": 0, "OUT_W": 8, "OUT_SIGNED": 0, "STEP": 0, "FRACTION": 0, "ENTRY_W": 9,
     **_FILE},
    {"LANES": 2, "IN_W": 16, "IN_SIGNED": 1, "OUT_W": 16, "OUT_SIGNED": 0, "STEP": 6, "FRACTION": 8, "ENTRY_W": 24,
     "DELTA_W": 25, **_FILE},
    {"LANES": 5, "IN_W": 1, "IN_SIGNED": 0, "OUT_W": 2, "OUT_SIGNED": 1, "STEP": 0, "FRACTION": 2, "ENTRY_W": 5,
     **_FILE},
]  # fmt: skip

prepare = curves.write


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def follows_the_table(dut: Any, pattern: str) -> None:
    """Values in another order in each lane, a beat a cycle without stalls."""
    case = params()
    low, high = act_range(case["IN_W"], case["IN_SIGNED"])
    source = random.Random(3)
    count = min(high - low + 1, BEATS)
    columns = [source.sample(range(low, high + 1), count) for _ in range(case["LANES"])]
    rows = list(zip(*columns, strict=True))
    table = curves.entries(case)
    words = [pack(row, case["IN_W"]) for row in rows]
    results = [pack([curves.value(x, table, case) for x in row], case["OUT_W"]) for row in rows]
    await check_engine(dut, pattern, {"s_axis": words}, results)
