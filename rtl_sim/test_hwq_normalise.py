"""hwq_normalise against exact fractions: constant pixels, one channel apart, extremes, any; its rate."""

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import cocotb
from engine import act_range, check_engine, first_result, live_masks, rounded
from streams import STALLS, pack, params

PIXELS = 30

_FILE = {"FILE": "roots.mem"}
_OUT = {"OUT_W": 8, "QMIN": -128, "QMAX": 127}
_S8 = {"ACT_W": 8, "ACT_SIGNED": 1, "EPS": 900, "INDEX_W": 9, "FRACTION": 8, **_OUT, **_FILE}
_WIDE = {"ACT_W": 16, "ACT_SIGNED": 1, "EPS": 1, "INDEX_W": 10, "FRACTION": -2, "OUT_W": 16, "QMIN": -32_768,
         "QMAX": 32_767, **_FILE}  # fmt: skip

CASES: list[dict[str, int | str]] = [
    {"LANES": 2, "CHANNELS": 7, **_S8},
    {"LANES": 5, "CHANNELS": 13, **_WIDE},
    {"LANES": 7, "CHANNELS": 7, **_S8, "ACT_SIGNED": 0, "EPS": 1},
    {"LANES": 1, "CHANNELS": 13, **_S8, "INDEX_W": 4},
    {"LANES": 1, "CHANNELS": 1, **_S8, "FRACTION": 30},
    {"LANES": 10, "CHANNELS": 99, **_WIDE, "ACT_SIGNED": 0, "EPS": 1 << 58},
    {"LANES": 2, "CHANNELS": 2, **_S8, "QMIN": 0, "QMAX": 255},
    {"LANES": 3, "CHANNELS": 5, "ACT_W": 1, "ACT_SIGNED": 0, "EPS": 1, "INDEX_W": 10, "FRACTION": -16,
     "OUT_W": 2, "QMIN": -2, "QMAX": 1, **_FILE},
    {"LANES": 4, "CHANNELS": 6, "ACT_W": 2, "ACT_SIGNED": 1, "EPS": 3, "INDEX_W": 6, "FRACTION": 12,
     "OUT_W": 1, "QMIN": 0, "QMAX": 1, **_FILE},
]  # fmt: skip


def roots(case: dict[str, Any]) -> list[int]:
    """Entries that fall as 1 / sqrt(place) does, the largest of them the largest of 16 bits."""
    size = 1 << case["INDEX_W"]
    return [int(65_535 * (size / place) ** 0.5) for place in range(size, 4 * size)]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory file."""
    (folder / case["FILE"]).write_text("".join(f"{entry:x}\n" for entry in roots(case)), encoding="ascii")


def normalised(pixel: list[int], table: list[int], case: dict[str, int]) -> list[int]:
    """Rule N2 on one pixel."""
    differences = [len(pixel) * x - sum(pixel) for x in pixel]
    variance = sum(d * d for d in differences) + case["EPS"]
    pairs = -(-variance.bit_length() // 2)
    place = int(Fraction(variance << (case["INDEX_W"] + 2), 4**pairs))
    factor = table[place - (1 << case["INDEX_W"])]
    results = [rounded(d * factor / Fraction(2) ** (pairs + case["FRACTION"]), 1) for d in differences]
    return [min(max(y, case["QMIN"]), case["QMAX"]) for y in results]


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def normalises(dut: Any, pattern: str) -> None:
    """Pixels with all values equal, one that differs, two extremes, values close together, and any."""
    case = params()
    source = random.Random(3)
    table = roots(case)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    lanes, channels = case["LANES"], case["CHANNELS"]
    beats = -(-channels // lanes)
    words, results = [], []
    for index in range(PIXELS):
        base = source.randint(low, high)
        near = range(max(low, base - 3), min(high, base + 3) + 1)
        choices = [[source.choice([low, high])], [low], [low, high], near, range(low, high + 1)]
        pixel = source.choices(choices[index % 5], k=channels)
        if index % 5 == 1:
            pixel[source.randrange(channels)] = high
        filling = [source.randint(low, high) for _ in range(beats * lanes - channels)]
        result = normalised(pixel, table, case) + [0] * len(filling)
        pixel += filling
        for first in range(0, beats * lanes, lanes):
            words.append(pack(pixel[first : first + lanes], case["ACT_W"]))
            results.append(pack(result[first : first + lanes], case["OUT_W"]))
    masks = live_masks(channels, lanes, case["OUT_W"])
    await check_engine(dut, pattern, {"s_axis": words}, results, masks)


@cocotb.test()
async def has_its_latency(dut: Any) -> None:
    """The formula in the module's header."""
    case = params()
    lanes, beats = case["LANES"], -(-case["CHANNELS"] // case["LANES"])
    assert await first_result(dut, [0] * beats) == beats + 2 * (lanes - 1).bit_length() + 19
