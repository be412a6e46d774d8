"""Driving modules that make several products with one factor in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from cocotb.triggers import RisingEdge
from streams import pack, start_clock, unpack

LATENCY = 3


async def check_products(dut: Any, tried: Sequence[tuple[int, ...]], case: Mapping[str, Any], count: int) -> None:
    """Each set of operands (a, b[0], .. b[count-1]) gives all of its products, `LATENCY` cycles later."""
    start_clock(dut)
    got: list[list[int]] = []
    for number, (a, *b) in enumerate([*tried, *tried[:LATENCY]]):
        dut.a.value, dut.b.value = pack([a], case["A_W"]), pack(b, case["B_W"])
        await RisingEdge(dut.clk)
        if number >= LATENCY:
            got.append(unpack(int(dut.p.value), case["A_W"] + case["B_W"], count, signed=True))
    assert got == [[a * each for each in b] for a, *b in tried]
