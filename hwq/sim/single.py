"""One operation at a time in numpy: for the quantiser, and for what the graph of the fast simulator does not hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops.requantised import Requantised
from hwq.sim.certificate import Certificate
from hwq.sim.kernels import ACCUMULATE, DIRECT, FloatArray

CHUNK_BYTES = 8 << 20
"""The largest matrix of windows that a chunk of the batch may need: about the size of a cache, so memory is bounded."""


def execute(op: Op, certificate: Certificate, xs: list[FloatArray]) -> FloatArray:
    """One operation, in the narrowest float type that its certificate admits, else in int64."""
    kernel = ACCUMULATE.get(type(op))
    if isinstance(op, Requantised) and kernel and certificate.sum_type:
        acc = kernel(op, certificate.sum_type, xs)
        if certificate.product_type:
            narrow = np.float32 if max(abs(op.requant.qmin), abs(op.requant.qmax)) <= 1 << 24 else np.float64
            wide: Any = acc.astype(certificate.product_type, copy=False)
            result: FloatArray = op.requant.apply_float(wide).astype(narrow, copy=False)
            return result
        return op.requant(acc.astype(np.int64))
    if type(op) in DIRECT:
        return DIRECT[type(op)](op, np.float32, xs)
    return op.evaluate(*(x.astype(np.int64) for x in xs))


def chunk_size(program: Program) -> int:
    """Samples in a chunk so that the largest matrix of windows stays near `CHUNK_BYTES`."""
    return min(samples_at_once(op, program.first_type(op), program.types[op.name]) for op in program.ops)


def samples_at_once(op: Op, x: TensorType, out: TensorType) -> int:
    """Samples whose matrix of windows, and result, in one operation stay near `CHUNK_BYTES`."""
    window = getattr(op, "window", Window((1, 1)))
    largest = max(4 * out.pixels * window.taps * x.channels, 8 * out.pixels * out.channels)
    return max(1, CHUNK_BYTES // largest)
