"""hwq_prelu against plain integers: one factor below zero, or one for each channel."""

import random
from pathlib import Path
from typing import Any

import cocotb
from engine import Params, act_range, check_engine, live_masks, requantised
from streams import STALLS, pack, params

PIXELS = 60
_S8: dict[str, int | str] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}
_FILE: dict[str, int | str] = {"BY_CHANNEL": 1, "FILE": "negative.mem"}

CASES: list[dict[str, int | str]] = [
    {"LANES": 3, "CHANNELS": 7, "ACT_W": 8, "ACT_SIGNED": 0, "BIAS": -128, "D_W": 8, "POSITIVE": 201, "FACTOR_W": 9,
     "SHIFT": 8, "ROUND": 1, **_S8, **_FILE},
    {"LANES": 2, "CHANNELS": 4, "ACT_W": 8, "ACT_SIGNED": 1, "BIAS": 0, "D_W": 8, "POSITIVE": 64, "NEGATIVE": -13,
     "FACTOR_W": 8, "SHIFT": 6, "ROUND": 3, **_S8},
    {"LANES": 1, "CHANNELS": 5, "ACT_W": 16, "ACT_SIGNED": 1, "BIAS": 32768, "D_W": 17, "POSITIVE": 65535,
     "FACTOR_W": 17, "SHIFT": 17, "ROUND": 2, "OUT_W": 16, "ZERO": -100, "QMIN": -32768, "QMAX": 32767, **_FILE},
    {"LANES": 4, "CHANNELS": 4, "ACT_W": 2, "ACT_SIGNED": 1, "BIAS": -1, "D_W": 3, "POSITIVE": 3, "FACTOR_W": 4,
     "SHIFT": 2, "ROUND": 0, "OUT_W": 3, "ZERO": 3, "QMIN": 0, "QMAX": 7, **_FILE},
    {"LANES": 1, "CHANNELS": 1, "ACT_W": 1, "ACT_SIGNED": 1, "BIAS": 0, "D_W": 1, "POSITIVE": 1, "NEGATIVE": 0,
     "FACTOR_W": 2, "SHIFT": 0, "ROUND": 1, **_S8},
]  # fmt: skip


def factors(case: Params) -> list[int]:
    """The factor of each channel below zero; with a file they reach both ends of FACTOR_W bits."""
    if not case.get("BY_CHANNEL"):
        return [case["NEGATIVE"]] * case["CHANNELS"]
    low, high = act_range(case["FACTOR_W"], 1)
    source = random.Random(case["CHANNELS"])
    return [low, high, *[source.randint(low, high) for _ in range(case["CHANNELS"])]][: case["CHANNELS"]]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory file, if the case has one."""
    if case.get("BY_CHANNEL"):
        found, lanes = factors(case), case["LANES"]
        words = [pack(found[first : first + lanes], case["FACTOR_W"]) for first in range(0, len(found), lanes)]
        (folder / case["FILE"]).write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def bends_at_zero(dut: Any, pattern: str) -> None:
    """Pixels of extremes, of values next to zero, and of any; noise past the channels."""
    case = params()
    source = random.Random(3)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    lanes, channels, below = case["LANES"], case["CHANNELS"], factors(case)
    width = -(-channels // lanes) * lanes
    near = [x for x in range(-case["BIAS"] - 1, -case["BIAS"] + 2) if low <= x <= high]
    words, results = [], []
    for index in range(PIXELS):
        pixel = source.choices([[low, high], near, range(low, high + 1)][index % 3], k=width)
        outputs = []
        for x, factor in zip(pixel, [*below, *[0] * (width - channels)], strict=True):
            d = x + case["BIAS"]
            outputs.append(requantised(d * (factor if d < 0 else case["POSITIVE"]), 1, case))
        words += [pack(pixel[b : b + lanes], case["ACT_W"]) for b in range(0, width, lanes)]
        results += [pack(outputs[b : b + lanes], case["OUT_W"]) for b in range(0, width, lanes)]
    await check_engine(dut, pattern, {"s_axis": words}, results, live_masks(channels, lanes, case["OUT_W"]))
