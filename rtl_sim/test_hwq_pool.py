"""hwq_pool against plain integers: maximum and requantised sum of the taps."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine, factor, requantised
from streams import STALLS, pack, params

OUTPUTS = 40
_OUT: dict[str, int | str] = {"OUT_W": 8, "ZERO": -3, "QMIN": -120, "QMAX": 127}

CASES: list[dict[str, int | str]] = [
    {"LANES": 2, "ACT_W": 8, "ACT_SIGNED": 1, "TAPS": 9, "MAX": 0, "BIAS": -40, "MUL": 7282, "ACC_W": 13,
     "MUL_EN": 1, "M_W": 13, "SHIFT": 16, "ROUND": 1, **_OUT},
    {"LANES": 3, "ACT_W": 8, "ACT_SIGNED": 1, "TAPS": 4, "MAX": 1, "OUT_W": 8},
    {"LANES": 1, "ACT_W": 8, "ACT_SIGNED": 0, "TAPS": 4, "MAX": 0, "BIAS": 0, "MUL": 1, "ACC_W": 11,
     "MUL_EN": 0, "M_W": 1, "SHIFT": 2, "ROUND": 2, "OUT_W": 8, "ZERO": 0, "QMIN": 0, "QMAX": 255},
    {"LANES": 4, "ACT_W": 4, "ACT_SIGNED": 0, "TAPS": 1, "MAX": 1, "OUT_W": 4},
    {"LANES": 1, "ACT_W": 16, "ACT_SIGNED": 0, "TAPS": 3, "MAX": 1, "OUT_W": 16},
    {"LANES": 4, "ACT_W": 2, "ACT_SIGNED": 1, "TAPS": 2, "MAX": 1, "OUT_W": 2},
    {"LANES": 4, "ACT_W": 5, "ACT_SIGNED": 1, "TAPS": 1, "MAX": 0, "BIAS": 1000, "MUL": 7, "ACC_W": 12,
     "MUL_EN": 1, "MANT_W": 3, "M_W": 3, "SHIFT": 6, "ROUND": 3, **_OUT},
    {"LANES": 1, "ACT_W": 16, "ACT_SIGNED": 1, "TAPS": 6, "MAX": 0, "BIAS": 100000, "MUL": 65535, "ACC_W": 20,
     "MUL_EN": 1, "M_W": 16, "SHIFT": 18, "ROUND": 0, "OUT_W": 16, "ZERO": 0, "QMIN": -32768, "QMAX": 32767},
]  # fmt: skip


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def pools(dut: Any, pattern: str) -> None:
    """One output for TAPS inputs, whatever the stalls, and an input in every cycle without them."""
    case = params()
    source = random.Random(3)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    words, results = [], []
    for index in range(OUTPUTS):
        # Some windows hold one value only, the least or the greatest.
        choices = [low] if index % 8 == 0 else [high] if index % 8 == 1 else range(low, high + 1)
        taps = [source.choices(choices, k=case["LANES"]) for _ in range(case["TAPS"])]
        words += [pack(tap, case["ACT_W"]) for tap in taps]
        columns = list(zip(*taps, strict=True))
        if case["MAX"]:
            values = [max(column) for column in columns]
        else:
            values = [requantised(sum(column) + case["BIAS"], factor(case["MUL"], case), case) for column in columns]
        results.append(pack(values, case["OUT_W"]))
    await check_engine(dut, pattern, {"s_axis": words}, results)
