"""Slimming random sparse programs keeps every output integer: all inputs of tiny programs, samples of others."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from nets import corners
from random_programs import check_foldings, samples
from random_sparse import small, sparse_programs

from hwq.arith import IntArray
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.ir.types import TensorType
from hwq.ops import Conv, Depthwise, Linear
from hwq.quant.slim import check_equal, slim
from hwq.sim import simulate_fast, simulate_plain

Draw = Any
EXAMPLES = settings().max_examples
LOOSE = settings(max_examples=2 * EXAMPLES, suppress_health_check=list(HealthCheck))
TINY = [TensorType(shape, 2, signed) for shape in ((2, 2, 1), (1, 2, 2), (1, 3, 1)) for signed in (False, True)]
"""Inputs of at most 256 values."""


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
