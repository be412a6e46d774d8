"""hwq_loops: the level of every iteration, and the outermost count."""

import random
from itertools import product
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import params, read, reset, start_clock

CASES: list[dict[str, int]] = [
    {f"N{index}": count for index, count in enumerate(counts)}
    for counts in [
        (2, 3, 2, 2, 3, 2, 4),
        (1, 1, 1, 1, 1, 1, 1),
        (1, 3, 1, 2, 1, 1, 5),
        (4, 1, 2, 1, 1, 3, 1),
        (1, 1, 2, 2, 3, 1, 2),
        6 * (1,) + (7,),
    ]
]


@cocotb.test()
@cocotb.parametrize(hold=[0.0, 0.6])
async def counts(dut: Any, hold: float) -> None:
    """Two rounds of all iterations, with enable held back at random."""
    sizes, rng = [params()[f"N{index}"] for index in range(7)], random.Random(5)
    dut.en.value = 0
    start_clock(dut)
    await reset(dut)
    for index in 2 * list(product(*(range(size) for size in reversed(sizes)))):
        inside = list(reversed(index))
        last = [count == size - 1 for count, size in zip(inside, sizes, strict=True)]
        level = last.index(False) if False in last else len(sizes)
        enable = False
        while not enable:
            enable = rng.random() >= hold
            dut.en.value = int(enable)
            await RisingEdge(dut.clk)
            assert (read(dut.level), read(dut.outer)) == (level, index[0])
