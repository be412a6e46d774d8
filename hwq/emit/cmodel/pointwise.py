"""Calls of layers that compute element by element, or pixel by pixel."""

from __future__ import annotations

import numpy as np

from hwq.arith import int_range
from hwq.emit.cmodel.parts import (
    Array,
    Call,
    Input,
    Intervals,
    Output,
    Struct,
    Types,
    bound_code,
    code_of,
    elements,
    factor_code,
    narrowest,
    requant_code,
    requantisation,
    sum_code,
)
from hwq.ir.types import TensorType
from hwq.ops import Add, Extremum, Lookup, Mul, Normalise, PRelu, Rescale, Softmax, Table, Threshold
from hwq.ops.requantised import Requantised


def pair(op: Add | Mul, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """`add` or `mul`."""
    a, b = op.factors if isinstance(op, Add) else op.zeros
    own = {"factor_a": a, "factor_b": b, "bias": op.bias} if isinstance(op, Add) else {"zero_a": a, "zero_b": b}
    terms = Struct("terms", "terms", {"count": elements(y), **own})
    types = {"in_t": code_of(xs[0]), "other_t": code_of(xs[1])} | _results(op, y, intervals)
    return Call(op.kind, types, (Input(0), Input(1), terms, requantisation(op.requant), Output()))


def rescale(op: Rescale, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """A bias and a requantisation."""
    terms = Struct("terms", "terms", {"count": elements(y), "bias": op.bias})
    types = {"in_t": code_of(xs[0])} | _results(op, y, intervals)
    return Call("rescale", types, (Input(), terms, requantisation(op.requant), Output()))


def prelu(op: PRelu, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """A factor on each side of zero."""
    slopes = Struct("slopes", "slopes", {
        **_pixels(y), "bias": op.bias, "positive": op.positive,
        "negative": Array("negative", np.array(op.negative), "s32"), "step": int(len(op.negative) > 1),
    })  # fmt: skip
    types = {"in_t": code_of(xs[0])} | _results(op, y, intervals)
    return Call("prelu", types, (Input(), slopes, requantisation(op.requant), Output()))


def extremum(op: Extremum, xs: Types, y: TensorType) -> Call:
    """`maximum` or `minimum`."""
    types = {"in_t": code_of(xs[0]), "out_t": code_of(y)}
    return Call("maximum" if op.largest else "minimum", types, (Input(0), Input(1), elements(y), Output()))


def table(op: Table, xs: Types, y: TensorType) -> Call:
    """A function of each element."""
    entries = Array("entries", op.entries, narrowest(op.entries))
    types = {
        "in_t": code_of(xs[0]), "entry_t": entries.code, "wide_t": sum_code(op.curve.magnitude), "out_t": code_of(y),
    }  # fmt: skip
    return Call("table", types, (Input(), elements(y), entries, curve_of(op.curve, op.low, "curve"), Output()))


def curve_of(curve: Lookup, low: int, key: str) -> Struct:
    """How the table of a function is read, for arguments of a type whose lowest value is `low` (rule F1)."""
    lowest, highest = int_range(curve.bits, curve.signed)
    return Struct(key, "curve", {
        "start": low, "step": curve.step, "shift": curve.step + curve.fraction, "low": lowest, "high": highest,
    })  # fmt: skip


def threshold(op: Threshold, xs: Types, y: TensorType) -> Call:
    """Comparisons with rising thresholds."""
    rows, count = op.thresholds.shape
    # C compares uint32_t with a narrower negative number as if that had no sign.
    codes = ("s64",) if code_of(xs[0]) == "u32" else ()
    thresholds = Array("thresholds", op.thresholds, narrowest(op.thresholds, *codes))
    levels = Struct("levels", "levels", {
        **_pixels(y), "count": count, "step": count if rows > 1 else 0, "low": op.low,
    })  # fmt: skip
    types = {"in_t": code_of(xs[0]), "entry_t": thresholds.code, "out_t": code_of(y)}
    return Call("threshold", types, (Input(), thresholds, levels, Output()))


def softmax(op: Softmax, xs: Types, y: TensorType) -> Call:
    """Shares of exponentials; sums and products may need 62 bits."""
    shares = Struct("shares", "shares", {
        **_pixels(y), "size": op.exps.size, "step": op.step, "reciprocal_bits": op.reciprocal_bits, "bits": op.bits,
    })  # fmt: skip
    types = {"in_t": code_of(xs[0]), "wide_t": "s64", "out_t": code_of(y)}
    return Call("softmax", types, (Input(), Array("exps", op.exps, "u16"), shares, Output()))


def normalise(op: Normalise, xs: Types, y: TensorType) -> Call:
    """Zero mean and unit variance; variances may need 60 bits."""
    low, high = y.range
    spread = Struct("spread", "spread", {
        **_pixels(y), "index_bits": op.index_bits, "fraction": op.fraction, "low": low, "high": high, "eps": op.eps,
    })  # fmt: skip
    types = {"in_t": code_of(xs[0]), "wide_t": "s64", "out_t": code_of(y)}
    return Call("normalise", types, (Input(), Array("roots", op.table, "u16"), spread, Output()))


def _pixels(type_: TensorType) -> dict[str, int]:
    return {"pixels": type_.pixels, "channels": type_.channels}


def _results(op: Requantised, y: TensorType, intervals: Intervals) -> dict[str, str]:
    wide = requant_code(op.requant, op.partial_sum(*intervals))
    return {"wide_t": wide, "bound_t": bound_code(op.requant), "factor_t": factor_code(op.requant),
            "out_t": code_of(y)}  # fmt: skip
