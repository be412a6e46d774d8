"""Integers of recurrent layers from real weights: rows in the order of the operations, scales, tables, shifts.

Matrices and biases have their rows in the order of the operations, `Cell.rows` of the float graph.  So are the weights
of the `conv` in front, which makes the products with a layer's input and their biases: its output x has a scale that
`x_scale` gives.  The scale of the layer's output is a power of two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Requant, Rounding, int_range
from hwq.ir.types import TensorType
from hwq.ops import Gru, Lookup, Lstm, Recurrent, Rnn
from hwq.ops.factors import as_multipliers
from hwq.ops.lookup import MAX_INDEX_BITS, MAX_STEP

Reals = NDArray[np.float64]
Fields = dict[str, Any]
"""Fields of an operation by name; `name` and `inputs` are not among them."""

ENTRY_FRACTION = 4
"""Bits of a table's entries behind those of its values."""
MAX_FACTOR = (1 << 16) - 1


@dataclass(frozen=True, slots=True)
class Precision:
    """Bits of a recurrent layer beside those of its output.

    Pre-activations span -2^`gate_range` to 2^`gate_range`, beyond which sigmoid and tanh hardly move; the entries of
    tables stand 2^-`spacing` apart, which keeps a line between two of them within 2^(-2 * spacing - 3) of tanh.  Gates
    have `point` bits behind the point: 14, so that 16 bits hold -1 and 1.  With `pow2` rows have scales that differ by
    powers of two, and hardware shifts pre-activations instead of multiplying them.
    """

    weight_bits: int = 8
    gate_bits: int = 14
    gate_range: int = 3
    spacing: int = 5
    point: int = 14
    cell_bits: int = 16
    pow2: bool = True
    rounding: Rounding = Rounding.HALF_UP


DEFAULT = Precision()


def x_scale(recurrent: Reals, largest: float, h_scale: float, precision: Precision = DEFAULT) -> float:
    """The finest scale at which 16 signed bits hold `largest`, and that is a multiple of the unit of any row's sums.

    Parameters
    ----------
    recurrent
        (rows, H).
    largest
        Largest magnitude of x that was observed, or that is to be held.
    h_scale
        Scale of the layer's output.
    """
    scale = max(largest / int_range(16, True)[1], float(_finest(recurrent, h_scale, precision).max()))
    return float(2.0 ** math.ceil(math.log2(scale))) if precision.pow2 else scale


def cell_point(largest: float, cell_bits: int = DEFAULT.cell_bits) -> int:
    """Bits behind the point of a cell state whose largest magnitude is `largest`, observed or ``T``, the steps.

    A cell state grows by less than 1 each step; where it never was above some power of two, those bits are free.

    Examples
    --------
    >>> cell_point(5.3), cell_point(0.7)
    (12, 15)
    """
    return cell_bits - 1 - max(0, math.ceil(math.log2(max(largest, 2.0**-8))))


def lstm_fields(
    recurrent: Reals,
    x: TensorType,
    x_scale: float,
    h_scale: float,
    *,
    bits: int = 8,
    cell_max: float = 8.0,
    bias: Reals | None = None,
    precision: Precision = DEFAULT,
) -> Fields:
    """All fields of an `Lstm`.

    Parameters
    ----------
    recurrent
        (4H, H).
    x, x_scale
        Type and scale of the operation's input; see `x_scale`.
    h_scale, bits
        Scale of the output, a power of two, and its bits, signed: 2^-7 and 8 hold what lies within -1 to 1.
    cell_max
        Largest magnitude of the cell state; it is clamped there.
    bias
        (4H,), what x does not hold of the biases.
    """
    point, cell = precision.point, cell_point(cell_max, precision.cell_bits)
    curves = _curves(precision)
    shifts = max(0, point - cell), max(0, cell - point)
    fields = _matrix(recurrent, bias, x_scale, h_scale, precision) | curves | {
        "shifts": shifts, "cell": _shifted(point + shifts[0], precision.cell_bits, precision),
        "cell_bits": precision.cell_bits, "cell_tanh": curve(math.tanh, precision.cell_bits, cell, precision),
        "requant": _shifted(2 * point + _exponent(h_scale), bits, precision), "bits": bits, "signed": True,
    }  # fmt: skip
    return _with_accumulator(Lstm, fields, x)


def gru_fields(
    recurrent: Reals,
    x: TensorType,
    x_scale: float,
    h_scale: float,
    *,
    reset_after: bool,
    bits: int = 8,
    bias: Reals | None = None,
    precision: Precision = DEFAULT,
) -> Fields:
    """All fields of a `Gru`; parameters as for `lstm_fields`, (3H, H) and (3H,).

    With `reset_after` (linear_before_reset = 1) the recurrent biases of the candidates belong in `bias`, as the reset
    gate acts on them; all others may be in x.
    """
    point, own = precision.point, -_exponent(h_scale)
    shifts = max(0, point - own), max(0, own - point)
    fields = _matrix(recurrent, bias, x_scale, h_scale, precision) | _curves(precision) | {
        "fraction": point, "reset_after": reset_after, "shifts": shifts,
        "requant": _shifted(point + shifts[0], bits, precision), "bits": bits, "signed": True,
    }  # fmt: skip
    return _with_accumulator(Gru, fields, x)


def rnn_fields(
    recurrent: Reals,
    x: TensorType,
    x_scale: float,
    h_scale: float,
    *,
    function: Callable[[float], float] = math.tanh,
    bits: int = 8,
    signed: bool = True,
    bias: Reals | None = None,
    precision: Precision = DEFAULT,
) -> Fields:
    """All fields of an `Rnn`; parameters as for `lstm_fields`, (H, H) and (H,), and its activation."""
    point = precision.gate_bits - 1 - precision.gate_range
    activation = curve(function, precision.gate_bits, point, precision, -_exponent(h_scale), bits, signed)
    fields = _matrix(recurrent, bias, x_scale, h_scale, precision)
    fields |= {"activation": activation, "bits": bits, "signed": signed}
    return _with_accumulator(Rnn, fields, x)


def curve(
    function: Callable[[float], float],
    in_bits: int,
    in_point: int,
    precision: Precision = DEFAULT,
    point: int | None = None,
    bits: int = 16,
    signed: bool = True,
) -> Lookup:
    """A real function over signed integers of `in_bits` bits, `in_point` of them behind the point.

    Its values have `point` bits behind the point (by default those of the gates), its entries four more.
    """
    point = precision.point if point is None else point
    step = max(min(max(0, in_point - precision.spacing), in_bits, MAX_STEP), in_bits - MAX_INDEX_BITS)
    low, high = int_range(in_bits, True)
    places = np.arange(low, high + 1 + (step > 0), 1 << step) * 2.0**-in_point
    values = np.array([function(float(place)) for place in places])
    entries = np.floor(values * 2.0 ** (point + ENTRY_FRACTION) + 0.5).astype(np.int64)
    return Lookup(entries, step, ENTRY_FRACTION, bits, signed)


def sigmoid(value: float) -> float:
    """1 / (1 + e^-x), without overflow.

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(-1e3)
    (0.5, 0.0)
    """
    return 0.5 * (1.0 + math.tanh(0.5 * value))


def _curves(precision: Precision) -> dict[str, Lookup]:
    point = precision.gate_bits - 1 - precision.gate_range
    functions = {"sigmoid": sigmoid, "tanh": math.tanh}
    return {name: curve(function, precision.gate_bits, point, precision) for name, function in functions.items()}


def _finest(recurrent: Reals, h_scale: float, precision: Precision) -> Reals:
    """The unit of each row's sums in which its largest weight just fits `weight_bits`."""
    largest = int_range(precision.weight_bits, True)[1]
    units: Reals = np.abs(recurrent).max(axis=1) * h_scale / largest
    return units


def _matrix(recurrent: Reals, bias: Reals | None, x_scale: float, h_scale: float, precision: Precision) -> Fields:
    """Weights, biases and factors, and the requantisation of pre-activations.

    The sums of a row count x_scale / factor: the largest factor for which its weights fit.
    """
    finest = np.maximum(_finest(recurrent, h_scale, precision), x_scale / MAX_FACTOR)
    factors = np.maximum(1, np.floor(x_scale / finest * (1 + 1e-12))).astype(np.int64)
    if precision.pow2:
        factors = 1 << np.floor(np.log2(factors)).astype(np.int64)
    unit = x_scale / factors
    high = int_range(precision.weight_bits, True)[1]
    weights = np.floor(recurrent / (unit / h_scale)[:, None] + 0.5).astype(np.int64)
    gate_scale = 2.0 ** (precision.gate_range + 1 - precision.gate_bits)
    multiplier, shift = as_multipliers((unit / gate_scale).tolist())
    if len(set(multiplier)) == 1:
        multiplier = multiplier[:1]
    ends = int_range(precision.gate_bits, True)
    biases = np.zeros(len(unit)) if bias is None else np.floor(bias / unit + 0.5)
    return {
        "recurrent": np.clip(weights, -high, high), "bias": biases.astype(np.int64),
        "weight_bits": precision.weight_bits,
        "factors": tuple(factors.tolist()) if len(set(factors.tolist())) > 1 else (int(factors[0]),),
        "gate": Requant(multiplier, shift, precision.rounding, 0, *ends), "gate_bits": precision.gate_bits,
    }  # fmt: skip


def _shifted(shift: int, bits: int, precision: Precision) -> Requant:
    """A requantisation by a shift, to all of a signed type."""
    return Requant((1,), shift, precision.rounding, 0, *int_range(bits, True))


def _exponent(scale: float) -> int:
    mantissa, exponent = math.frexp(scale)
    if mantissa != 0.5:
        raise ValueError(f"h_scale is {scale}, expected a power of two")
    return exponent - 1


def _with_accumulator(kind: type[Recurrent], fields: Mapping[str, Any], x: TensorType) -> Fields:
    """`fields` with the narrowest accumulator for inputs of the type of x."""
    op = kind(name="y", inputs=("x",), acc_bits=2, **fields)
    return {**fields, "acc_bits": op.accumulator_bits(x.range)}
