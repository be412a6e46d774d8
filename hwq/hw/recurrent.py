"""Engines of recurrent layers, and their memory files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwq.arith import IntArray
from hwq.hw.fold import Fold, ceil_div
from hwq.hw.netlist import Instance, Netlist, Stream
from hwq.hw.pack import entry_bits, entry_words, hex_words, padded
from hwq.hw.params import Params, multiplier_params, requant_params
from hwq.ir.program import Program
from hwq.ops import Gru, Lookup, Lstm, Recurrent, Rnn


def lstm(net: Netlist, program: Program, op: Lstm, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """The engine of an `Lstm`."""
    params = {
        **_matrix(net, program, op, fold), **_curve(net, op, "CURVE", (op.sigmoid, op.tanh)),
        "CELL_SA": op.shifts[0], "CELL_SB": op.shifts[1], "CELL_W": op.cell_bits, **requant_params(op.cell, "CELL_"),
        **_curve(net, op, "TANH", (op.cell_tanh,)),
        **_output(op), **requant_params(op.requant),
    }  # fmt: skip
    return _engine(net, program, op, params, sources[0])


def gru(net: Netlist, program: Program, op: Gru, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """The engine of a `Gru`."""
    params = {
        **_matrix(net, program, op, fold), **_curve(net, op, "CURVE", (op.sigmoid, op.tanh)),
        "RESET_AFTER": int(op.reset_after), "FRACTION": op.fraction, "SA": op.shifts[0], "SB": op.shifts[1],
        **_output(op), **requant_params(op.requant),
    }  # fmt: skip
    return _engine(net, program, op, params, sources[0])


def rnn(net: Netlist, program: Program, op: Rnn, fold: Fold, sources: Sequence[Stream]) -> Stream:
    """The engine of an `Rnn`."""
    curve = _curve(net, op, "CURVE", (op.activation,))
    del curve["CURVE_W"], curve["CURVE_SIGNED"]  # those of the output
    return _engine(net, program, op, {**_matrix(net, program, op, fold), **curve, **_output(op)}, sources[0])


def _engine(net: Netlist, program: Program, op: Recurrent, params: Params, source: Stream) -> Stream:
    out = net.tensor(op.name, op.name, program.types[op.name], 1)
    net.parts.append(Instance(f"hwq_{op.kind}", f"u_{op.name}", params, {"s_axis": source, "m_axis": out}))
    return out


def _matrix(net: Netlist, program: Program, op: Recurrent, fold: Fold) -> Params:
    """What makes pre-activations, with the memories of weights, biases, factors and multipliers."""
    x = program.types[op.inputs[0]]
    factor_bits = max(op.factors).bit_length()

    def biases() -> list[str]:
        return hex_words(padded(op.bias, 0, fold.pe).reshape(-1, fold.pe), op.acc_bits)

    def weights() -> list[str]:
        return weight_words(op.recurrent, fold, op.weight_bits)

    params: Params = {
        "STEPS": x.pixels, "UNITS": op.units, "PE": fold.pe, "SIMD": fold.simd, "WGT_W": op.weight_bits,
        "ACC_W": op.acc_bits, "X_W": x.bits, "X_SIGNED": int(x.signed), "FACTOR_W": factor_bits,
        "WGT_FILE": net.rom(f"{op.name}_weight", fold.multipliers * op.weight_bits, weights),
        "BIAS_FILE": net.rom(f"{op.name}_bias", fold.pe * op.acc_bits, biases),
        "ROW_FILE": net.rom(f"{op.name}_row", factor_bits + op.gate.word_bits, lambda: row_words(op)),
        **multiplier_params(op.gate), "P_W": op.gate_bits, **requant_params(op.gate, "GATE_"),
    }  # fmt: skip
    return params


def _output(op: Recurrent) -> Params:
    return {"OUT_W": op.bits, "OUT_SIGNED": int(op.signed)}


def _curve(net: Netlist, op: Recurrent, prefix: str, curves: tuple[Lookup, ...]) -> Params:
    """A memory with the words of `curves`, one behind the other."""
    curve = curves[0]
    bits, delta_bits = entry_bits(*curves)
    file = net.rom(
        f"{op.name}_{prefix.lower()}", bits + (delta_bits if curve.step else 0), lambda: entry_words(*curves)
    )
    return {
        f"{prefix}_FILE": file, f"{prefix}_STEP": curve.step, f"{prefix}_FRACTION": curve.fraction,
        f"{prefix}_ENTRY_W": bits, f"{prefix}_DELTA_W": delta_bits,
        f"{prefix}_W": curve.bits, f"{prefix}_SIGNED": int(curve.signed),
    }  # fmt: skip


def weight_words(matrix: IntArray, fold: Fold, bits: int) -> list[str]:
    """One word for each beat nf * SF + sf; weight of PE p and product s at place p * SIMD + s (see hwq_recur.sv)."""
    full = padded(padded(matrix, 0, fold.pe), 1, fold.simd)
    beats = full.reshape(-1, fold.pe, ceil_div(matrix.shape[1], fold.simd), fold.simd).transpose(0, 2, 1, 3)
    return hex_words(beats.reshape(-1, fold.multipliers), bits)


def row_words(op: Recurrent) -> list[str]:
    """One word {factor, multiplier} for each row."""
    factors = np.broadcast_to(np.array(op.factors, np.int64), (op.rows,))
    multipliers = np.broadcast_to(np.array(op.gate.words, np.int64), (op.rows,))
    bits = op.gate.word_bits
    return hex_words((multipliers | factors << bits)[:, None], max(op.factors).bit_length() + bits)
