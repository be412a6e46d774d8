"""Corner cases of concat: every axis, sizes that differ, many inputs, one tensor twice."""

from __future__ import annotations

from collections.abc import Iterator

from nets import concat, corners, program, tensor

from hwq.ir.program import Program
from hwq.ir.types import TensorType

SAMPLES = 5


def _case(axis: int, types: dict[str, TensorType], sources: str = "") -> Program:
    return program([concat(axis, *(sources or types))], types, samples=corners(types, SAMPLES))


def concats() -> Iterator[tuple[str, Program]]:
    """Name and program of each case."""
    for axis, label, other in ((0, "rows", (1, 4, 5)), (1, "columns", (3, 2, 5)), (2, "channels", (3, 4, 10))):
        yield label, _case(axis, {"a": tensor(3, 4, 5), "b": tensor(*other)})
        yield f"{label}-twice", _case(axis, {"a": tensor(3, 4, 5, signed=False)}, "aa")
        yield f"{label}-again", _case(axis, {"a": tensor(2, 3, 4), "b": tensor(2, 3, 4)}, "abaab")
        one = tensor(1, 1, 1, bits=2)
        yield f"{label}-one_pixel", _case(axis, {"a": one, "b": one, "c": one})
        wide = tensor(2, 2, 3, bits=16)
        yield f"{label}-16-bit", _case(axis, {"a": wide, "b": wide})
    yield "channels-coprime", _case(2, {"a": tensor(2, 3, 3), "b": tensor(2, 3, 7)})
    yield "channels-common", _case(2, {"a": tensor(2, 3, 6), "b": tensor(2, 3, 9), "c": tensor(2, 3, 3)})
    yield "vectors", _case(2, {"a": tensor(1, 1, 12), "b": tensor(1, 1, 4)})
    yield "sixteen", _case(2, {name: tensor(2, 2, 1, bits=1, signed=False) for name in "abcdefghijklmnop"})
    yield "sixteen-rows", _case(0, {"a": tensor(1, 2, 2)}, "a" * 16)
