"""Corner cases of const: one constant each, joined with the input by an addition or a concat that `y` is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from nets import add, concat, const, corners, program, tensor

from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType

SAMPLES = 5


def _frame(*shape: int, bits: int = 8, signed: bool = True) -> tuple[Op, TensorType]:
    """A constant `k` that reaches both ends of its type, and the type."""
    type_ = tensor(*shape, bits=bits, signed=signed)
    low, high = type_.range
    values = np.random.default_rng([bits, *shape]).integers(low, high + 1, shape)
    values.flat[0], values.flat[-1] = low, high
    return const(values, name="k", bits=bits, signed=signed), type_


def _case(k: Op, join: Op, x: TensorType) -> Program:
    return program([k, join], {"a": x}, samples=corners({"a": x}, SAMPLES))


def consts() -> Iterator[tuple[str, Program]]:
    """Name and program of each case."""
    for label, shape, bits, signed in (
        ("image", (3, 4, 5), 8, True),
        ("vector", (1, 1, 10), 8, False),
        ("one_pixel", (1, 1, 1), 4, True),
        ("2-bit", (2, 3, 7), 2, True),
        ("16-bit", (2, 2, 3), 16, False),
    ):
        k, type_ = _frame(*shape, bits=bits, signed=signed)
        x = tensor(*shape)
        yield label, _case(k, add(x, type_, sources=("a", "k")), x)
    zero = const(np.zeros((2, 2, 3)), name="k", bits=1, signed=False)
    x = tensor(2, 2, 3)
    yield "zeros", _case(zero, add(tensor(2, 2, 3, bits=1, signed=False), x, sources=("k", "a")), x)
    for axis, label, shape in ((0, "rows", (1, 4, 3)), (1, "columns", (3, 1, 3)), (2, "channels", (3, 4, 6))):
        k, _ = _frame(*shape)
        yield label, _case(k, concat(axis, "k", "a", "k"), tensor(3, 4, 3))
