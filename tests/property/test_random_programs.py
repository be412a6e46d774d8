"""Random programs: both simulators agree, bounds hold, files keep them, and every folding computes the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_programs import check_foldings, programs, samples

from hwq.ir import serial
from hwq.ir.op import REGISTRY
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.sim import simulate_fast, simulate_plain

EXAMPLES = settings().max_examples
SLOW = settings(max_examples=max(6, EXAMPLES // 12), suppress_health_check=list(HealthCheck))
FOLDINGS = 3


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(p=programs(most=7), seed=st.integers(0, 1 << 30))
def test_fast_equals_plain(p: Program, seed: int) -> None:
    note(dump(p))
    inputs = samples(p, 9, seed)
    plain = simulate_plain(p, inputs, keep_all=True)
    quick = simulate_fast(p, inputs, keep_all=True)
    for name, want in plain.items():
        assert np.array_equal(quick[name], want), name
        low, high = p.intervals[name]
        assert low <= want.min() and want.max() <= high, name
        assert p.types[name].range[0] <= low and high <= p.types[name].range[1]


@settings(max_examples=max(10, EXAMPLES // 4), suppress_health_check=[HealthCheck.too_slow])
@given(p=programs())
def test_files_keep_programs(p: Program) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.hwq")
        serial.save(p, path)
        again = serial.load(path)
    assert dump(again) == dump(p) and serial.digest(again) == serial.digest(p)


@pytest.mark.icarus
@SLOW
@given(data=st.data())
def test_every_folding_computes_the_same(data: st.DataObject) -> None:
    """One program, several foldings, stalled and not: each equals the simulator on every inner stream."""
    p = data.draw(programs(most=5, size=6))
    note(dump(p))
    check_foldings(data, p, FOLDINGS)


def test_every_operation_is_drawn() -> None:
    """The strategy above makes each operation of the registry."""
    seen: set[str] = set()

    @settings(max_examples=600, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(p=programs(most=7))
    def look(p: Program) -> None:
        seen.update(op.kind for op in p.ops)

    look()
    assert seen == REGISTRY.keys()
