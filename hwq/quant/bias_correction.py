"""Bias correction: each layer's mean error on calibration data is taken out of its bias.

Empirical form of Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction"
(ICCV 2019), section 4.2: layers are corrected in order, each on the integers that the corrected layers before
it deliver, so that a correction also compensates what earlier rounding and clipping left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.ir.op import Op
from hwq.ir.program import Program, replace_ops
from hwq.ops import Linear
from hwq.quant.linear import bias_bits, with_bias
from hwq.sim.certificate import certify
from hwq.sim.fast import execute
from hwq.sim.kernels import ACCUMULATE


def correct_biases(program: Program, inputs: dict[str, IntArray], means: dict[str, NDArray[np.float64]]) -> Program:
    """`program` with corrected biases.

    Parameters
    ----------
    inputs
        Quantised calibration samples by input tensor, (batch, height, width, channels).
    means
        Tensor name to the float network's mean before the activation, (channels,), over the same samples.
    """
    values: dict[str, NDArray[Any]] = dict(inputs)
    ops: list[Op] = []
    for op in program.ops:
        xs = [values[name] for name in op.inputs]
        if isinstance(op, Linear):
            op = _corrected(program, op, xs, means[op.name])
        ops.append(op)
        values[op.name] = execute(op, certify(program, op), xs)
        for name in op.inputs:
            if not any(name in later.inputs for later in program.ops[len(ops) :]):
                values.pop(name, None)
    return replace_ops(program, ops).verify()


def _corrected(program: Program, op: Linear, xs: list[NDArray[Any]], mean: NDArray[np.float64]) -> Linear:
    certificate = certify(program, op)
    kernel = ACCUMULATE[type(op)]
    if certificate.sum_type is None:
        acc = op.accumulate(*(x.astype(np.int64) for x in xs))
    else:
        acc = kernel(op, certificate.sum_type, xs)
    unit = accumulator_scale(program, op)
    error = np.floor(mean / unit - acc.mean(axis=(0, 1, 2), dtype=np.float64) + 0.5)
    limit = 1 << bias_bits(op.weight_bits, program.types[op.inputs[0]].bits)
    bias = np.clip(op.bias + error.astype(np.int64), -limit - abs(op.bias), limit + abs(op.bias))
    return with_bias(op, bias, program.input_intervals(op)[0])


def accumulator_scale(program: Program, op: Linear) -> NDArray[np.float64]:
    """Real value of one accumulator unit of each channel, (M,) or (1,)."""
    requant = op.requant
    return np.array(requant.multiplier, np.float64) * 2.0**-requant.shift * program.formats[op.name].scale
