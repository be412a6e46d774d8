"""hwq_fifo: order, capacity and full rate."""

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles
from streams import STALLS, StreamSink, StreamSource, params, reset, start_clock

CASES: list[dict[str, int]] = [
    {"W": width, "DEPTH": depth, "full_rate": 2} for width, depth in [(9, 4), (9, 1), (9, 2), (9, 3), (9, 17), (1, 8)]
]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def keeps_order(dut: Any, pattern: str) -> None:
    """Every word comes out once and in order; one a cycle from `full_rate` words on when nothing stalls."""
    p, stall, rng = params(), STALLS[pattern], random.Random(pattern)
    words = [rng.getrandbits(p["W"]) for _ in range(12 * p["DEPTH"] + 40)]
    source, sink = StreamSource(dut, stall=stall[0]), StreamSink(dut, stall=stall[1])
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(words))
    assert await sink.receive(len(words)) == words
    if pattern == "free" and p["DEPTH"] >= p["full_rate"]:
        assert sink.cycles[-1] - sink.cycles[0] == len(words) - 1


@cocotb.test()
async def holds_depth_words(dut: Any) -> None:
    """With a blocked output exactly DEPTH words go in, and they come out unchanged after that."""
    p, rng = params(), random.Random(7)
    words = [rng.getrandbits(p["W"]) for _ in range(p["DEPTH"] + 5)]
    source, sink = StreamSource(dut), StreamSink(dut)
    start_clock(dut)
    await reset(dut)
    moved: list[int] = []
    cocotb.start_soon(source.send(words, moved=moved))
    await ClockCycles(dut.clk, p["DEPTH"] + 20)
    assert len(moved) == p["DEPTH"]
    assert await sink.receive(len(words)) == words
