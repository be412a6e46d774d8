"""hwq_rom against the list of its words: random addresses, two cycles of latency."""

import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import params, start_clock

CASES: list[dict[str, int | str]] = [
    {"W": 13, "DEPTH": 21, "FILE": "rom.mem"},
    {"W": 200, "DEPTH": 1, "FILE": "rom.mem", "STYLE": "distributed"},
    {"W": 1, "DEPTH": 64, "FILE": "rom.mem", "STYLE": "block"},
]


def words(width: int, depth: int) -> list[int]:
    """The same words for the memory file and for the check."""
    source = random.Random(depth)
    return [source.getrandbits(width) for _ in range(depth)]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory file."""
    lines = [f"{word:x}\n" for word in words(case["W"], case["DEPTH"])]
    (folder / case["FILE"]).write_text("".join(lines), encoding="ascii")


@cocotb.test()
async def reads_each_word_after_two_cycles(dut: Any) -> None:
    """Each address gives its word two cycles later, one a cycle."""
    case = params()
    want = words(case["W"], case["DEPTH"])
    addresses = list(range(case["DEPTH"])) + random.Random(1).choices(range(case["DEPTH"]), k=100)
    start_clock(dut)
    got = []
    for address in [*addresses, 0, 0]:
        dut.addr.value = address
        await RisingEdge(dut.clk)
        got.append(dut.data.value)
    assert [int(value) for value in got[2:]] == [want[address] for address in addresses]
