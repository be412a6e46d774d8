"""hwq_add against plain integers: two branches, each with its multiplier, one rounding."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine, requantised
from streams import STALLS, pack, params

BEATS = 120
_OUT: dict[str, int | str] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}

CASES: list[dict[str, int | str]] = [
    {"LANES": 2, "A_W": 8, "A_SIGNED": 1, "B_W": 8, "B_SIGNED": 0, "MA": 201, "MB": 77, "BIAS": -5000,
     "SHIFT": 8, "ROUND": 1, **_OUT},
    {"LANES": 1, "A_W": 8, "A_SIGNED": 1, "B_W": 8, "B_SIGNED": 1, "MA": 1, "MB": 2, "BIAS": 0,
     "SHIFT": 1, "ROUND": 2, **_OUT},
    {"LANES": 3, "A_W": 4, "A_SIGNED": 0, "B_W": 16, "B_SIGNED": 1, "MA": 65535, "MB": 3, "BIAS": 2000000000,
     "SHIFT": 15, "ROUND": 3, "OUT_W": 16, "ZERO": -61000, "QMIN": -32768, "QMAX": 32767},
    {"LANES": 1, "A_W": 8, "A_SIGNED": 0, "B_W": 8, "B_SIGNED": 0, "MA": 1, "MB": -1, "BIAS": 0,
     "SHIFT": 0, "ROUND": 1, "OUT_W": 8, "ZERO": 10, "QMIN": 0, "QMAX": 255},
    {"LANES": 2, "A_W": 16, "A_SIGNED": 1, "B_W": 16, "B_SIGNED": 0, "MA": -65535, "MB": -65535, "BIAS": 2147516416,
     "SHIFT": 17, "ROUND": 3, "OUT_W": 16, "ZERO": 0, "QMIN": -32768, "QMAX": 32767},
    {"LANES": 2, "A_W": 8, "A_SIGNED": 1, "B_W": 16, "B_SIGNED": 0, "MA": 16777215, "MB": -16777215,
     "BIAS": -9000000000, "SHIFT": 24, "ROUND": 2, "OUT_W": 16, "ZERO": 0, "QMIN": -32768, "QMAX": 32767},
    {"LANES": 1, "A_W": 1, "A_SIGNED": 1, "B_W": 1, "B_SIGNED": 0, "MA": -1, "MB": -32768, "BIAS": -1,
     "SHIFT": 14, "ROUND": 2, **_OUT},
    {"LANES": 4, "A_W": 2, "A_SIGNED": 1, "B_W": 2, "B_SIGNED": 1, "MA": 0, "MB": 40000, "BIAS": 7,
     "SHIFT": 14, "ROUND": 0, **_OUT},
]  # fmt: skip


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def adds(dut: Any, pattern: str) -> None:
    """Pairs of beats, the two inputs stalling each on its own."""
    case = params()
    source = random.Random(3)
    beats: dict[str, list[list[int]]] = {}
    for name in ("A", "B"):
        low, high = act_range(case[f"{name}_W"], case[f"{name}_SIGNED"])
        values = [source.choice([low, high, 0, source.randint(low, high)]) for _ in range(BEATS * case["LANES"])]
        beats[name] = [values[first : first + case["LANES"]] for first in range(0, len(values), case["LANES"])]
    results = []
    for left, right in zip(beats["A"], beats["B"], strict=True):
        sums = [a * case["MA"] + b * case["MB"] + case["BIAS"] for a, b in zip(left, right, strict=True)]
        results.append(pack([requantised(total, 1, case) for total in sums], case["OUT_W"]))
    inputs = {
        "a_axis": [pack(beat, case["A_W"]) for beat in beats["A"]],
        "b_axis": [pack(beat, case["B_W"]) for beat in beats["B"]],
    }
    await check_engine(dut, pattern, inputs, results)
