"""hwq_weights against lists: words as they are, and through one table or a table of each PE and fold."""

import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import pack, params, start_clock

_FILES: dict[str, int | str] = {"FILE": "codes.mem", "TABLE_FILE": "tables.mem"}

CASES: list[dict[str, int | str]] = [
    {"PE": 3, "SIMD": 2, "WGT_W": 8, "CODE_W": 3, "ENTRIES": 5, "CHANNEL_TABLES": 1, "SF": 4, "NF": 3, **_FILES},
    {"PE": 2, "SIMD": 3, "WGT_W": 8, "CODE_W": 4, "ENTRIES": 16, "CHANNEL_TABLES": 0, "SF": 4, "NF": 3, **_FILES},
    {"PE": 2, "SIMD": 3, "WGT_W": 5, "CODE_W": 5, "SF": 4, "NF": 3, "FILE": "codes.mem"},
    {"PE": 1, "SIMD": 1, "WGT_W": 16, "CODE_W": 8, "ENTRIES": 256, "CHANNEL_TABLES": 1, "SF": 1, "NF": 1, **_FILES},
    {"PE": 4, "SIMD": 1, "WGT_W": 2, "CODE_W": 1, "ENTRIES": 2, "CHANNEL_TABLES": 1, "SF": 1, "NF": 2, **_FILES},
    {"PE": 1, "SIMD": 2, "WGT_W": 8, "CODE_W": 9, "ENTRIES": 257, "CHANNEL_TABLES": 0, "SF": 2, "NF": 2, **_FILES},
]


def contents(case: dict[str, Any]) -> tuple[list[list[int]], list[list[list[int]]]]:
    """Codes [step][lane] and tables [fold][PE][entry], the same for the files and for the check."""
    source = random.Random(case["WGT_W"])
    most = case.get("ENTRIES") or 1 << case["CODE_W"]
    lanes, steps = case["PE"] * case["SIMD"], case["NF"] * case["SF"]
    codes = [[source.randrange(most) for _ in range(lanes)] for _ in range(steps)]
    tables = [
        [[source.getrandbits(case["WGT_W"]) for _ in range(most)] for _ in range(case["PE"])] for _ in range(steps)
    ]
    return codes, tables if case.get("CHANNEL_TABLES") else [[tables[0][0]] * case["PE"]] * case["NF"]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory files."""
    codes, tables = contents(case)
    words = [pack(lanes, case["CODE_W"]) for lanes in codes]
    (folder / case["FILE"]).write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")
    if case.get("ENTRIES"):
        rows = [[v for table in tables[nf] for v in table] for nf in range(case["NF"])]
        words = [pack(row, case["WGT_W"]) for row in (rows if case["CHANNEL_TABLES"] else [tables[0][0]])]
        (folder / case["TABLE_FILE"]).write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")


@cocotb.test()
async def reads_each_step(dut: Any) -> None:
    """Steps in any order, one a cycle, each with the tables of its fold."""
    case = params()
    codes, tables = contents(case)
    latency = 3 if case.get("ENTRIES") else 2
    steps = list(range(len(codes))) + random.Random(1).choices(range(len(codes)), k=100)
    start_clock(dut)
    got = []
    for step in [*steps, *[0] * latency]:
        dut.step.value, dut.nf.value = step, step // case["SF"]
        await RisingEdge(dut.clk)
        got.append(dut.weights.value)
    want = []
    for step in steps:
        table = tables[step // case["SF"]]
        coded = [
            table[lane // case["SIMD"]][code] if case.get("ENTRIES") else code for lane, code in enumerate(codes[step])
        ]
        want.append(pack(coded, case["WGT_W"]))
    assert [int(value) for value in got[latency:]] == want
