"""hwq_pattern against two nested loops: words, flags and latency, asked for with and without pauses."""

import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from streams import params, read, reset, start_clock

CYCLES = 200

CASES: list[dict[str, Any]] = [
    {"STEPS": 3, "BEATS": 5, "STEP_W": 7, "BEAT_W": 4},
    {"STEPS": 1, "BEATS": 1, "STEP_W": 1, "BEAT_W": 1},
    {"STEPS": 6, "BEATS": 1, "STEP_W": 3, "BEAT_W": 2},
    {"STEPS": 1, "BEATS": 8, "STEP_W": 2, "BEAT_W": 40},
]
for number, one in enumerate(CASES):
    one |= {"STEP_FILE": "step.mem", "BEAT_FILE": "beat.mem", "seed": number}


def memory(case: dict[str, Any], which: str) -> list[int]:
    """The same words for a memory file and for the check."""
    rng = random.Random(f"{which}{case['seed']}")
    return [rng.getrandbits(case[f"{which}_W"]) for _ in range(case[f"{which}S"])]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Write the memory files."""
    for which in ("STEP", "BEAT"):
        words = "".join(f"{word:x}\n" for word in memory(case, which))
        (folder / f"{which.lower()}.mem").write_text(words, encoding="ascii")


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.6])
async def walks_the_loops(dut: Any, pause: float) -> None:
    """Each iteration comes two cycles after it was asked for."""
    case: dict[str, Any] = dict(params())
    steps, beats = memory(case, "STEP"), memory(case, "BEAT")
    rng = random.Random(2)
    dut.en.value = 0
    start_clock(dut)
    await reset(dut)
    asked = [False, False]
    seen = 0
    for _ in range(CYCLES):
        enable = rng.random() >= pause
        dut.en.value = int(enable)
        await RisingEdge(dut.clk)
        asked.append(enable)
        assert read(dut.valid) == asked[-3]
        if asked[-3]:
            s, t = divmod(seen % (len(steps) * len(beats)), len(beats))
            last = t == len(beats) - 1
            assert (read(dut.step), read(dut.beat)) == (steps[s], beats[t])
            assert (read(dut.first), read(dut.last)) == (t == 0, last)
            assert read(dut.over) == (last and s == len(steps) - 1)
            seen += 1
    assert seen > CYCLES / 4
