"""hwq_fork: each output gets each beat once, however the outputs stall."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import STALLS, StreamSource, params, read, reset, start_clock

CASES: list[dict[str, int]] = [{"W": 8, "N": outputs} for outputs in (2, 1, 3, 4)]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def delivers_once(dut: Any, pattern: str) -> None:
    """All outputs give all words in order, each with its own stalls."""
    p, stall, rng = params(), STALLS[pattern], random.Random(pattern)
    words = [rng.getrandbits(p["W"]) for _ in range(80)]
    source = StreamSource(dut, stall=stall[0])
    dut.m_axis_tready.value = 0
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(words))
    got: list[list[int]] = [[] for _ in range(p["N"])]
    stalled = 0
    cycles = 0
    while min(len(output) for output in got) < len(words):
        ready = sum((rng.random() >= stall[1]) << output for output in range(p["N"]))
        dut.m_axis_tready.value = ready
        await RisingEdge(dut.clk)
        valid, word = read(dut.m_axis_tvalid), read(dut.m_axis_tdata) if read(dut.m_axis_tvalid) else 0
        assert stalled & ~valid == 0, "valid dropped before the beat was taken"
        stalled = valid & ~ready
        for output in range(p["N"]):
            if valid & ready & (1 << output):
                got[output].append(word)
        cycles += 1
        assert cycles < 200 * len(words), "the fork hangs"
    assert got == [words] * p["N"]
    if pattern == "free":
        assert cycles <= len(words) + 1
