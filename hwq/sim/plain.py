"""The plain simulator: the definition of a program's result."""

from __future__ import annotations

import numpy as np

from hwq.arith import IntArray, int_range
from hwq.errors import CheckFailed
from hwq.ir.program import Program
from hwq.ops.requantised import Requantised


def simulate_plain(program: Program, inputs: dict[str, IntArray], keep_all: bool = False) -> dict[str, IntArray]:
    """Evaluate every operation in plain int64 numpy, and check each accumulator against its width.

    Parameters
    ----------
    inputs
        Input tensor name to integers (batch, height, width, channels), within the tensor's type.
    keep_all
        Return every tensor rather than the outputs alone.

    Returns
    -------
    dict
        Tensor name to int64 (batch, height, width, channels).

    Raises
    ------
    CheckFailed
        When an accumulator leaves the width that was proved for it: a fault of hwq itself.
    """
    values = {name: np.asarray(x, np.int64) for name, x in inputs.items()}
    for op in program.ops:
        xs = [values[name] for name in op.inputs]
        if isinstance(op, Requantised):
            acc = op.accumulate(*xs)
            low, high = int_range(op.acc_bits, True)
            if acc.size and (acc.min() < low or acc.max() > high):
                raise CheckFailed(
                    f"{op.name} ({op.kind}): accumulator left {op.acc_bits} bits. This is a fault of hwq."
                )
            values[op.name] = op.requant(acc)
        else:
            values[op.name] = op.evaluate(*xs)
        if not xs:
            values[op.name] = np.repeat(values[op.name], len(next(iter(values.values()))), axis=0)
    return values if keep_all else {name: values[name] for name in program.output_tensors()}
