"""Calls of recurrent layers."""

from __future__ import annotations

import numpy as np

from hwq.emit.cmodel.parts import (
    Array,
    Call,
    Input,
    Intervals,
    Output,
    Scratch,
    Struct,
    Types,
    code_of,
    narrowest,
    requantisation,
    sum_code,
)
from hwq.emit.cmodel.pointwise import curve_of
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import TensorType
from hwq.ops import Gru, Lookup, Lstm, Recurrent, Rnn


def lstm(op: Lstm, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """Tables, two requantisations of states, and the cell state in scratch memory."""
    entries = _entries({"sigmoid": op.sigmoid, "tanh": op.tanh, "cell_tanh": op.cell_tanh})
    tables = Struct("tables", "lstm_tables", {
        **entries, "form": curve_of(op.sigmoid, op.gate_low, "form"),
        "cell_form": curve_of(op.cell_tanh, op.cell_low, "cell_form"), **_shifts(op.shifts),
        "cell": requantisation(op.cell, "cell"), "output": requantisation(op.requant, "output"),
    })  # fmt: skip
    types = _types(op, xs, y, intervals) | {"entry_t": entries["sigmoid"].code}
    return Call("lstm", types, (*_rows(op, xs), tables, Scratch("s16", op.units), Output()))


def gru(op: Gru, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """The reset gate acts on sums, or on a vector in scratch memory."""
    entries = _entries({"sigmoid": op.sigmoid, "tanh": op.tanh})
    tables = Struct("tables", "gru_tables", {
        **entries, "form": curve_of(op.sigmoid, op.gate_low, "form"), "fraction": op.fraction, **_shifts(op.shifts),
        "output": requantisation(op.requant, "output"),
    })  # fmt: skip
    types = _types(op, xs, y, intervals) | {"entry_t": entries["sigmoid"].code}
    if op.reset_after:
        return Call("gru_after", types, (*_rows(op, xs), tables, Output()))
    return Call("gru", types, (*_rows(op, xs), tables, Scratch(code_of(y), op.units), Output()))


def rnn(op: Rnn, xs: Types, y: TensorType, intervals: Intervals) -> Call:
    """One table makes the output."""
    entries = _entries({"activation": op.activation})["activation"]
    types = _types(op, xs, y, intervals) | {"entry_t": entries.code}
    return Call("rnn", types, (*_rows(op, xs), entries, curve_of(op.activation, op.gate_low, "form"), Output()))


def _types(op: Recurrent, xs: Types, y: TensorType, intervals: Intervals) -> dict[str, str]:
    """One type for all that is computed, wide enough for the largest of it and a zero point."""
    return {
        "in_t": code_of(xs[0]), "out_t": code_of(y), "weight_t": narrowest(op.recurrent, "s8", "s16"),
        "bias_t": narrowest(op.bias, "s32", "s64"),
        "wide_t": sum_code(op.magnitude(*intervals) + (1 << MAX_TENSOR_BITS)),
    }  # fmt: skip


def _rows(op: Recurrent, xs: Types) -> tuple[Input | Array | Struct, ...]:
    """Input, matrix, and what makes pre-activations (rule S2)."""
    recurrence = Struct("recurrence", "recurrence", {
        "steps": xs[0].shape[1], "units": op.units, "rows": op.rows,
        "factor": Array("factor", np.array(op.factors), "u16"), "step": int(len(op.factors) > 1),
    })  # fmt: skip
    return (
        Input(),
        Array("recurrent", op.recurrent, narrowest(op.recurrent, "s8", "s16")),
        Array("bias", op.bias, narrowest(op.bias, "s32", "s64")),
        recurrence,
        requantisation(op.gate, "gate"),
    )


def _entries(tables: dict[str, Lookup]) -> dict[str, Array]:
    """The entries of tables, all in one type."""
    code = narrowest(np.concatenate([table.entries for table in tables.values()]))
    return {name: Array(name, table.entries, code) for name, table in tables.items()}


def _shifts(shifts: tuple[int, int]) -> dict[str, int]:
    return {"shift_a": shifts[0], "shift_b": shifts[1]}
