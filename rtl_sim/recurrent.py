"""What the tests of recurrent modules share: contents of their memories, and each step in plain integers."""

import math
import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cocotb
import curves
from engine import Params, act_range, factor, requantised
from streams import StreamSink, StreamSource, pack, reset, start_clock

Case = dict[str, int | str]
Vector = list[int]

_FILES: Case = {"WGT_FILE": "weights.mem", "BIAS_FILE": "biases.mem", "ROW_FILE": "rows.mem"}


def case(rows: int, steps: int, units: int, pe: int, simd: int, vec: str, wgt: int, x: str, **others: Any) -> Case:
    """Parameters of the matrix of `rows` rows a unit; its accumulator is as wide as any sum needs."""
    vec_w, x_w, factor_w = int(vec[1:]), int(x[1:]), int(others.pop("FACTOR_W", 3))
    acc_w = max(vec_w + wgt + units.bit_length(), x_w + factor_w) + 3
    made: dict[str, Any] = {
        "STEPS": steps, "UNITS": units, "PE": pe, "SIMD": simd, "WGT_W": wgt, "ACC_W": acc_w, "X_W": x_w,
        "X_SIGNED": int(x[0] == "s"), "FACTOR_W": factor_w, "OUT_W": vec_w, "OUT_SIGNED": int(vec[0] == "s"),
        "MUL_EN": 0, "M_W": 1, "GATE_SHIFT": max(0, acc_w - 12), "GATE_ROUND": 1, "GATE_ZERO": 0, "P_W": 10,
        "GATE_QMIN": -512, "GATE_QMAX": 511, "rows": rows * units, **_FILES,
    }  # fmt: skip
    return made | others


def matrix(case: Params) -> tuple[list[Vector], Vector, Vector, Vector]:
    """Weights of each row, biases, factors and multiplier words, the same for files and check."""
    source = random.Random(case["rows"] * 100 + case["PE"])
    rows = range(case["rows"])
    low, high = act_range(case["WGT_W"], 1)
    weights = [[source.choice([low, high, source.randint(low, high)]) for _ in range(case["UNITS"])] for _ in rows]
    reach = 1 << (case["ACC_W"] - 4)
    biases = [source.randint(-reach, reach) for _ in rows]
    factors = [source.randint(1, (1 << case["FACTOR_W"]) - 1) for _ in rows]
    muls = [source.randint(1, (1 << case["M_W"]) - 1) if case["MUL_EN"] else 1 for _ in rows]
    return weights, biases, factors, muls


def write_matrix(case: dict[str, Any], folder: Path) -> None:
    """Memory files of weights, biases and rows; unused PEs and products have zeros."""
    weights, biases, factors, muls = matrix(case)
    pe, simd = case["PE"], case["SIMD"]
    width = -(-case["UNITS"] // simd) * simd
    weights = [row + [0] * (width - len(row)) for row in weights] + [[0] * width] * (-len(weights) % pe)
    biases += [0] * (-len(biases) % pe)
    words, folds = [], []
    for first in range(0, len(weights), pe):
        folds.append(pack(biases[first : first + pe], case["ACC_W"]))
        for place in range(0, width, simd):
            beat = [w for row in weights[first : first + pe] for w in row[place : place + simd]]
            words.append(pack(beat, case["WGT_W"]))
    mul_words = muls if case["MUL_EN"] else [0] * len(muls)
    rows = [f << case["M_W"] | m for f, m in zip(factors, mul_words, strict=True)]
    for file, values in ((case["WGT_FILE"], words), (case["BIAS_FILE"], folds), (case["ROW_FILE"], rows)):
        write(folder / file, values)


def write(path: Path, words: Sequence[int]) -> None:
    path.write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")


class Layer:
    """Rule S2 over the memories of a case."""

    def __init__(self, case: Params) -> None:
        self.case, (self.weights, self.biases, self.factors, self.muls) = case, matrix(case)
        names = ("SHIFT", "ROUND", "ZERO", "QMIN", "QMAX")
        self.gate = {name: case[f"GATE_{name}"] for name in names}

    def sum(self, row: int, vector: Vector) -> int:
        return self.biases[row] + sum(w * v for w, v in zip(self.weights[row], vector, strict=True))

    def p(self, row: int, total: int, x: Vector) -> int:
        """The pre-activation of a row, from its sum."""
        return requantised(total + self.factors[row] * x[row], factor(self.muls[row], self.case), self.gate)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def table(function: Callable[[float], float], bits: int, step: int, point: int, before: int = 3) -> Vector:
    """Entries of a real function over `bits` bits, `before` of them before the point; values of `point` bits behind."""
    low, high = act_range(bits, 1)
    places = range(low, high + 1 + (step > 0), 1 << step)
    return [math.floor(function(place / 2 ** (bits - 1 - before)) * 2**point + 0.5) for place in places]


def curve_params(prefix: str, tables: Sequence[Vector], step: int, bits: int, signed: int, fraction: int = 0) -> Case:
    """Parameters of hwq_interpolate for `tables`, one behind the other."""
    deltas = [b - a for entries in tables for a, b in pairwise(entries)]
    every = [entry for entries in tables for entry in entries]
    return {
        f"{prefix}_FILE": f"{prefix.lower()}.mem", f"{prefix}_STEP": step, f"{prefix}_FRACTION": fraction,
        f"{prefix}_W": bits, f"{prefix}_SIGNED": signed, f"{prefix}_ENTRY_W": _bits(every),
        f"{prefix}_DELTA_W": _bits(deltas),
    }  # fmt: skip


def _bits(values: Vector) -> int:
    return 1 + max(1, *((value if value >= 0 else ~value).bit_length() for value in values))


def write_curve(case: dict[str, Any], prefix: str, tables: Sequence[Vector], folder: Path) -> None:
    """The memory file of `tables`."""
    bits, delta_bits = case[f"{prefix}_ENTRY_W"], case[f"{prefix}_DELTA_W"]
    if case[f"{prefix}_STEP"]:
        pairs = [(a, b - a) for entries in tables for a, b in pairwise(entries)]
        words = [pack([entry], bits) | pack([delta], delta_bits) << bits for entry, delta in pairs]
    else:
        words = [pack([entry], bits) for entries in tables for entry in entries]
    write(folder / case[f"{prefix}_FILE"], words)


def looked_up(case: Params, prefix: str, entries: Vector, bits: int, x: int) -> int:
    """Rule F1 for a signed value of `bits` bits."""
    form = {name: case[f"{prefix}_{name}"] for name in ("STEP", "FRACTION")}
    out = {"OUT_W": case[f"{prefix}_W"], "OUT_SIGNED": case[f"{prefix}_SIGNED"], "IN_W": bits, "IN_SIGNED": 1}
    return curves.value(x, entries, form | out)


@cache
def frames(steps: int, rows: int, bits: int, signed: int, count: int = 3) -> list[list[Vector]]:
    """Pixels of frames that follow each other, extreme values among them."""
    source = random.Random(7)
    low, high = act_range(bits, signed)
    choices = [[low, high, source.randint(low, high)] for _ in range(rows)]
    return [[[source.choice(one) for one in choices] for _ in range(steps)] for _ in range(count)]


async def check_reset(dut: Any, words: Sequence[int], results: Sequence[int]) -> None:
    """A reset in the middle of a frame: the next beat is the first of a frame, which nothing before it touches."""
    start_clock(dut)
    source, sink = StreamSource(dut), StreamSink(dut)
    await reset(dut)
    dut.m_axis_tready.value = 1
    await source.send(words[: len(words) // 2 + 1])
    dut.m_axis_tready.value = 0
    await reset(dut)
    sending = cocotb.start_soon(source.send(words))
    got = await sink.receive(len(results))
    await sending
    assert got == list(results)


def way(case: Params) -> int:
    """Cycles of a pass beside its folds and the rows of the last one: from the last row to its pre-activation."""
    return 10 + (case["SIMD"] - 1).bit_length() + (case["PE"] > 1) + (5 if case["MUL_EN"] else 3)


def pass_cycles(case: Params, rows: int, behind: int) -> int:
    """Cycles of a pass over `rows` rows whose vector is complete `behind` cycles after the last pre-activation."""
    folds = -(-rows // case["PE"])
    last = rows - (folds - 1) * case["PE"]
    return folds * -(-case["UNITS"] // case["SIMD"]) + last + way(case) + behind
