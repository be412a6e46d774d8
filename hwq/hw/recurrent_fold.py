"""Folding of recurrent layers: which arrays fit, and the cycles of a step (docs/hardware.md)."""

from __future__ import annotations

from hwq.ops import Gru, Lookup, Lstm, Recurrent, Rnn

BLEND_LATENCY = 5
"""Latency of hwq_blend."""


def recurrent_fits(op: Recurrent, pe: int, simd: int) -> bool:
    """The contract of hwq_recur.sv: rows of a fold leave before the next is done, and no fold is of both passes."""
    return pe <= _beats(op, simd) and (not isinstance(op, Gru) or 2 * op.units % pe == 0)


def step_cycles(op: Recurrent, pe: int, simd: int) -> int:
    """Cycles of a step: all folds, and of each pass the way of its last row to the vector of the next one."""
    passes = (2 * op.units, op.units) if isinstance(op, Gru) else (op.rows,)
    way = 10 + (simd - 1).bit_length() + (pe > 1) + (3 if op.gate.is_shift else 5) + _state_cycles(op)
    folds = [-(-rows // pe) for rows in passes]
    last = [rows - (count - 1) * pe for rows, count in zip(passes, folds, strict=True)]
    return sum(folds) * _beats(op, simd) + sum(last) + len(passes) * way


def _beats(op: Recurrent, simd: int) -> int:
    """Beats of a fold, which take `simd` elements of the vector each."""
    return -(-op.units // simd)


def _state_cycles(op: Recurrent) -> int:
    """Cycles from the last pre-activation of a pass to the last element of the vector that it makes."""
    match op:
        case Lstm():
            return 2 * BLEND_LATENCY + _curve_latency(op.sigmoid) + _curve_latency(op.cell_tanh)
        case Gru():
            return BLEND_LATENCY + _curve_latency(op.sigmoid)
        case Rnn():
            return _curve_latency(op.activation)
    raise TypeError(f"{op.name}: no cycles of {op.kind}")


def _curve_latency(curve: Lookup) -> int:
    """Latency of hwq_interpolate."""
    return 8 if curve.step else 5
