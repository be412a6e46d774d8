"""hwq_folds: the place of each beat, wherever there are gaps between beats."""

import random
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge
from streams import params, read, reset, start_clock

CASES: list[dict[str, int]] = [{"SF": sf, "NF": nf} for sf, nf in ((3, 2), (1, 1), (1, 4), (5, 1), (2, 3))]


@cocotb.test()
@cocotb.parametrize(gaps=[0.0, 0.5])
async def counts(dut: Any, gaps: float) -> None:
    """Three rounds of all folds."""
    p, rng = params(), random.Random(7)
    dut.fire.value = 0
    start_clock(dut)
    await reset(dut)
    place = 0
    for _ in range(200):
        nf, sf = divmod(place, p["SF"])
        fire = place < p["SF"] * p["NF"] * 3 and rng.random() >= gaps
        dut.fire.value = int(fire)
        await ReadOnly()
        assert (read(dut.first), read(dut.last)) == (sf == 0, sf == p["SF"] - 1)
        assert (read(dut.nf), read(dut.last_nf)) == (nf % p["NF"], nf % p["NF"] == p["NF"] - 1)
        assert read(dut.word) == place % (p["SF"] * p["NF"])
        await RisingEdge(dut.clk)
        place += fire
    assert place == p["SF"] * p["NF"] * 3
