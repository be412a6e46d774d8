"""Networks of a few layers that show what conformance cases of one operation do not."""

from __future__ import annotations

import numpy as np
from cases import SAMPLES
from nets import concat, const, conv, corners, program, rescale, tensor

from hwq.ir.program import Program
from hwq.ir.window import Window


def unlike_lanes() -> Program:
    """Two elementwise layers of unlike lanes: width converters up and down."""
    x = tensor(2, 3, 7)
    return program([rescale(x, name="r"), rescale(x, source="r")], {"a": x}, samples=corners({"a": x}, SAMPLES))


def deep_rows() -> Program:
    """Deep enough that the ring of rows comes round, and slow enough that it fills."""
    x = tensor(9, 4, 2)
    return program([conv(x, 4, Window((3, 3), pads=(1, 1, 1, 1)))], {"a": x}, samples=corners({"a": x}, SAMPLES))


def constant_first() -> Program:
    """Columns behind those of a constant, and something after it that takes a while."""
    x, k = tensor(3, 2, 2), const(np.arange(12).reshape(3, 2, 2), name="k")
    ops = [k, concat(1, "k", "a", name="t"), rescale(tensor(3, 4, 2), source="t")]
    return program(ops, {"a": x}, samples=corners({"a": x}, SAMPLES))
