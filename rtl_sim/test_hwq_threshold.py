"""hwq_threshold against plain integers: one row of thresholds, or one for each channel."""

import random
from pathlib import Path
from typing import Any

import cocotb
from engine import Params, act_range, check_engine, live_masks
from streams import STALLS, pack, params

PIXELS = 60
_FILE: dict[str, int | str] = {"FILE": "thresholds.mem"}

CASES: list[dict[str, int | str]] = [
    {"LANES": 3, "CHANNELS": 7, "ACT_W": 11, "ACT_SIGNED": 1, "N": 3, "BY_CHANNEL": 1, "LOW": -2, "OUT_W": 2, **_FILE},
    {"LANES": 2, "CHANNELS": 4, "ACT_W": 8, "ACT_SIGNED": 0, "N": 2, "BY_CHANNEL": 0, "LOW": -1, "OUT_W": 2, **_FILE},
    {"LANES": 1, "CHANNELS": 5, "ACT_W": 16, "ACT_SIGNED": 1, "N": 15, "BY_CHANNEL": 1, "LOW": -8, "OUT_W": 4, **_FILE},
    {"LANES": 5, "CHANNELS": 5, "ACT_W": 8, "ACT_SIGNED": 1, "N": 1, "BY_CHANNEL": 1, "LOW": 0, "OUT_W": 1, **_FILE},
    {"LANES": 4, "CHANNELS": 6, "ACT_W": 1, "ACT_SIGNED": 0, "N": 1, "BY_CHANNEL": 1, "LOW": 0, "OUT_W": 1, **_FILE},
    {"LANES": 1, "CHANNELS": 1, "ACT_W": 16, "ACT_SIGNED": 0, "N": 255, "BY_CHANNEL": 0, "LOW": 300, "OUT_W": 16,
     **_FILE},
]  # fmt: skip


def rows(case: Params) -> list[list[int]]:
    """The thresholds of each channel; some always or never reached, some equal."""
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    source = random.Random(case["N"])
    made = [
        sorted(source.choice([low - 1, low, high + 1, source.randint(low, high)]) for _ in range(case["N"]))
        for _ in range(case["CHANNELS"])
    ]
    return made if case["BY_CHANNEL"] else made[:1] * case["CHANNELS"]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory file; lanes past the channels have zeros."""
    bits = case["ACT_W"] + (1 if case["ACT_SIGNED"] else 2)
    lanes, found = case["LANES"], rows(case)
    if not case["BY_CHANNEL"]:
        lanes, found = 1, found[:1]
    found += [[0] * case["N"]] * (-len(found) % lanes)
    words = [pack([t for row in found[b : b + lanes] for t in row], bits) for b in range(0, len(found), lanes)]
    (folder / case["FILE"]).write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def counts_what_is_reached(dut: Any, pattern: str) -> None:
    """Pixels of extremes, of values next to thresholds, and of any; noise past the channels."""
    case = params()
    source = random.Random(3)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    lanes, channels, every = case["LANES"], case["CHANNELS"], rows(case)
    width = -(-channels // lanes) * lanes
    near = [x for row in every for t in row for x in (t - 1, t, t + 1) if low <= x <= high] or [low]
    words, results = [], []
    for index in range(PIXELS):
        pixel = source.choices([[low, high], near, range(low, high + 1)][index % 3], k=width)
        outputs = [case["LOW"] + sum(x >= t for t in row) for x, row in zip(pixel, every, strict=False)]
        words += [pack(pixel[b : b + lanes], case["ACT_W"]) for b in range(0, width, lanes)]
        results += [pack(outputs[b : b + lanes], case["OUT_W"]) for b in range(0, width, lanes)]
    await check_engine(dut, pattern, {"s_axis": words}, results, live_masks(channels, lanes, case["OUT_W"]))
