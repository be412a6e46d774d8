"""hwq_softmax against exact fractions: the largest alone, all equal, any; shares of each pixel; its rate."""

import random
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cocotb
from engine import act_range, check_engine, first_result, live_masks, rounded
from exponentials import entries, exponential, write_table
from streams import STALLS, pack, params

PIXELS = 30

_TABLE = {"FILE": "exps.mem", "first": 65_535}
_S8 = {"ACT_W": 8, "ACT_SIGNED": 1, "STEP": 0, "ENTRIES": 180, "halving": 11, "RECIP_W": 32, "OUT_W": 8, **_TABLE}
_S16 = {"ACT_W": 16, "ACT_SIGNED": 1, "STEP": 6, "ENTRIES": 700, "halving": 2900, "RECIP_W": 46, "OUT_W": 16, **_TABLE}

CASES: list[dict[str, int | str]] = [
    {"LANES": 2, "CHANNELS": 7, **_S8},
    {"LANES": 5, "CHANNELS": 13, **_S16},
    {"LANES": 7, "CHANNELS": 7, **_S8},
    {"LANES": 1, "CHANNELS": 40, **_S8},
    {"LANES": 3, "CHANNELS": 64, **_S8, "RECIP_W": 24},
    {"LANES": 1, "CHANNELS": 1, **_S8, "ACT_SIGNED": 0},
    {"LANES": 10, "CHANNELS": 99, **_S8, "first": 32_768, "RECIP_W": 24, "halving": 1, "ENTRIES": 256},
    {"LANES": 4, "CHANNELS": 10, **_S8, "ACT_SIGNED": 0, "STEP": 3, "ENTRIES": 33, "halving": 20},
    {"LANES": 2, "CHANNELS": 5, "ACT_W": 2, "ACT_SIGNED": 0, "STEP": 0, "ENTRIES": 3, "halving": 1,
     "RECIP_W": 17, "OUT_W": 1, **_TABLE},
    {"LANES": 3, "CHANNELS": 3, "ACT_W": 1, "ACT_SIGNED": 1, "STEP": 1, "ENTRIES": 2, "halving": 1,
     "RECIP_W": 24, "OUT_W": 4, **_TABLE},
]  # fmt: skip


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory file."""
    write_table(case, folder)


def shares(pixel: list[int], table: list[int], case: dict[str, int]) -> list[int]:
    """Rule N1 on one pixel."""
    exps = [exponential(table, case["STEP"], max(pixel) - x) for x in pixel]
    reciprocal = int(Fraction(1 << case["RECIP_W"], sum(exps)))
    scale = 1 << (case["RECIP_W"] - case["OUT_W"])
    return [min(rounded(Fraction(e * reciprocal, scale), 1), (1 << case["OUT_W"]) - 1) for e in exps]


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def shares_out(dut: Any, pattern: str) -> None:
    """Pixels with all values equal, one that towers above the others, extremes, values near the maximum, and any."""
    case = params()
    source = random.Random(3)
    table = entries(case)
    low, high = act_range(case["ACT_W"], case["ACT_SIGNED"])
    lanes, channels = case["LANES"], case["CHANNELS"]
    beats = -(-channels // lanes)
    words, results = [], []
    for index in range(PIXELS):
        near = max(low, high - 2 * int(case["halving"]))
        choices = [[source.choice([low, high])], [low], [low, high], range(near, high + 1), range(low, high + 1)]
        pixel = source.choices(choices[index % 5], k=channels)
        if index % 5 == 1:
            pixel[source.randrange(channels)] = high
        filling = [source.randint(low, high) for _ in range(beats * lanes - channels)]
        share = shares(pixel, table, case) + [0] * len(filling)
        pixel += filling
        for first in range(0, beats * lanes, lanes):
            words.append(pack(pixel[first : first + lanes], case["ACT_W"]))
            results.append(pack(share[first : first + lanes], case["OUT_W"]))
    masks = live_masks(channels, lanes, case["OUT_W"])
    cycles = await check_engine(dut, pattern, {"s_axis": words}, results, masks, cycles_per_beat=0)
    if pattern == "free":
        ends = cycles[beats - 1 :: beats]
        assert {after - end for end, after in pairwise(ends)} == {max(beats, case["RECIP_W"] - 13)}


@cocotb.test()
async def has_its_latency(dut: Any) -> None:
    """The formula in the module's header."""
    case = params()
    lanes, beats = case["LANES"], -(-case["CHANNELS"] // case["LANES"])
    want = beats + 2 * (lanes - 1).bit_length() + case["RECIP_W"] + (4 if case["STEP"] else 1)
    assert await first_result(dut, [0] * beats) == want
