"""Random sparse programs: dead and equal channels, taps and inputs without weights."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from nets import program
from random_operations import JOINS, WITHIN, fits, joins, operations

from hwq.arith import IntArray, Interval, int_range, signed_bits
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Codebook, Linear, MaxPool
from hwq.ops.coding import MAX_ENTRIES
from hwq.ops.requantised import Requantised
from hwq.quant.context import with_accumulator

Draw = Any
KEEPING = [kind for kind in WITHIN if kind != "conv"]
"""Operations that keep the channels of their input, or may lose none of them."""


def thinned(op: Op, ins: list[Interval], rng: np.random.Generator, calm: bool) -> Op:
    """`op` with dead and equal output channels, and inputs and taps without weights; `calm` has zeros for padding."""
    if calm and hasattr(op, "pad_value") and not isinstance(op, MaxPool):
        op = replace(op, pad_value=0)  # type: ignore[call-arg]
    if calm and isinstance(op, Requantised):
        op = replace(op, requant=replace(op.requant, zero_point=0))
    if not isinstance(op, Linear):
        return op
    weight, bias, multiplier = op.weight.copy(), op.bias.copy(), np.resize(op.requant.multiplier, op.channels)
    for i in range(op.channels):
        fate, other = rng.integers(4), rng.integers(op.channels)
        if fate == 0:
            weight[i], bias[i] = 0, bias[i] * rng.integers(2)
        elif fate == 1:
            weight[i], bias[i], multiplier[i] = weight[other], bias[other], multiplier[other]
    for axis in range(1, weight.ndim):
        np.moveaxis(weight, axis, 0)[rng.random(weight.shape[axis]) < 0.2] = 0
    if rng.integers(2):
        weight, bias = weight // 4, bias // 4  # so that sums of two fit
    factors = op.requant.multiplier[:1] if len(op.requant.multiplier) == 1 else tuple(multiplier.tolist())
    op = replace(op, weight=weight, bias=bias, coding=None)
    # Neither all rounded away nor all clamped: a difference would not be seen.
    low, high = op.accumulator(*ins)
    most = signed_bits((low * max(factors), high * max(factors)))
    shift = min(60, max(0, most - op.bits - int(rng.integers(4))))
    requant = replace(op.requant, shift=shift, multiplier=factors)
    if rng.integers(4):
        qmin, qmax = int_range(op.bits, op.signed)
        requant = replace(requant, zero_point=0, qmin=qmin, qmax=qmax)
    op = replace(op, requant=requant)
    return replace(op, coding=tables(weight)) if rng.integers(3) == 0 else op


def tables(weight: IntArray) -> Codebook | None:
    """A codebook with the weights of each output channel, the largest repeated; None where they are too many."""
    values = [np.unique(channel) for channel in weight]
    most = max(2, *(len(found) for found in values))
    entries = np.stack([np.pad(found, (0, most - len(found)), "edge") for found in values])
    return Codebook(entries) if most <= MAX_ENTRIES else None


@st.composite
def sparse_programs(draw: Draw, first: st.SearchStrategy[TensorType]) -> Program:
    """One to three convolutions, each followed by operations on its channels, and a layer that reads them."""
    x = draw(first)
    rng, calm = np.random.default_rng(draw(st.integers(0, 1 << 30))), draw(st.booleans())
    types, intervals, ops = {"a": x}, {"a": x.range}, []
    ends = draw(st.sampled_from((["conv"], ["dense"], ["dense", "argmax"], ["conv", "argmax"])))
    inner = itertools.chain.from_iterable(
        ["conv", *draw(st.lists(st.sampled_from([*JOINS, *KEEPING]), max_size=3))]
        for _ in range(draw(st.integers(1, 3)))
    )
    current = "a"
    for number, kind in enumerate([*inner, *ends]):
        name, now = f"t{number}", types[current]
        if not fits(kind, now):
            continue
        op: Op = draw(joins(kind, name, current, types) if kind in JOINS else operations(kind, name, current, now))
        ins = [intervals[source] for source in op.inputs]
        op = thinned(op, ins, rng, calm)
        op = with_accumulator(op, *ins) if isinstance(op, Requantised) else op
        types[name], intervals[name] = op.result(*(types[source] for source in op.inputs)), op.bound(*ins)
        ops.append(op)
        current = name
    return program(ops, {"a": x}, (current,))


def small(most: int = 6) -> st.SearchStrategy[TensorType]:
    sizes = st.tuples(st.integers(1, most), st.integers(1, most), st.integers(1, 3))
    return st.builds(TensorType, sizes, st.sampled_from((2, 4, 8, 16)), st.booleans())
