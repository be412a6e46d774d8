"""Slimming random sparse programs keeps every output integer: all inputs of tiny programs, samples of others."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from nets import corners, program
from random_operations import JOINS, WITHIN, fits, joins, operations
from random_programs import check_foldings, samples

from hwq.arith import IntArray, Interval, int_range, signed_bits
from hwq.ir import serial
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ir.types import TensorType
from hwq.ops import Codebook, Conv, Depthwise, Linear, MaxPool
from hwq.ops.coding import MAX_ENTRIES
from hwq.ops.requantised import Requantised
from hwq.quant.context import with_accumulator
from hwq.quant.slim import check_equal, slim
from hwq.sim import simulate_fast, simulate_plain

Draw = Any
EXAMPLES = settings().max_examples
LOOSE = settings(max_examples=2 * EXAMPLES, suppress_health_check=list(HealthCheck))
KEEPING = [kind for kind in WITHIN if kind != "conv"]
"""Operations that keep the channels of their input, or may lose none of them."""
TINY = [TensorType(shape, 2, signed) for shape in ((2, 2, 1), (1, 2, 2), (1, 3, 1)) for signed in (False, True)]
"""Inputs of at most 256 values."""


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


def compare(before: Program, after: Program, inputs: dict[str, IntArray]) -> None:
    """Equal outputs; and inside, each channel that is left is one of those before, within its accumulator's width."""
    check_equal(before, after, inputs)
    old, new = simulate_fast(before, inputs, keep_all=True), simulate_plain(after, inputs, keep_all=True)
    for name, values in new.items():
        known = {channel.tobytes() for channel in np.moveaxis(old[name], -1, 0)}
        assert all(channel.tobytes() in known for channel in np.moveaxis(values, -1, 0)), name


@LOOSE
@given(p=sparse_programs(small()), seed=st.integers(0, 1 << 30))
def test_random_and_extreme_inputs(p: Program, seed: int) -> None:
    note(dump(p))
    slimmer, saved = slim(p)
    note(dump(slimmer))
    for inputs in (samples(p, 20, seed), corners(p.input_types, 12, seed)):
        compare(p, slimmer, inputs)
    before, after = saved.total()
    assert after.channels <= before.channels and after.macs <= before.macs and after.rom_bits <= before.rom_bits
    again, nothing = slim(slimmer)
    assert serial.digest(again) == serial.digest(slimmer) and nothing.before == nothing.after


@LOOSE
@given(p=sparse_programs(st.sampled_from(TINY)))
def test_every_input_of_tiny_programs(p: Program) -> None:
    note(dump(p))
    slimmer, _ = slim(p)
    note(dump(slimmer))
    x = p.input_types["a"]
    low, high = x.range
    every = list(itertools.product(range(low, high + 1), repeat=int(np.prod(x.shape))))
    compare(p, slimmer, {"a": np.array(every, np.int64).reshape(-1, *x.shape)})


@pytest.mark.icarus
@settings(max_examples=max(6, EXAMPLES // 12), suppress_health_check=list(HealthCheck))
@given(p=sparse_programs(small()), data=st.data())
def test_hardware_of_slimmed_programs(p: Program, data: st.DataObject) -> None:
    """Kernels that lost taps, layers that read little but borders: each inner stream equals the simulator."""
    slimmer, _ = slim(p)
    note(dump(slimmer))
    check_foldings(data, slimmer, 1)


def test_channels_and_kernels_shrink_often() -> None:
    """The strategy above gives slimming work: a test of nothing would pass too."""
    seen: Counter[str] = Counter()

    @settings(max_examples=1200, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(p=sparse_programs(small()))
    def look(p: Program) -> None:
        pairs = list(zip(p.ops, slim(p)[0].ops, strict=True))
        linear = [(old, new) for old, new in pairs if isinstance(old, Linear) and isinstance(new, Linear)]
        windowed = [(old, new) for old, new in linear if isinstance(old, Conv | Depthwise)]
        seen["channels"] += any(new.channels < old.channels for old, new in linear)
        seen["taps"] += any(new.weight.shape[1:3] != old.weight.shape[1:3] for old, new in windowed)
        seen["depthwise"] += any(new.channels < old.channels for old, new in windowed if isinstance(old, Depthwise))
        seen["step"] += any(max(new.window.dilation) > max(old.window.dilation) for old, new in windowed)
        seen["bias"] += any(not np.isin(new.bias, old.bias).all() for old, new in linear)
        seen["tables"] += any(new.channels < old.channels for old, new in linear if old.coding)
        seen["sums"] += any(not np.isin(new.weight, old.weight).all() for old, new in linear)

    look()
    assert min(seen[what] for what in ("channels", "taps", "depthwise", "step", "bias", "tables", "sums")) >= 2, seen
