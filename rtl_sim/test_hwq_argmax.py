"""hwq_argmax against Python: ties, partly filled last beats, one beat a pixel."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine
from streams import STALLS, pack, params

PIXELS = 40

CASES: list[dict[str, int | str]] = [
    {"LANES": 4, "CHANNELS": 10, "ACT_W": 8, "ACT_SIGNED": 1, "OUT_W": 4},
    {"LANES": 1, "CHANNELS": 10, "ACT_W": 8, "ACT_SIGNED": 0, "OUT_W": 4},
    {"LANES": 5, "CHANNELS": 5, "ACT_W": 16, "ACT_SIGNED": 1, "OUT_W": 3},
    {"LANES": 8, "CHANNELS": 3, "ACT_W": 4, "ACT_SIGNED": 0, "OUT_W": 2},
    {"LANES": 2, "CHANNELS": 16, "ACT_W": 2, "ACT_SIGNED": 1, "OUT_W": 8},
    {"LANES": 1, "CHANNELS": 1, "ACT_W": 8, "ACT_SIGNED": 1, "OUT_W": 1},
]


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def finds_the_first_largest(dut: Any, pattern: str) -> None:
    """Pixels with all values equal, with few values (ties), and with any; noise past the channels."""
    case = params()
    source = random.Random(3)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    lanes, channels = case["LANES"], case["CHANNELS"]
    width = -(-channels // lanes) * lanes
    words, results = [], []
    for index in range(PIXELS):
        choices = [[low], [high], [low, low + 1], range(low, high + 1)][index % 4]
        pixel = source.choices(choices, k=channels)
        results.append(pixel.index(max(pixel)))
        pixel += [source.randint(low, high) for _ in range(width - channels)]
        words += [pack(pixel[b : b + lanes], case["ACT_W"]) for b in range(0, width, lanes)]
    await check_engine(dut, pattern, {"s_axis": words}, results)
