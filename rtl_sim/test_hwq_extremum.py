"""hwq_extremum against Python: both ends of the type, equal values, values of either sign."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine
from streams import STALLS, pack, params

BEATS = 120

CASES: list[dict[str, int | str]] = [
    {"LANES": 3, "ACT_W": 8, "ACT_SIGNED": 1, "LARGEST": 1},
    {"LANES": 2, "ACT_W": 8, "ACT_SIGNED": 0, "LARGEST": 0},
    {"LANES": 1, "ACT_W": 16, "ACT_SIGNED": 1, "LARGEST": 0},
    {"LANES": 5, "ACT_W": 16, "ACT_SIGNED": 0, "LARGEST": 1},
    {"LANES": 4, "ACT_W": 1, "ACT_SIGNED": 0, "LARGEST": 1},
    {"LANES": 1, "ACT_W": 2, "ACT_SIGNED": 1, "LARGEST": 0},
]


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def chooses(dut: Any, pattern: str) -> None:
    """Pairs of beats, the two inputs stalling each on its own."""
    case = params()
    source = random.Random(3)
    choose = max if case["LARGEST"] else min
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    words: dict[str, list[int]] = {"a_axis": [], "b_axis": []}
    results = []
    for _ in range(BEATS):
        left = [source.choice([low, high, source.randint(low, high)]) for _ in range(case["LANES"])]
        right = [source.choice([low, high, value, source.randint(low, high)]) for value in left]
        words["a_axis"].append(pack(left, case["ACT_W"]))
        words["b_axis"].append(pack(right, case["ACT_W"]))
        results.append(pack([choose(a, b) for a, b in zip(left, right, strict=True)], case["ACT_W"]))
    await check_engine(dut, pattern, words, results)
