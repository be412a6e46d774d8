"""hwq_frame_out: tlast on the last beat of each frame, and nowhere else."""

import random
from typing import Any

import cocotb
from streams import STALLS, StreamSink, StreamSource, params, reset, start_clock

CASES: list[dict[str, int]] = [{"W": 8, "BEATS": beats} for beats in (5, 1, 2, 8)]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def marks_frames(dut: Any, pattern: str) -> None:
    """Data passes unchanged; tlast follows the beat count under each stall pattern."""
    p, stall, rng = params(), STALLS[pattern], random.Random(pattern)
    words = [rng.getrandbits(p["W"]) for _ in range(6 * p["BEATS"])]
    source, sink = StreamSource(dut, stall=stall[0]), StreamSink(dut, stall=stall[1])
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(words))
    assert await sink.receive(len(words)) == words
    assert sink.lasts == 6 * [*[0] * (p["BEATS"] - 1), 1]
