"""hwq_credit under a modelled engine: nothing is lost, and the depth of full rate gives it."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from streams import STALLS, StreamSink, params, reset, start_clock

# latency: cycles from take to the first beat of its group; the depth of full rate is latency + GROUP + 1.
CASES: list[dict[str, int | str]] = [
    {"W": 8, "GROUP": 1, "DEPTH": 9, "latency": 7},
    {"W": 8, "GROUP": 4, "DEPTH": 11, "latency": 6},
    {"W": 8, "GROUP": 3, "DEPTH": 3, "latency": 5},
    {"W": 8, "GROUP": 1, "DEPTH": 1, "latency": 2},
]

GROUPS = 120


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def loses_nothing(dut: Any, pattern: str) -> None:
    """Groups taken whenever there is room all arrive, in order; at the proper depth without a pause."""
    case = params()
    group, latency = case["GROUP"], case["latency"]
    source_stall, sink_stall = STALLS[pattern]
    source = random.Random(1)
    sizes = [group if pattern == "free" else source.randint(1, group) for _ in range(GROUPS)]
    words = [source.randrange(256) for _ in range(sum(sizes))]
    dut.take.value, dut.valid_i.value = 0, 0
    start_clock(dut)
    sink = StreamSink(dut, "m_axis", sink_stall)
    await reset(dut)
    receiving = cocotb.start_soon(sink.receive(len(words)))
    arrivals: set[int] = set()
    sent, cycle, busy_until = 0, 0, 0
    waiting = list(sizes)
    while sent < len(words):
        await FallingEdge(dut.clk)  # `take` depends on `room` in the same cycle
        # An engine serves one group after the other: it takes the next when the last has had its cycles.
        wanted = bool(waiting) and cycle >= busy_until and source.random() >= source_stall
        take = wanted and int(dut.room.value) == 1
        dut.take.value = int(take)
        if take:
            size = waiting.pop(0)
            dut.take_n.value = size
            arrivals.update(range(cycle + latency, cycle + latency + size))
            busy_until = cycle + size
        dut.valid_i.value = int(cycle in arrivals)
        if cycle in arrivals:
            dut.data_i.value = words[sent]
            sent += 1
        await RisingEdge(dut.clk)
        cycle += 1
    dut.take.value, dut.valid_i.value = 0, 0
    assert await receiving == words
    if pattern == "free" and case["DEPTH"] >= latency + group + 1:
        assert sink.cycles[-1] - sink.cycles[0] == len(words) - 1, "not a beat a cycle"
