"""Work: the layers that multiply by weights, and the multiplications of a frame."""

from __future__ import annotations

from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Linear, MatMul, Recurrent


def linear_ops(program: Program) -> list[Linear]:
    """Layers whose weights quantisation may code."""
    return [op for op in program.ops if isinstance(op, Linear)]


def mac_count(program: Program) -> int:
    """Multiply-accumulates of one frame."""
    return sum(macs(program, op) for op in program.ops)


def macs(program: Program, op: Op) -> int:
    """Multiply-accumulates of `op` in one frame."""
    y = program.types[op.name]
    if isinstance(op, MatMul):
        return y.pixels * y.channels * op.channels
    return y.pixels * op.macs_per_pixel if isinstance(op, Linear | Recurrent) else 0
