"""hwq_product against plain integers: each factor less its zero point, one rounding."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine, factor, requantised
from streams import STALLS, pack, params

BEATS = 120
_OUT: dict[str, int | str] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}
_SHIFT: dict[str, int | str] = {"MUL": 1, "MUL_EN": 0, "M_W": 1}

CASES: list[dict[str, int | str]] = [
    {"LANES": 2, "A_W": 8, "A_SIGNED": 1, "B_W": 8, "B_SIGNED": 0, "ZERO_A": -128, "ZERO_B": 255,
     "MUL": 201, "MUL_EN": 1, "M_W": 8, "SHIFT": 16, "ROUND": 1, **_OUT},
    {"LANES": 1, "A_W": 8, "A_SIGNED": 1, "B_W": 8, "B_SIGNED": 1, "ZERO_A": 0, "ZERO_B": 0,
     **_SHIFT, "SHIFT": 7, "ROUND": 2, **_OUT},
    {"LANES": 3, "A_W": 16, "A_SIGNED": 0, "B_W": 16, "B_SIGNED": 1, "ZERO_A": 65535, "ZERO_B": 32767,
     "MUL": 65535, "MUL_EN": 1, "M_W": 16, "SHIFT": 33, "ROUND": 3, "OUT_W": 16, "ZERO": 0, "QMIN": -32768,
     "QMAX": 32767},
    {"LANES": 5, "A_W": 1, "A_SIGNED": 0, "B_W": 16, "B_SIGNED": 0, "ZERO_A": 1, "ZERO_B": 40000,
     "MUL": 10, "MUL_EN": 1, "MANT_W": 3, "M_W": 4, "SHIFT": 9, "ROUND": 0, "OUT_W": 8, "ZERO": 200, "QMIN": 3,
     "QMAX": 250},
    {"LANES": 4, "A_W": 2, "A_SIGNED": 1, "B_W": 1, "B_SIGNED": 1, "ZERO_A": 1, "ZERO_B": -1,
     **_SHIFT, "SHIFT": 0, "ROUND": 1, "OUT_W": 2, "ZERO": 0, "QMIN": -2, "QMAX": 1},
]  # fmt: skip


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def multiplies(dut: Any, pattern: str) -> None:
    """Pairs of beats, the two inputs stalling each on its own; among the values the ends and the zero points."""
    case = params()
    source = random.Random(3)
    lanes = case["LANES"]
    beats: dict[str, list[list[int]]] = {}
    for name in ("A", "B"):
        low, high = act_range(case[f"{name}_W"], case[f"{name}_SIGNED"])
        special = [low, high, case[f"ZERO_{name}"]]
        beats[name] = [[source.choice([*special, source.randint(low, high)]) for _ in range(lanes)]
                       for _ in range(BEATS)]  # fmt: skip
    results = []
    for left, right in zip(beats["A"], beats["B"], strict=True):
        products = [(a - case["ZERO_A"]) * (b - case["ZERO_B"]) for a, b in zip(left, right, strict=True)]
        results.append(pack([requantised(acc, factor(case["MUL"], case), case) for acc in products], case["OUT_W"]))
    inputs = {
        "a_axis": [pack(beat, case["A_W"]) for beat in beats["A"]],
        "b_axis": [pack(beat, case["B_W"]) for beat in beats["B"]],
    }
    await check_engine(dut, pattern, inputs, results)
