"""hwq_rnn against plain integers: a tanh and a relu, frames back to back, at the cycles that are promised."""

import math
from pathlib import Path
from typing import Any

import cocotb
from engine import Params, check_engine
from recurrent import (
    Case,
    Layer,
    Vector,
    case,
    curve_params,
    frames,
    looked_up,
    pass_cycles,
    table,
    write_curve,
    write_matrix,
)
from streams import STALLS, pack, params


def entries(case: Params) -> Vector:
    """A tanh where the output is signed, else what is above zero."""
    bits = case["OUT_W"]
    if case["OUT_SIGNED"]:
        return table(math.tanh, case["P_W"], case["CURVE_STEP"], bits - 1)
    return table(lambda value: max(0.0, value), case["P_W"], case["CURVE_STEP"], bits - 2)


def _case(*matrix: Any, step: int = 4, **others: Any) -> Case:
    made: dict[str, Any] = case(1, *matrix, FACTOR_W=others.pop("FACTOR_W", 3)) | {"CURVE_STEP": step} | others
    form = curve_params("CURVE", [entries(made)], step, made["OUT_W"], made["OUT_SIGNED"])
    return made | {name: value for name, value in form.items() if name not in ("CURVE_W", "CURVE_SIGNED")}


CASES: list[Case] = [
    _case(3, 6, 2, 2, "s8", 8, "s16", MUL_EN=1, M_W=12, GATE_SHIFT=20),
    _case(2, 5, 5, 1, "u8", 8, "s8", step=9),
    _case(1, 4, 1, 4, "s16", 16, "u12", step=0, GATE_ROUND=2),
    _case(5, 1, 1, 1, "s8", 16, "s16", FACTOR_W=12, GATE_ROUND=0),
    _case(2, 3, 1, 3, "s2", 2, "s2", step=0, MUL_EN=1, MANT_W=1, M_W=2, GATE_ROUND=3),
]


def prepare(case: dict[str, Any], folder: Path) -> None:
    """Memory files."""
    write_matrix(case, folder)
    write_curve(case, "CURVE", [entries(case)], folder)


@cocotb.test()
@cocotb.parametrize(pattern=list(STALLS))
async def follows_its_curve(dut: Any, pattern: str) -> None:
    """Every unit after every step; a frame takes the cycles of its passes where nothing stalls."""
    case = params()
    layer, curve = Layer(case), entries(case)
    form = case | {"CURVE_W": case["OUT_W"], "CURVE_SIGNED": case["OUT_SIGNED"]}
    units = range(case["UNITS"])
    words, results = [], []
    for frame in frames(case["STEPS"], case["rows"], case["X_W"], case["X_SIGNED"]):
        h = [0] * len(units)
        for x in frame:
            p = [layer.p(unit, layer.sum(unit, h), x) for unit in units]
            h = [looked_up(form, "CURVE", curve, case["P_W"], value) for value in p]
            words += [pack([value], case["X_W"]) for value in x]
            results += [pack([value], case["OUT_W"]) for value in h]
    cycles = await check_engine(dut, pattern, {"s_axis": words}, results, cycles_per_beat=0)
    if pattern == "free":
        expected = case["STEPS"] * pass_cycles(case, case["rows"], 8 if case["CURVE_STEP"] else 5)
        assert cycles[-1] - cycles[-1 - len(results) // 3] == expected
