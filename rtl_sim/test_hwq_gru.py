"""hwq_gru against plain integers: both places of the reset gate, frames back to back, at the cycles promised."""

import math
from pathlib import Path
from typing import Any

import cocotb
from engine import Params, check_engine, requantised
from recurrent import (
    Case,
    Layer,
    Vector,
    case,
    check_reset,
    curve_params,
    frames,
    looked_up,
    pass_cycles,
    sigmoid,
    table,
    write_curve,
    write_matrix,
)
from streams import STALLS, pack, params

GATES = 3


def tables(case: Params) -> list[Vector]:
    """Entries of sigmoid and tanh."""
    return [table(f, case["P_W"], case["CURVE_STEP"], case["FRACTION"]) for f in (sigmoid, math.tanh)]


def _case(*matrix: Any, fraction: int = 14, step: int = 4, after: int = 0, **others: Any) -> Case:
    """`fraction` bits behind the point of gates; outputs lie within -1 to 1."""
    made: dict[str, Any] = case(GATES, *matrix, FACTOR_W=others.pop("FACTOR_W", 3)) | {
        "CURVE_STEP": step, "FRACTION": fraction, "RESET_AFTER": after, "ROUND": 1, "ZERO": 0,
    }  # fmt: skip
    bits, signed = made["OUT_W"], made["OUT_SIGNED"]
    point = bits - signed
    made |= {"SA": max(0, fraction - point), "SB": max(0, point - fraction)}
    made |= {"SHIFT": fraction + made["SA"], "QMIN": -(1 << (bits - 1)) if signed else 0, "QMAX": (1 << point) - 1}
    made |= others
    return made | curve_params("CURVE", tables(made), step, 16, 1)


_P6: Case = {"P_W": 6, "GATE_SHIFT": 4, "GATE_QMIN": -32, "GATE_QMAX": 31}

CASES: list[Case] = [
    _case(3, 3, 2, 2, "s8", 8, "s16", MUL_EN=1, M_W=12, GATE_SHIFT=20),
    _case(3, 3, 2, 2, "s8", 8, "s16", after=1),
    _case(2, 5, 5, 1, "s16", 8, "s8", step=0, ROUND=2, after=1),
    _case(1, 4, 4, 1, "u4", 4, "u12", step=8, fraction=7, GATE_ROUND=3),
    _case(4, 1, 1, 1, "s8", 16, "s16", FACTOR_W=12, ROUND=0),
    _case(4, 3, 1, 2, "s3", 3, "s2", step=0, fraction=3, after=1, MUL_EN=1, MANT_W=1, M_W=2, ROUND=3, **_P6),
]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Memory files."""
    write_matrix(case, folder)
    write_curve(case, "CURVE", tables(case), folder)


def stimulus(case: Params) -> tuple[Vector, Vector]:
    """Beats in and out of all frames."""
    words, results = [], []
    for frame in frames(case["STEPS"], case["rows"], case["X_W"], case["X_SIGNED"]):
        h = [0] * case["UNITS"]
        for x in frame:
            h = step(case, x, h)
            words += [pack([value], case["X_W"]) for value in x]
            results += [pack([value], case["OUT_W"]) for value in h]
    return words, results


def step(case: Params, x: Vector, h: Vector) -> Vector:
    """The vector after one pixel."""
    layer, unity = Layer(case), 1 << case["FRACTION"]
    sigmoids, tanhs = tables(case)
    units = range(case["UNITS"])

    def gate(row: int) -> int:
        return looked_up(case, "CURVE", sigmoids, case["P_W"], layer.p(row, layer.sum(row, h), x))

    def reset(gain: int, value: int) -> int:
        return (gain * value + unity // 2) // unity

    z, r = ([gate(2 * unit + place) for unit in units] for place in (0, 1))
    vector = h if case["RESET_AFTER"] else [reset(gain, value) for gain, value in zip(r, h, strict=True)]
    found = []
    for unit in units:
        row = 2 * len(units) + unit
        total = layer.sum(row, vector)
        if case["RESET_AFTER"]:
            total = reset(r[unit], total)
        n = looked_up(case, "CURVE", tanhs, case["P_W"], layer.p(row, total, x))
        kept, new = z[unit] * h[unit] << case["SA"], (unity - z[unit]) * n << case["SB"]
        found.append(requantised(kept + new, 1, case))
    return found


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def moves_towards_candidates(dut: Any, pattern: str) -> None:
    """Every unit after every step; a frame takes the cycles of its passes where nothing stalls."""
    case = params()
    words, results = stimulus(case)
    cycles = await check_engine(dut, pattern, {"s_axis": words}, results, cycles_per_beat=0)
    if pattern == "free":
        units, behind = case["UNITS"], 5 + (8 if case["CURVE_STEP"] else 5)
        expected = case["STEPS"] * sum(pass_cycles(case, rows, behind) for rows in (2 * units, units))
        assert cycles[-1] - cycles[-1 - units * case["STEPS"]] == expected


@cocotb.test()
async def forgets_at_a_reset(dut: Any) -> None:
    """A frame that a reset cuts short leaves nothing behind."""
    await check_reset(dut, *stimulus(params()))
