"""hwq_const: the words of the memory file in order, again and again, whatever stalls."""

import random
from pathlib import Path
from typing import Any

import cocotb
from streams import STALLS, StreamSink, params, reset, start_clock

FRAMES = 12
CASES: list[dict[str, int | str]] = [
    {"W": width, "BEATS": beats, "FILE": "const.mem"}
    for width, beats in ((8, 6), (1, 1), (130, 3), (5, 2), (16, 32), (7, 33))
]


def words(width: int, beats: int) -> list[int]:
    """The same words for the memory file and for the check."""
    source = random.Random(beats)
    return [source.getrandbits(width) for _ in range(beats)]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory file."""
    lines = [f"{word:x}\n" for word in words(case["W"], case["BEATS"])]
    (folder / case["FILE"]).write_text("".join(lines), encoding="ascii")


@cocotb.test()
@cocotb.parametrize(pattern=["free", "blocked", "random"])
async def repeats_without_end(dut: Any, pattern: str) -> None:
    """Frame after frame, at full rate where nothing stalls; a reset begins a frame anew."""
    case = params()
    frame = words(case["W"], case["BEATS"])
    sink = StreamSink(dut, stall=STALLS[pattern][1])
    start_clock(dut)
    for _ in range(2):
        await reset(dut)
        first = len(sink.cycles)
        count = FRAMES * len(frame) + len(frame) // 2
        assert await sink.receive(count) == (frame * (FRAMES + 1))[:count]
        if pattern == "free":
            assert sink.cycles[-1] - sink.cycles[first] == count - 1
