"""hwq_gap against plain integers: requantised sum of each channel over frames that follow each other."""

import random
from typing import Any

import cocotb
from engine import act_range, check_engine, factor, live_masks, requantised
from streams import STALLS, pack, params

FRAMES = 5
_OUT: dict[str, int | str] = {"OUT_W": 8, "ZERO": 4, "QMIN": -128, "QMAX": 127}

CASES: list[dict[str, int | str]] = [
    {"LANES": 2, "CHANNELS": 5, "PIXELS": 9, "ACT_W": 8, "ACT_SIGNED": 0, "BIAS": -900, "MUL": 7282,
     "ACC_W": 13, "MUL_EN": 1, "M_W": 13, "SHIFT": 16, "ROUND": 1, **_OUT},
    {"LANES": 4, "CHANNELS": 4, "PIXELS": 16, "ACT_W": 8, "ACT_SIGNED": 1, "BIAS": 0, "MUL": 1, "ACC_W": 12,
     "MUL_EN": 0, "M_W": 1, "SHIFT": 4, "ROUND": 2, **_OUT},
    {"LANES": 1, "CHANNELS": 12, "PIXELS": 1, "ACT_W": 8, "ACT_SIGNED": 1, "BIAS": 7, "MUL": 1, "ACC_W": 10,
     "MUL_EN": 1, "MANT_W": 2, "M_W": 2, "SHIFT": 1, "ROUND": 3, **_OUT},
    {"LANES": 3, "CHANNELS": 1, "PIXELS": 7, "ACT_W": 16, "ACT_SIGNED": 1, "BIAS": 12345, "MUL": 40000,
     "ACC_W": 20, "MUL_EN": 1, "M_W": 16, "SHIFT": 19, "ROUND": 0, "OUT_W": 16, "ZERO": 0, "QMIN": -32768,
     "QMAX": 32767},
]  # fmt: skip


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def averages_each_channel(dut: Any, pattern: str) -> None:
    """Frames back to back; lanes past the channels hold noise."""
    case = params()
    source = random.Random(3)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    lanes, channels = case["LANES"], case["CHANNELS"]
    words, results = [], []
    for index in range(FRAMES):
        choices = [[low], [high], range(low, high + 1)][index % 3]
        width = -(-channels // lanes) * lanes
        pixels = [source.choices(choices, k=width) for _ in range(case["PIXELS"])]
        words += [pack(pixel[b : b + lanes], case["ACT_W"]) for pixel in pixels for b in range(0, width, lanes)]
        sums = [sum(column) + case["BIAS"] for column in zip(*pixels, strict=True)]
        values = [requantised(total, factor(case["MUL"], case), case) for total in sums]
        results += [pack(values[b : b + lanes], case["OUT_W"]) for b in range(0, width, lanes)]
    await check_engine(dut, pattern, {"s_axis": words}, results, live_masks(channels, lanes, case["OUT_W"]))
