"""Recurrent layers with made-up weights, and tables of real or of wild functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from nets import biases, weights

from hwq.arith import Requant, Rounding, int_range, signed_bits
from hwq.ir.types import TensorType
from hwq.ops import Gru, Lookup, Lstm, Recurrent, Rnn

R = TypeVar("R", bound=Recurrent)


def sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


def curve(
    function: Callable[[float], float],
    in_bits: int,
    unit: float,
    *,
    step: int,
    bits: int = 16,
    signed: bool = True,
    point: int = 14,
    fraction: int = 0,
) -> Lookup:
    """`function` over signed integers of `in_bits` bits that count `unit`; values have `point` fraction bits."""
    low, high = int_range(in_bits, True)
    places = range(low, high + 1 + (step > 0), 1 << step)
    entries = [math.floor(function(place * unit) * 2.0 ** (point + fraction) + 0.5) for place in places]
    return Lookup(np.array(entries, np.int64), step, fraction, bits, signed)


def wild(
    in_bits: int,
    *,
    step: int,
    bits: int = 16,
    signed: bool = True,
    fraction: int = 0,
    seed: int = 1,
    low: int = -(1 << 16),
) -> Lookup:
    """Any entries not below `low`, which reach beyond both ends of the values' type."""
    ends = int_range(bits + 1, True)
    entries = np.random.default_rng([seed, in_bits, step]).integers(*ends, (1 << (in_bits - step)) + (step > 0))
    entries[0], entries[-1] = ends
    return Lookup(np.maximum(entries, low) << fraction, step, fraction, bits, signed)


def shifted(shift: int, bits: int, signed: bool = True, rounding: int = 1) -> Requant:
    """A requantisation by a shift, clamped to a type."""
    return Requant((1,), shift, Rounding(rounding), 0, *int_range(bits, signed))


def fitted(op: R, x: TensorType, multiplier: Sequence[int] = (1,), rounding: int = 1, gain: int = 3) -> R:
    """`op` with the narrowest accumulator, and pre-activations that saturate now and then."""
    low, high = op.accumulator(x.range)
    excess = signed_bits((low * max(multiplier), high * max(multiplier))) - op.gate_bits
    gate = Requant(tuple(multiplier), max(0, excess - gain), Rounding(rounding), 0, *int_range(op.gate_bits, True))
    return replace(op, gate=gate, acc_bits=op.accumulator_bits(x.range))


def matrix(rows: int, units: int, wbits: int, bits: int, factors: Sequence[int]) -> dict[str, Any]:
    """Weights, and biases that move sums by some of the weights' range."""
    return {
        "recurrent": weights((rows, units), wbits), "bias": biases(rows, 1 << (wbits + bits - 2)),
        "weight_bits": wbits, "factors": tuple(factors), "acc_bits": 2, "bits": bits,
    }  # fmt: skip


def lstm(
    x: TensorType,
    *,
    name: str = "y",
    source: str = "a",
    wbits: int = 8,
    bits: int = 8,
    signed: bool = True,
    factors: Sequence[int] = (1,),
    multiplier: Sequence[int] = (1,),
    rounding: int = 1,
    gate_bits: int = 10,
    step: int = 4,
    cell_bits: int = 16,
    cell_step: int = 6,
    shifts: tuple[int, int] = (2, 0),
    curves: tuple[Lookup, Lookup, Lookup] | None = None,
) -> Lstm:
    """`curves` are sigmoid, tanh, and that over the cell state, which has 4 bits before the point."""
    units = x.channels // 4
    point = cell_bits - 4
    unit = 2.0 ** (4 - gate_bits)
    real = (
        curve(sigmoid, gate_bits, unit, step=step),
        curve(math.tanh, gate_bits, unit, step=step),
        curve(math.tanh, cell_bits, 2.0**-point, step=cell_step),
    )
    chosen = curves or real
    cell_shift, shift = 14 + shifts[0], 29 - bits - (not signed)
    if curves:
        gate, tanh = curves[0].bits + 1, curves[2].bits + 1
        cell_shift = max(0, max(gate + cell_bits + shifts[0], 2 * gate + shifts[1]) - cell_bits - 3)
        shift = max(0, gate + tanh - bits - 3)
    op = Lstm(
        name=name, inputs=(source,), **matrix(4 * units, units, wbits, bits, factors),
        signed=signed, gate=shifted(0, gate_bits),
        gate_bits=gate_bits, sigmoid=chosen[0], tanh=chosen[1], shifts=shifts,
        cell=shifted(cell_shift, cell_bits, rounding=rounding), cell_bits=cell_bits, cell_tanh=chosen[2],
        requant=shifted(shift, bits, signed, rounding),
    )  # fmt: skip
    return fitted(op, x, multiplier, rounding)


def gru(
    x: TensorType,
    *,
    name: str = "y",
    source: str = "a",
    wbits: int = 8,
    bits: int = 8,
    signed: bool = True,
    factors: Sequence[int] = (1,),
    multiplier: Sequence[int] = (1,),
    rounding: int = 1,
    gate_bits: int = 10,
    step: int = 4,
    reset_after: bool = False,
    fraction: int = 14,
    shifts: tuple[int, int] | None = None,
    curves: tuple[Lookup, Lookup] | None = None,
) -> Gru:
    """`curves` are sigmoid and tanh, with `fraction` bits behind the point; the output lies within -1 to 1."""
    units = x.channels // 3
    unit, point = 2.0 ** (4 - gate_bits), bits - signed
    real = [curve(f, gate_bits, unit, step=step, bits=16, point=fraction) for f in (sigmoid, math.tanh)]
    chosen = curves or (real[0], real[1])
    scales = shifts or (max(0, fraction - point), max(0, point - fraction))
    op = Gru(
        name=name, inputs=(source,), **matrix(3 * units, units, wbits, bits, factors),
        signed=signed, gate=shifted(0, gate_bits),
        gate_bits=gate_bits, sigmoid=chosen[0], tanh=chosen[1], fraction=fraction, reset_after=reset_after,
        shifts=scales, requant=shifted(fraction + scales[0], bits, signed, rounding),
    )  # fmt: skip
    return fitted(op, x, multiplier, rounding)


def rnn(
    x: TensorType,
    activation: Lookup | None = None,
    *,
    name: str = "y",
    source: str = "a",
    wbits: int = 8,
    bits: int = 8,
    factors: Sequence[int] = (1,),
    multiplier: Sequence[int] = (1,),
    rounding: int = 1,
    gate_bits: int = 10,
    step: int = 4,
) -> Rnn:
    """With `activation` None a tanh, signed, of values within -1 to 1."""
    real = curve(math.tanh, gate_bits, 2.0 ** (4 - gate_bits), step=step, bits=bits, point=bits - 1)
    chosen = activation or real
    op = Rnn(
        name=name, inputs=(source,), **matrix(x.channels, x.channels, wbits, chosen.bits, factors),
        signed=chosen.signed,
        gate=shifted(0, gate_bits), gate_bits=gate_bits, activation=chosen,
    )  # fmt: skip
    return fitted(op, x, multiplier, rounding)
