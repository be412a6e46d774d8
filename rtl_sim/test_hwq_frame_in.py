"""hwq_frame_in: passes the beats, and reports a tlast that is early, late or missing."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import STALLS, StreamSink, StreamSource, params, read, reset, start_clock

CASES: list[dict[str, int]] = [{"W": 8, "BEATS": beats} for beats in (5, 1, 2, 8)]
FRAMES = 6


async def run(dut: Any, lasts: list[int], stall: tuple[float, float]) -> int:
    """Send frames with these tlasts, check the data, and return `frame_error`."""
    p, rng = params(), random.Random(11)
    words = [rng.getrandbits(p["W"]) for _ in lasts]
    source, sink = StreamSource(dut, stall=stall[0]), StreamSink(dut, stall=stall[1])
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(words, lasts))
    assert await sink.receive(len(words)) == words
    await RisingEdge(dut.clk)
    return read(dut.frame_error)


def right(beats: int) -> list[int]:
    """The tlasts of FRAMES frames."""
    return FRAMES * [*[0] * (beats - 1), 1]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def accepts(dut: Any, pattern: str) -> None:
    """Frames with tlast on their last beat raise no error."""
    assert await run(dut, right(params()["BEATS"]), STALLS[pattern]) == 0


@cocotb.test()
@cocotb.parametrize(beat=[0, 1, -1])
async def reports(dut: Any, beat: int) -> None:
    """One wrong tlast, in the second frame, is reported and stays reported."""
    lasts = right(params()["BEATS"])
    lasts[2 * params()["BEATS"] + beat] ^= 1
    assert await run(dut, lasts, STALLS["random"]) == 1
