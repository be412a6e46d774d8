"""One node for each operation: the function that it calls, its attributes, and the arrays that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto, helper

from hwq.arith import Interval, Requant, int_range
from hwq.ir.op import Op
from hwq.ir.types import TensorType
from hwq.ops import (
    Add,
    ArgMax,
    AvgPool,
    Concat,
    Const,
    Convolution,
    Dense,
    Extremum,
    Gather,
    GroupConv,
    Gru,
    Linear,
    Lookup,
    Lstm,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PRelu,
    Recurrent,
    Rescale,
    Rnn,
    Softmax,
    Table,
    Threshold,
    TopK,
)
from hwq.ops.normalise import MAX_PAIRS
from hwq.ops.requantised import Requantised

INT32_EXACT = (1 << 31) - 1
"""Sums up to this magnitude are computed in int32, larger ones in int64."""

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of the function named as the operation's kind.

    `arrays` follow the operation's inputs; each is stored as an initialiser ``<operation>.<name>``.
    """

    attributes: Attributes
    arrays: dict[str, NDArray[Any]]


def call(op: Op, intervals: tuple[Interval, ...], out: TensorType) -> Call:
    """How the golden model calls `op`, for inputs within `intervals` and a result of type `out`."""
    match op:
        case Convolution():
            groups = {"groups": [op.groups]} if isinstance(op, GroupConv) else {}
            return Call(groups | _window(op) | _sums(op, intervals) | _requant(op, out), _arrays(op))
        case Dense():
            return Call(_sums(op, intervals) | _requant(op, out), _arrays(op))
        case MaxPool():
            return Call(_window(op), {})
        case Pad():
            return Call({"pads": op.window.pads, "pad_value": op.pad_value}, {})
        case Gather():
            return Call({"pad_value": op.pad_value}, {"index": op.index})
        case AvgPool():
            single = {"bias": op.bias, "multiplier": op.requant.multiplier[0]}
            return Call(_window(op) | single | _sums(op, intervals) | _requant(op, out), {})
        case Add():
            factors = dict(zip(("factor_a", "factor_b"), op.factors, strict=True))
            return Call(factors | {"bias": op.bias} | _requant(op, out), {})
        case Mul():
            zeros = dict(zip(("zero_a", "zero_b"), op.zeros, strict=True))
            return Call(zeros | {"multiplier": op.requant.multiplier[0]} | _requant(op, out), {})
        case MatMul():
            zeros = dict(zip(("zero_a", "zero_b"), op.zeros, strict=True))
            single = {"multiplier": op.requant.multiplier[0]}
            return Call(zeros | single | _sums(op, intervals) | _requant(op, out), {})
        case Rescale():
            return Call({"bias": op.bias, "multiplier": op.requant.multiplier[0]} | _requant(op, out), {})
        case Concat():
            return Call({"axis": op.axis + 1}, {})
        case Const():
            return Call({"type": element_type(out)}, {"values": op.values})
        case ArgMax():
            return Call({"type": element_type(out)}, {})
        case Extremum():
            return Call({"largest": int(op.largest), "type": element_type(out)}, {})
        case TopK():
            return Call({"k": [op.k], "type": element_type(out)}, {})
        case PRelu():
            slopes = {"bias": op.bias, "positive": op.positive}
            return Call(slopes | _requant(op, out), {"negative": np.array(op.negative, np.int64)})
        case Table():
            return Call(_table(op, out), {"entries": op.entries})
        case Threshold():
            return Call({"low": op.low, "type": element_type(out)}, {"thresholds": op.thresholds})
        case Normalise():
            low, high = out.range
            limits = {"qmin": low, "qmax": high, "type": element_type(out)}
            scaling = {"eps": op.eps, "index_bits": op.index_bits, "shift": MAX_PAIRS + op.fraction}
            return Call(scaling | limits, {"table": op.table})
        case Softmax():
            scaling = {"step": op.step, "reciprocal_bits": op.reciprocal_bits, "shift": op.reciprocal_bits - op.bits}
            return Call(scaling | {"qmax": out.range[1], "type": element_type(out)}, {"exps": op.exps})
        case Lstm():
            cell = {"cell": _form(op.cell), "cell_curve": _curve(op.cell_tanh, op.cell_low)}
            tables = {"sigmoid": op.sigmoid, "tanh": op.tanh, "cell_tanh": op.cell_tanh}
            return Call(_gates(op, op.sigmoid, out) | cell | _states(op), _matrix(op, tables))
        case Gru():
            reset = {"one": 1 << op.fraction, "fraction": op.fraction, "reset_after": int(op.reset_after)}
            tables = {"sigmoid": op.sigmoid, "tanh": op.tanh}
            return Call(_gates(op, op.sigmoid, out) | reset | _states(op), _matrix(op, tables))
        case Rnn():
            return Call(_gates(op, op.activation, out), _matrix(op, {"activation": op.activation}))
    raise TypeError(f"{op.name}: no ONNX form of {op.kind}")


def element_type(type_: TensorType) -> int:
    """ONNX type of the elements of a tensor: the narrowest of uint8, int8, uint16 and int16 that holds them."""
    return element(type_.dtype)


def element(dtype: DTypeLike) -> int:
    """ONNX type of the elements of a numpy array."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def narrowest(array: NDArray[Any]) -> NDArray[Any]:
    """The same integers in the narrowest type, a signed one where there are two."""
    low, high = int(array.min()), int(array.max())
    types = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64)
    return array.astype(next(t for t in types if np.iinfo(t).min <= low and high <= np.iinfo(t).max))


def _window(op: Convolution | AvgPool | MaxPool) -> Attributes:
    window = op.window
    return {
        "kernel": window.kernel, "strides": window.stride, "dilations": window.dilation, "pads": window.pads,
        "pad_value": op.pad_value,
    }  # fmt: skip


def _table(op: Table, out: TensorType) -> Attributes:
    qmin, qmax = out.range
    return {
        "low": op.low, "unit": 1 << op.step, "shift": op.step + op.fraction, "qmin": qmin, "qmax": qmax,
        "type": element_type(out),
    }  # fmt: skip


def _sums(op: Requantised, intervals: tuple[Interval, ...]) -> Attributes:
    """The element type in which no partial sum overflows, whatever its order (rule L3)."""
    fits = op.partial_sum(*intervals) <= INT32_EXACT
    return {"accumulator": int(TensorProto.INT32 if fits else TensorProto.INT64)}


def _requant(op: Requantised, out: TensorType) -> Attributes:
    requant = op.requant
    return {
        "shift": requant.shift, "rounding": int(requant.rounding), "zero_point": requant.zero_point,
        "qmin": requant.qmin, "qmax": requant.qmax, "type": element_type(out),
    }  # fmt: skip


def _gates(op: Recurrent, curve: Lookup, out: TensorType) -> Attributes:
    return {"gate": _form(op.gate), "curve": _curve(curve, op.gate_low), "type": element_type(out)}


def _states(op: Lstm | Gru) -> Attributes:
    return {"scales": tuple(1 << shift for shift in op.shifts), "result": _form(op.requant)}


def _form(requant: Requant) -> tuple[int, ...]:
    """A requantisation in the order of the inputs of `requantised`."""
    return requant.shift, int(requant.rounding), requant.zero_point, requant.qmin, requant.qmax


def _curve(curve: Lookup, low: int) -> tuple[int, ...]:
    """A table in the order of the inputs of `interpolate`."""
    return low, 1 << curve.step, curve.step + curve.fraction, *int_range(curve.bits, curve.signed)


def _matrix(op: Recurrent, tables: dict[str, Lookup]) -> dict[str, NDArray[Any]]:
    """The matrix, factor and multiplier of each row, and the tables."""
    factor, multiplier = (np.resize(np.array(one, np.int64), op.rows) for one in (op.factors, op.gate.multiplier))
    matrix = {"recurrent": op.recurrent, "bias": op.bias, "factor": factor, "multiplier": multiplier}
    return matrix | {f"{name}.entries": table.entries for name, table in tables.items()}


def _arrays(op: Linear) -> dict[str, NDArray[Any]]:
    multiplier = np.array(op.requant.multiplier, np.int64)
    return {"weight": op.weight, "bias": op.bias, "multiplier": multiplier}
