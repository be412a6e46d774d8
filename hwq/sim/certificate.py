"""Certificates: which float type holds every intermediate of an operation exactly.

Integers in float32 are exact up to 2**24, in float64 up to 2**53.  The bound covers every partial sum in any
order (so a BLAS may sum as it likes), every value before the shift, and the zero point and the clamp behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.arith import Interval
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops.requantised import Requantised

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53


@dataclass(frozen=True, slots=True)
class Certificate:
    """`sums` and `product` bound the accumulation and the requantisation; the types that hold them exactly.

    A type of None means that no float type does: the operation runs in plain int64.
    """

    sums: int
    product: int
    sum_type: type[np.float32] | type[np.float64] | None
    product_type: type[np.float32] | type[np.float64] | None


def certify(program: Program, op: Op) -> Certificate:
    """The certificate of `op` within `program`."""
    return certify_op(op, program.input_intervals(op))


def certify_op(op: Op, intervals: tuple[Interval, ...]) -> Certificate:
    """The certificate of `op` for inputs within `intervals`."""
    product = op.magnitude(*intervals)
    if not isinstance(op, Requantised):
        return Certificate(product, product, _carrier(product), _carrier(product))
    requant, sums = op.requant, op.partial_sum(*intervals)
    held = max(product + abs(requant.zero_point), abs(requant.qmin), abs(requant.qmax))
    return Certificate(sums, product, _carrier(sums), _carrier(held))


def _carrier(bound: int) -> type[np.float32] | type[np.float64] | None:
    if bound <= FLOAT32_EXACT:
        return np.float32
    return np.float64 if bound <= FLOAT64_EXACT else None
