"""hwq_deal: each output gets the beats of its turns, in order, and none before; at full rate."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import STALLS, StreamSource, params, read, reset, start_clock

CASES: list[dict[str, int]] = [
    {"W": bits, "N": outputs, "BEATS": beats} for bits, outputs, beats in ((8, 2, 3), (5, 3, 1), (1, 1, 4), (12, 4, 5))
]


@cocotb.test()
@cocotb.parametrize(pattern=sorted(STALLS))
async def takes_turns(dut: Any, pattern: str) -> None:
    """Every output stalls by itself; what it gets are whole turns, its own."""
    p, stall, rng = params(), STALLS[pattern], random.Random(pattern)
    size, width = p["BEATS"], p["W"]
    words = [rng.getrandbits(width) for _ in range(size * p["N"] * 12 + size)]
    turns = [words[start : start + size] for start in range(0, len(words), size)]
    want = [[word for turn in turns[output :: p["N"]] for word in turn] for output in range(p["N"])]
    source = StreamSource(dut, stall=stall[0])
    dut.m_axis_tready.value = 0
    start_clock(dut)
    await reset(dut)
    cocotb.start_soon(source.send(words))
    got: list[list[int]] = [[] for _ in range(p["N"])]
    cycles = 0
    while sum(map(len, got)) < len(words):
        ready = sum((rng.random() >= stall[1]) << output for output in range(p["N"]))
        dut.m_axis_tready.value = ready
        await RisingEdge(dut.clk)
        valid = read(dut.m_axis_tvalid)
        assert valid & (valid - 1) == 0, "two outputs have a beat at once"
        for output in range(p["N"]):
            if valid & ready & (1 << output):
                got[output].append(read(dut.m_axis_tdata) >> (output * width) & ((1 << width) - 1))
        cycles += 1
        assert cycles < 200 * len(words), "it hangs"
    assert got == want
    if pattern == "free":
        assert cycles <= len(words) + 1
