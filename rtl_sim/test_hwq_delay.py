"""hwq_delay: N enabled shifts."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from streams import params, read, reset, start_clock

CASES: list[dict[str, int]] = [{"W": 7, "N": shifts} for shifts in (5, 2, 1, 0, 3, 16)]


@cocotb.test()
@cocotb.parametrize(hold=[0.0, 0.5, 0.9])
async def delays(dut: Any, hold: float) -> None:
    """After its shift a word needs N - 1 more to come out; a cycle without enable changes nothing."""
    p, rng = params(), random.Random(3)
    dut.en.value, dut.d.value = 0, 0
    start_clock(dut)
    await reset(dut)
    shifted: list[int] = []
    checked = 0
    while checked < 60:
        word, enable = rng.getrandbits(p["W"]), int(rng.random() >= hold)
        dut.d.value, dut.en.value = word, enable
        await RisingEdge(dut.clk)
        if enable:
            shifted.append(word)
        await FallingEdge(dut.clk)
        if p["N"] == 0:
            assert read(dut.q) == word
        elif len(shifted) >= p["N"]:
            assert read(dut.q) == shifted[-p["N"]]
        checked += enable
