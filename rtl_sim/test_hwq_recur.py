"""hwq_recur against plain integers: passes, steps and frames, resets of sums, with every row held back at will."""

import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from engine import act_range
from recurrent import Case, Layer, case, frames, write_matrix
from streams import STALLS, StreamSource, params, reset, start_clock

RENAMED = {"OUT_W": "VEC_W", "OUT_SIGNED": "VEC_SIGNED"}


def _case(rows0: int, rows1: int, steps: int, units: int, pe: int, simd: int, vec: str, x: str, **others: Any) -> Case:
    """The parameters of the module itself, which has those of its pre-activations without a prefix."""
    made = case(1, steps, units, pe, simd, vec, others.pop("WGT_W", 8), x, **others)
    named = {RENAMED.get(name, name.removeprefix("GATE_")): value for name, value in made.items()}
    return named | {"ROWS0": rows0, "ROWS1": rows1, "rows": rows0 + rows1}


CASES: list[Case] = [
    _case(12, 0, 3, 5, 2, 2, "s8", "s16", MUL_EN=1, M_W=12, GATE_SHIFT=20),
    _case(6, 3, 2, 3, 3, 1, "s8", "s8", RESET=1, FRACTION=6, GAIN_W=8),
    _case(4, 0, 1, 1, 1, 1, "u4", "u12", FACTOR_W=1),
    _case(7, 0, 4, 4, 1, 4, "s16", "s16", WGT_W=16, MUL_EN=1, MANT_W=2, M_W=4, GATE_SHIFT=32, GATE_ROUND=2),
    _case(8, 5, 2, 7, 4, 2, "u8", "s4", GATE_ROUND=3),
    _case(2, 1, 3, 2, 1, 2, "s2", "s2", WGT_W=2, P_W=3, GATE_QMIN=-4, GATE_QMAX=3, GATE_SHIFT=2, GATE_ROUND=0),
]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Memory files."""
    write_matrix(case, folder)


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def makes_pre_activations(dut: Any, pattern: str) -> None:
    """The vector of each pass is made up here, and handed in some time after the last row of the pass before."""
    made = params()
    layer = Layer(made | {f"GATE_{name}": made[name] for name in ("SHIFT", "ROUND", "ZERO", "QMIN", "QMAX")})
    source = random.Random(11)
    reset_after = made.get("RESET", 0)
    point = made.get("FRACTION", 0)
    dut.go.value, dut.vec_valid.value, dut.gain.value = 0, 0, 0
    start_clock(dut)
    stalls = STALLS[pattern]
    stream = StreamSource(dut, "s_axis", stalls[0])
    await reset(dut)
    pixels = [pixel for frame in frames(made["STEPS"], made["rows"], made["X_W"], made["X_SIGNED"]) for pixel in frame]
    words = [value & ((1 << made["X_W"]) - 1) for pixel in pixels for value in pixel]
    sending = cocotb.start_soon(stream.send(words))
    vector_range = act_range(made["VEC_W"], made["VEC_SIGNED"])
    for number, x in enumerate(pixels):
        if number % made["STEPS"] == 0:
            vector = [0] * made["UNITS"]
        for rows in (range(made["ROWS0"]), range(made["ROWS0"], made["rows"])):
            if not rows:
                continue
            gains = [source.choice([0, 1 << point, source.randint(0, 1 << point)]) for _ in rows]
            want = []
            for row, gain in zip(rows, gains, strict=True):
                total = layer.sum(row, vector)
                if reset_after:
                    total = (total * gain + (1 << point >> 1)) >> point
                want.append(layer.p(row, total, x) & ((1 << made["P_W"]) - 1))
            assert await _pass(dut, source, stalls[1], gains) == want, f"pixel {number}"
            vector = [source.choice([*vector_range, source.randint(*vector_range)]) for _ in range(made["UNITS"])]
            await _hand_in(dut, source, stalls[1], vector, made["VEC_W"])
    await sending


async def _pass(dut: Any, source: random.Random, stall: float, gains: list[int]) -> list[int]:
    """Let the rows of a pass begin, each with its gain a cycle later; returns their pre-activations."""
    found: list[int] = []
    fired = 0
    idle = 0
    while len(found) < len(gains):
        dut.go.value = int(source.random() >= stall)
        await RisingEdge(dut.clk)
        if int(dut.fire.value):
            dut.gain.value = gains[fired]
            fired += 1
        if int(dut.p_valid.value):
            found.append(int(dut.p.value))
        idle += 1
        assert idle < 5000, f"{len(found)} of {len(gains)} rows came"
    dut.go.value = 1
    return found


async def _hand_in(dut: Any, source: random.Random, stall: float, vector: list[int], bits: int) -> None:
    for value in vector:
        while source.random() < stall:
            dut.vec_valid.value = 0
            await RisingEdge(dut.clk)
            assert not int(dut.fire.value), "a row began before its vector was complete"
        dut.vec_valid.value, dut.vec.value = 1, value & ((1 << bits) - 1)
        await RisingEdge(dut.clk)
        assert not int(dut.fire.value), "a row began before its vector was complete"
    dut.vec_valid.value = 0
