"""hwq_lstm against plain integers: all units of every step, frames back to back, at the cycles that are promised."""

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

GATES = 4
FORM = ("SHIFT", "ROUND", "ZERO", "QMIN", "QMAX")


def tables(case: Params) -> list[Vector]:
    """Entries of sigmoid, tanh and celltanh."""
    point = case["point"]
    curves = [table(f, case["P_W"], case["CURVE_STEP"], point) for f in (sigmoid, math.tanh)]
    return [*curves, table(math.tanh, case["CELL_W"], case["TANH_STEP"], point)]


def _case(*matrix: Any, point: int = 14, cell: int = 16, steps: tuple[int, int] = (4, 8), **others: Any) -> Case:
    """`point` bits behind the point of gates, 4 bits before that of a cell state of `cell` bits."""
    made: dict[str, Any] = case(GATES, *matrix, FACTOR_W=others.pop("FACTOR_W", 3)) | {
        "CELL_W": cell, "CELL_SA": max(0, point - cell + 4), "CELL_SB": max(0, cell - 4 - point),
        "CELL_ROUND": 1, "CELL_ZERO": 0, "CELL_QMIN": -(1 << (cell - 1)), "CELL_QMAX": (1 << (cell - 1)) - 1,
        "CURVE_STEP": steps[0], "TANH_STEP": steps[1], "point": point, "ROUND": 1, "ZERO": 0,
    }  # fmt: skip
    bits, signed = made["OUT_W"], made["OUT_SIGNED"]
    made |= {"CELL_SHIFT": point + made["CELL_SA"], "SHIFT": max(0, 2 * point - bits + signed)}
    made |= {"QMIN": -(1 << (bits - 1)) if signed else 0, "QMAX": (1 << (bits - signed)) - 1}
    made |= others
    *curves, over_cell = tables(made)
    return made | curve_params("CURVE", curves, steps[0], 16, 1) | curve_params("TANH", [over_cell], steps[1], 16, 1)


_P6: Case = {"P_W": 6, "GATE_SHIFT": 6, "GATE_QMIN": -32, "GATE_QMAX": 31}

CASES: list[Case] = [
    _case(3, 3, 2, 2, "s8", 8, "s16", MUL_EN=1, M_W=12, GATE_SHIFT=20),
    _case(2, 5, 1, 3, "s16", 8, "s8", steps=(0, 6), ROUND=2, CELL_ROUND=3),
    _case(1, 4, 4, 1, "u4", 4, "u12", cell=9, steps=(8, 0), point=7),
    _case(4, 1, 1, 1, "s8", 16, "s16", FACTOR_W=12, CELL_QMIN=-3000, CELL_QMAX=2000, ROUND=0),
    _case(4, 6, 3, 2, "s3", 3, "s2", cell=6, steps=(0, 0), point=3, MUL_EN=1, MANT_W=1, M_W=2, **_P6),
]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Memory files."""
    *curves, over_cell = tables(case)
    write_matrix(case, folder)
    write_curve(case, "CURVE", curves, folder)
    write_curve(case, "TANH", [over_cell], folder)


def stimulus(case: Params) -> tuple[Vector, Vector]:
    """Beats in and out of all frames."""
    layer = Layer(case)
    sigmoids, tanhs, over_cell = tables(case)
    output = {name: case[name] for name in FORM}
    cell = {name: case[f"CELL_{name}"] for name in FORM}
    words, results = [], []
    for frame in frames(case["STEPS"], case["rows"], case["X_W"], case["X_SIGNED"]):
        h, c = [0] * case["UNITS"], [0] * case["UNITS"]
        for x in frame:
            before = h[:]
            for unit in range(case["UNITS"]):
                rows = range(GATES * unit, GATES * unit + GATES)
                p = [layer.p(row, layer.sum(row, before), x) for row in rows]
                i, o, f = (looked_up(case, "CURVE", sigmoids, case["P_W"], value) for value in p[:3])
                g = looked_up(case, "CURVE", tanhs, case["P_W"], p[3])
                c[unit] = requantised((f * c[unit] << case["CELL_SA"]) + (i * g << case["CELL_SB"]), 1, cell)
                h[unit] = requantised(o * looked_up(case, "TANH", over_cell, case["CELL_W"], c[unit]), 1, output)
            words += [pack([value], case["X_W"]) for value in x]
            results += [pack([value], case["OUT_W"]) for value in h]
    return words, results


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def remembers(dut: Any, pattern: str) -> None:
    """Every unit after every step; a frame takes the cycles of its passes where nothing stalls."""
    case = params()
    words, results = stimulus(case)
    cycles = await check_engine(dut, pattern, {"s_axis": words}, results, cycles_per_beat=0)
    if pattern == "free":
        behind = 10 + sum(8 if case[f"{name}_STEP"] else 5 for name in ("CURVE", "TANH"))
        beats = case["UNITS"] * case["STEPS"]
        assert cycles[-1] - cycles[-1 - beats] == case["STEPS"] * pass_cycles(case, case["rows"], behind)


@cocotb.test()
async def forgets_at_a_reset(dut: Any) -> None:
    """A frame that a reset cuts short leaves nothing behind."""
    await check_reset(dut, *stimulus(params()))
