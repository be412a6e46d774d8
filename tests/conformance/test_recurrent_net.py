"""Recurrent layers among others: the products with their inputs by a convolution, one behind the other, a residual."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import checked
from cases import SAMPLES
from nets import add, conv, corners, dense, program, tensor
from recurrent_nets import gru, lstm

from hwq.hw.plan import make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.sim import simulate_fast, simulate_plain

K1 = Window((1, 1))


def _net() -> Program:
    """Two layers over six steps; what the second one makes is added to what it reads."""
    x, h = tensor(1, 6, 3), tensor(1, 6, 4)
    rows, more = tensor(1, 6, 16, bits=16), tensor(1, 6, 12, bits=16)
    ops = [
        conv(x, 16, K1, name="wx", bits=16),
        lstm(rows, name="first", source="wx"),
        conv(h, 12, K1, name="wh", source="first", bits=16),
        gru(more, name="second", source="wh"),
        add(h, h, name="sum", sources=("first", "second")),
        dense(h, 5, source="sum"),
    ]
    return program(ops, {"a": x}, samples=corners({"a": x}, SAMPLES))


NET = _net()


def test_fast_simulator() -> None:
    fast, plain = simulate_fast(NET, NET.samples), simulate_plain(NET, NET.samples)
    assert all((fast[name] == plain[name]).all() for name in plain)


@pytest.mark.icarus
@pytest.mark.parametrize("multipliers", [5, 40])
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_hardware(multipliers: int, stall: float, tmp_path: Path) -> None:
    plan = make_plan(NET, for_multipliers(NET, multipliers).folds)
    result = checked(plan, tmp_path / "build", samples=SAMPLES, stall=stall)
    assert result.passed, result.trouble
