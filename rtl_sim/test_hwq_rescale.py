"""hwq_rescale against plain integers: every value of the input type."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine, factor, requantised
from streams import STALLS, pack, params

_S8: dict[str, int | str] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}

CASES: list[dict[str, int | str]] = [
    {"LANES": 2, "ACT_W": 8, "ACT_SIGNED": 0, "BIAS": -128, "MUL": 201, "ACC_W": 9, "MUL_EN": 1, "M_W": 8,
     "SHIFT": 8, "ROUND": 1, **_S8},
    {"LANES": 1, "ACT_W": 8, "ACT_SIGNED": 1, "BIAS": 0, "MUL": 1, "ACC_W": 9, "MUL_EN": 0, "M_W": 1,
     "SHIFT": 3, "ROUND": 2, "OUT_W": 4, "ZERO": 0, "QMIN": -8, "QMAX": 7},
    {"LANES": 5, "ACT_W": 4, "ACT_SIGNED": 1, "BIAS": 3, "MUL": 65535, "ACC_W": 5, "MUL_EN": 1, "M_W": 16,
     "SHIFT": 12, "ROUND": 3, "OUT_W": 8, "ZERO": 128, "QMIN": 0, "QMAX": 255},
    {"LANES": 4, "ACT_W": 10, "ACT_SIGNED": 0, "BIAS": 1000000, "MUL": 4, "ACC_W": 21, "MUL_EN": 1, "MANT_W": 4,
     "M_W": 4, "SHIFT": 8, "ROUND": 0, "OUT_W": 16, "ZERO": -35000, "QMIN": -32768, "QMAX": 32767},
]  # fmt: skip


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def rescales(dut: Any, pattern: str) -> None:
    """Each value of the type in each lane, a beat a cycle without stalls."""
    case = params()
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    source = random.Random(3)
    columns = [source.sample(range(low, high + 1), high - low + 1) for _ in range(case["LANES"])]
    rows = list(zip(*columns, strict=True))
    words = [pack(row, case["ACT_W"]) for row in rows]
    outputs = [[requantised(value + case["BIAS"], factor(case["MUL"], case), case) for value in row] for row in rows]
    results = [pack(values, case["OUT_W"]) for values in outputs]
    await check_engine(dut, pattern, {"s_axis": words}, results)
