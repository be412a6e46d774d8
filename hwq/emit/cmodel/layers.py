"""The C of each operation."""

from __future__ import annotations

from hwq.emit.cmodel import moves, pointwise, recurrent, weighted
from hwq.emit.cmodel.parts import Array, Call, code_of
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import (
    Add,
    ArgMax,
    AvgPool,
    Concat,
    Const,
    Convolution,
    Dense,
    Depthwise,
    Extremum,
    Gather,
    Gru,
    Lstm,
    MatMul,
    MaxPool,
    Mul,
    Normalise,
    Pad,
    PRelu,
    Rescale,
    Rnn,
    Softmax,
    Table,
    Threshold,
    TopK,
)


def calls(program: Program, op: Op) -> tuple[Call, ...]:
    """What computes the output of `op`: one call, or one for each input; none for a constant."""
    xs, y, intervals = program.input_types_of(op), program.types[op.name], program.input_intervals(op)
    match op:
        case Const():
            return ()
        case Concat():
            return moves.concat(op, xs, y)
        case Depthwise():
            return (weighted.depthwise(op, xs, y, intervals),)
        case Convolution() | Dense():
            return (weighted.convolution(op, xs, y, intervals),)
        case AvgPool():
            return (weighted.avgpool(op, xs, y, intervals),)
        case MatMul():
            return (weighted.matmul(op, xs, y, intervals),)
        case MaxPool():
            return (weighted.maxpool(op, xs, y),)
        case Add() | Mul():
            return (pointwise.pair(op, xs, y, intervals),)
        case Rescale():
            return (pointwise.rescale(op, xs, y, intervals),)
        case PRelu():
            return (pointwise.prelu(op, xs, y, intervals),)
        case Extremum():
            return (pointwise.extremum(op, xs, y),)
        case Table():
            return (pointwise.table(op, xs, y),)
        case Threshold():
            return (pointwise.threshold(op, xs, y),)
        case Softmax():
            return (pointwise.softmax(op, xs, y),)
        case Normalise():
            return (pointwise.normalise(op, xs, y),)
        case Pad():
            return (moves.pad(op, xs, y),)
        case Gather():
            return (moves.gather(op, xs, y),)
        case ArgMax():
            return (moves.argmax(op, xs, y),)
        case TopK():
            return (moves.topk(op, xs, y),)
        case Lstm():
            return (recurrent.lstm(op, xs, y, intervals),)
        case Gru():
            return (recurrent.gru(op, xs, y, intervals),)
        case Rnn():
            return (recurrent.rnn(op, xs, y, intervals),)
    raise TypeError(f"{op.name}: no C form of {op.kind}")


def constant(program: Program, op: Const) -> Array:
    """The frame of a constant, which layers read where it lies."""
    return Array("values", op.values, code_of(program.types[op.name]))
