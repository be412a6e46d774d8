"""hwq_topk against a sort in Python: ties, as many indices as channels, pixels without a gap."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine
from streams import STALLS, params

PIXELS = 40

CASES: list[dict[str, int | str]] = [
    {"CHANNELS": 10, "K": 3, "ACT_W": 8, "ACT_SIGNED": 1, "OUT_W": 4},
    {"CHANNELS": 7, "K": 7, "ACT_W": 8, "ACT_SIGNED": 0, "OUT_W": 3},
    {"CHANNELS": 20, "K": 16, "ACT_W": 16, "ACT_SIGNED": 1, "OUT_W": 5},
    {"CHANNELS": 5, "K": 1, "ACT_W": 2, "ACT_SIGNED": 1, "OUT_W": 3},
    {"CHANNELS": 1, "K": 1, "ACT_W": 8, "ACT_SIGNED": 0, "OUT_W": 1},
    {"CHANNELS": 2, "K": 2, "ACT_W": 1, "ACT_SIGNED": 0, "OUT_W": 1},
    {"CHANNELS": 16, "K": 5, "ACT_W": 16, "ACT_SIGNED": 0, "OUT_W": 8},
]


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def sorts(dut: Any, pattern: str) -> None:
    """Pixels with all values equal, with few values (ties), with any, and in falling and rising order."""
    case = params()
    source = random.Random(3)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    words, results = [], []
    for number in range(PIXELS):
        choices = [[low], [high], [low, low + 1], range(low, high + 1)][number % 4]
        pixel = source.choices(choices, k=case["CHANNELS"])
        if number % 5 > 2:
            pixel.sort(reverse=number % 5 == 3)
        words += [value & ((1 << case["ACT_W"]) - 1) for value in pixel]
        results += sorted(range(len(pixel)), key=lambda channel, pixel=pixel: (-pixel[channel], channel))[: case["K"]]
    await check_engine(dut, pattern, {"s_axis": words}, results)
