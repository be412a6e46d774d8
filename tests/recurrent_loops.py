"""Recurrent layers as loops over plain Python integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

from test_arith import reference

from hwq.arith import Requant
from hwq.ir.types import TensorType
from hwq.ops import Gru, Lookup, Lstm, Recurrent, Rnn, Table

Vector = list[int]


def looked_up(curve: Lookup | Table, x: int, lowest: int) -> int:
    """Rule F1 in fractions: a point on the line between two entries, rounded half up, then clamped."""
    place = Fraction(x - lowest, 1 << curve.step)
    low, high = (int(curve.entries[math.floor(place)]), int(curve.entries[math.ceil(place)]))
    exact = low + (high - low) * (place - math.floor(place))
    ends = TensorType((1, 1, 1), curve.bits, curve.signed).range
    return max(ends[0], min(ends[1], math.floor(exact / (1 << curve.fraction) + Fraction(1, 2))))


def steps(op: Recurrent, x: list[Vector]) -> list[Vector]:
    """The output of every step."""
    h, c = [0] * op.units, [0] * op.units
    found = []
    for pixel in x:
        match op:
            case Lstm():
                h, c = _lstm(op, pixel, h, c)
            case Gru():
                h = _gru(op, pixel, h)
            case Rnn():
                rows = [_row(op, row, pixel, _sum(op, row, h)) for row in range(op.units)]
                h = [looked_up(op.activation, p, -(1 << op.gate_bits >> 1)) for p in rows]
            case _:
                raise AssertionError(f"no loop for {op.kind}")
        found.append(h)
    return found


def _sum(op: Recurrent, row: int, h: Vector) -> int:
    return int(op.bias[row]) + sum(int(w) * v for w, v in zip(op.recurrent[row], h, strict=True))


def _row(op: Recurrent, row: int, x: Vector, total: int) -> int:
    """Rule S2: a pre-activation, from the sum of its row."""
    acc = total + op.factors[row % len(op.factors)] * x[row]
    return reference(acc, op.gate.multiplier[row % len(op.gate.multiplier)], op.gate)


def _lstm(op: Lstm, x: Vector, h: Vector, c: Vector) -> tuple[Vector, Vector]:
    new_h, new_c = [], []
    for unit in range(op.units):
        i, o, f, g = (
            looked_up(curve, _row(op, 4 * unit + k, x, _sum(op, 4 * unit + k, h)), -(1 << op.gate_bits >> 1))
            for k, curve in enumerate((op.sigmoid, op.sigmoid, op.sigmoid, op.tanh))
        )
        new_c.append(_rounded(f * c[unit] * 2 ** op.shifts[0] + i * g * 2 ** op.shifts[1], op.cell))
        new_h.append(_rounded(o * looked_up(op.cell_tanh, new_c[-1], -(1 << op.cell_bits >> 1)), op.requant))
    return new_h, new_c


def _gru(op: Gru, x: Vector, h: Vector) -> Vector:
    unity = 2**op.fraction
    gates = [_row(op, row, x, _sum(op, row, h)) for row in range(2 * op.units)]
    opened = [looked_up(op.sigmoid, p, -(1 << op.gate_bits >> 1)) for p in gates]
    z, r = opened[0::2], opened[1::2]
    reset = [math.floor(Fraction(gate * value, unity) + Fraction(1, 2)) for gate, value in zip(r, h, strict=True)]
    out = []
    for unit in range(op.units):
        row = 2 * op.units + unit
        total = _sum(op, row, h if op.reset_after else reset)
        if op.reset_after:
            total = math.floor(Fraction(r[unit] * total, unity) + Fraction(1, 2))
        n = looked_up(op.tanh, _row(op, row, x, total), -(1 << op.gate_bits >> 1))
        kept, new = z[unit] * h[unit] * 2 ** op.shifts[0], (unity - z[unit]) * n * 2 ** op.shifts[1]
        out.append(_rounded(kept + new, op.requant))
    return out


def _rounded(acc: int, requant: Requant) -> int:
    return reference(acc, 1, requant)
