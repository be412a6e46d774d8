"""hwq_adders beside a graph that passes its inputs on as sums: results in order, a beat a cycle, nothing lost."""

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge
from engine import act_range, check_engine, requantised
from streams import STALLS, pack, params

_S8: dict[str, int | str] = {"OUT_W": 8, "ZERO": 0, "QMIN": -128, "QMAX": 127}

CASES: list[dict[str, int | str]] = [
    {"IN_W": 36, "STAGES": 3, "LANES": 3, "ACC_W": 12, "SHIFT": 4, "ROUND": 0, **_S8},
    {"IN_W": 20, "STAGES": 1, "LANES": 2, "ACC_W": 10, "SHIFT": 0, "ROUND": 0, **_S8},
    {"IN_W": 80, "STAGES": 2, "LANES": 2, "ACC_W": 40, "SHIFT": 30, "ROUND": 2, "OUT_W": 4, "ZERO": 3, "QMIN": 0,
     "QMAX": 15},
]  # fmt: skip

BEATS = 200


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def streams(dut: Any, pattern: str) -> None:
    """The sums of a beat, STAGES - 1 cycles later, become its results."""
    case = params()
    low, high = act_range(case["ACC_W"], 1)
    source = random.Random(5)
    rows = [[source.randint(low, high) for _ in range(case["LANES"])] for _ in range(BEATS)]
    words = [pack(row, case["ACC_W"]) for row in rows]
    results = [pack([requantised(value, 1, case) for value in row], case["OUT_W"]) for row in rows]
    graph = cocotb.start_soon(_graph(dut, case["STAGES"]))
    await check_engine(dut, pattern, {"s_axis": words}, results)
    graph.cancel()


async def _graph(dut: Any, stages: int) -> None:
    """Registers behind `x`."""
    held = deque([0] * stages, maxlen=stages)
    while True:
        await FallingEdge(dut.clk)
        seen = dut.x.value
        held.append(int(seen) if seen.is_resolvable else 0)
        dut.acc.value = held[0]
        await RisingEdge(dut.clk)
