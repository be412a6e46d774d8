"""hwq_crop against plain lists: the beats whose step and whose place in the step stay."""

import random
from pathlib import Path
from typing import Any

import cocotb
from engine import check_engine
from streams import STALLS, params

BLOCKS = 9
STARTUP = 3
"""Cycles after a reset until the first bit is known."""


def crop_case(steps: str, beats: str, bits: tuple[int, int] = (8, 8)) -> dict[str, Any]:
    """Parameters of one case; the masks as texts of 0 and 1."""
    case: dict[str, Any] = {"step": steps, "beat": beats, "STEPS": len(steps), "BEATS": len(beats)}
    return case | {"IN_W": bits[0], "OUT_W": bits[1], "STEP_FILE": "step.mem", "BEAT_FILE": "beat.mem"}


CASES: list[dict[str, Any]] = [
    crop_case("01110", "0011100"),
    crop_case("1", "110", (12, 8)),
    crop_case("1", "1"),
    crop_case("10101", "1"),
    crop_case("0000001", "0000000001", (16, 1)),
    crop_case("1", "1000000000000000000"),
    crop_case("11", "01", (1, 1)),
]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the two memories, one bit a word."""
    for name in ("step", "beat"):
        (folder / f"{name}.mem").write_text("".join(f"{bit}\n" for bit in case[name]), encoding="ascii")


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def crops(dut: Any, pattern: str) -> None:
    """Blocks back to back, a beat in each cycle."""
    case: dict[str, Any] = dict(params())
    rng = random.Random(5)
    keep = [s == "1" and t == "1" for s in case["step"] for t in case["beat"]]
    words = [rng.getrandbits(case["IN_W"]) for _ in range(BLOCKS * len(keep))]
    low = (1 << case["OUT_W"]) - 1
    want = [word & low for index, word in enumerate(words) if keep[index % len(keep)]]
    await check_engine(dut, pattern, {"s_axis": words}, want, startup=STARTUP)
