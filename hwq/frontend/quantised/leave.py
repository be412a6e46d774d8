"""Leaving: the ports of a program's outputs, with what is left to the host."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwq.arith import MULTIPLIER_BITS, IntArray, Requant, Rounding, int_range, signed_bits
from hwq.frontend.graph import GraphOutput
from hwq.frontend.node import Refusal
from hwq.frontend.quantised.lower import Lowering
from hwq.frontend.quantised.steps import Bounds
from hwq.frontend.quantised.sums import Rounded, Sums
from hwq.frontend.quantised.values import Data
from hwq.ir.order import stream_order
from hwq.ir.port import Port
from hwq.ir.program import MAX_WIDE_BITS
from hwq.ir.types import Format

MAX_FACTOR = 1 << (MULTIPLIER_BITS - 1)
"""Largest power of two that a requantiser multiplies by."""


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    """A tensor of the program and the real values of its integers: slope * q + offset, float64 (C,)."""

    tensor: str
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]


def leave(lowering: Lowering, item: GraphOutput) -> Port:
    """The port of an output: of integers, with their real values, and the operators that the host has to do.

    Sums leave as they are, with the nearest integer of their bias; what that misses of the bias is the port's offset.

    Raises
    ------
    Refusal
        When they have too many bits.
    """
    whole, graph = lowering.data[item.tensor], lowering.graph
    channels, height, width = graph.shapes[item.tensor]
    end = next((n for n, step in enumerate(whole.steps) if step.line is None or isinstance(step, Bounds)), None)
    rest = whole.steps[end:] if end is not None else ()
    data = Data(whole.source, whole.start, whole.steps[:end])
    line = data.line
    assert line is not None
    slope, offset = (np.broadcast_to(array, channels).astype(np.float64) for array in line)
    if isinstance(data.source, str):
        leaving = Leaving(data.source, slope, offset)
    else:
        leaving = _sums(lowering, data.source, slope, offset)
    form = lowering.made.formats[leaving.tensor]
    channel = item.index // (height * width)
    moved = leaving.offset + leaving.slope * form.zero_point
    return Port(
        item.onnx_name, leaving.tensor, "float64", stream_order(item.index, graph.shapes[item.tensor]),
        (*(step.name for step in rest), *item.host_ops),
        scale=None if (leaving.slope == form.scale).all() else leaving.slope[channel],
        offset=moved[channel] if moved.any() else None,
    )  # fmt: skip


def _sums(lowering: Lowering, sums: Sums, slope: NDArray[np.float64], offset: NDArray[np.float64]) -> Leaving:
    """The operation of sums that leave."""
    bias = _biases(sums, slope, offset)
    factors = _factors(slope) if sums.has_weights else np.ones(len(slope), np.int64)
    for chosen, factor in ((bias, factors), (bias, factors * 0 + 1), (bias * 0, factors * 0 + 1)):
        ends = (sums.low + chosen) * factor, (sums.high + chosen) * factor
        bits = max(2, signed_bits((int(ends[0].min()), int(ends[1].max()))))
        if bits <= MAX_WIDE_BITS:
            break
    else:
        raise Refusal(f"sums of {sums.label} have {bits} bits, expected at most {MAX_WIDE_BITS}")
    lowering.made.claim(sums)
    multipliers = tuple(factor.tolist()) if len(set(factor.tolist())) > 1 else (int(factor[0]),)
    requant = Requant(multipliers, 0, Rounding.HALF_UP, 0, *int_range(bits, True))
    how = Rounded(chosen, np.ones_like(chosen), np.zeros(len(slope), bool), requant, bits, True)
    tensor = lowering.made.add(sums.op(sums.name, how), sums.label)
    left = Leaving(tensor, slope / factor, offset - slope * chosen)
    positive = left.slope[left.slope > 0]
    lowering.made.formats[tensor] = Format(float(positive[0]) if len(positive) else 1.0)
    return left


def _biases(sums: Sums, slope: NDArray[np.float64], offset: NDArray[np.float64]) -> IntArray:
    """The integers next to the offsets, in sums, where one may be added."""
    nearest = np.rint(np.where(slope == 0, 0.0, offset / np.where(slope == 0, 1.0, slope)))
    fits = bool((abs(nearest) < 1 << (MAX_WIDE_BITS - 1)).all()) and sums.has_bias
    if not fits or (len(sums.low) == 1 and (nearest != nearest[0]).any()):
        return np.zeros(len(slope), np.int64)
    return np.asarray(nearest, np.int64)


def _factors(slope: NDArray[np.float64]) -> IntArray:
    """Powers of two by which channels are multiplied so that all have the least slope; 1 where that is no way."""
    if (slope <= 0).any():
        return np.ones(len(slope), np.int64)
    ratio = slope / slope.min()
    if (np.frexp(ratio)[0] != 0.5).any() or ratio.max() > MAX_FACTOR:
        return np.ones(len(slope), np.int64)
    return np.asarray(ratio, np.int64)
