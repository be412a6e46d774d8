"""A chain of convolutions, dense layers and maxima as plain arrays, for tools that know nothing of hwq.

Each operation reads places of the flat tensor before it: `indexK` is (pixels, taps, channels of a tap), and -1 is the
padding, which holds 0.  With `weightK` (outputs, taps times channels) and `biasK` it is y = clamp(round(acc *
multiplierK / 2**shift) + zero), `requantK` being shift, zero, bits and signed; without it is the largest of the taps.
`input` is the bits and signed of the input, `operations` their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Rounding, int_range
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Conv, Dense, MaxPool
from hwq.ops.linear import Linear

Arrays = dict[str, NDArray[Any]]


def arrays(program: Program) -> Arrays:
    """The arrays of a program; ValueError where it is no such chain."""
    entry = program.inputs[0].tensor
    type_, before = program.input_types[entry], entry
    found: Arrays = {"operations": np.array(len(program.ops)), "input": np.array([type_.bits, type_.signed])}
    for k, op in enumerate(program.ops):
        if op.inputs != (before,) or not isinstance(op, Conv | Dense | MaxPool):
            raise ValueError(f"{op.name} ({op.kind}): expected a chain of convolutions, dense layers and maxima")
        found[f"index{k}"] = places(op, type_)
        if isinstance(op, Linear):
            found |= {f"{name}{k}": values for name, values in linear(op).items()}
        type_, before = program.types[op.name], op.name
    return found


def places(op: Op, x: TensorType) -> NDArray[np.int64]:
    """(pixels, taps, channels of a tap): what each pixel of the result reads of `x`."""
    grid = np.arange(x.pixels * x.channels).reshape(1, *x.shape)
    if not isinstance(op, Conv | MaxPool):
        return grid.reshape(1, 1, -1)
    taps = np.stack([view[0] for _, _, view in op.window.slices(grid, -1)], axis=2)
    return taps.reshape(-1, *taps.shape[2:])


def linear(op: Linear) -> Arrays:
    """Weights, and how sums become results."""
    requant = op.requant
    if requant.rounding is not Rounding.HALF_UP or (requant.qmin, requant.qmax) != int_range(op.bits, op.signed):
        raise ValueError(f"{op.name}: rounding {requant.rounding.name} to {requant.qmin} .. {requant.qmax}")
    if getattr(op, "pad_value", 0):
        raise ValueError(f"{op.name}: padding of {getattr(op, 'pad_value', 0)}, expected 0")
    return {
        "weight": op.weight.reshape(op.channels, -1),
        "bias": op.bias,
        "multiplier": np.array(requant.multiplier),
        "requant": np.array([requant.shift, requant.zero_point, op.bits, op.signed]),
    }
