"""FIFOs beside gathers: full rate and no deadlock where a branch stores blocks and gives them back late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builds import checked, plan_with
from cases_gather import bordered, depth_to_space, positions, space_to_depth
from nets import add, conv, gather, program, tensor

from hwq.hw.fold import lane_choices
from hwq.hw.plan import Plan
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Linear

X = tensor(16, 12, 4)
AT = positions(X)
SAME = Window((3, 3), pads=(1, 1, 1, 1))


def _tiles() -> Program:
    """y = a + space_to_depth(depth_to_space(a))."""
    fine = tensor(32, 24, 1)
    ops = [
        gather(depth_to_space(X, 2), name="d"),
        gather(space_to_depth(fine, 2), name="s", source="d"),
        add(X, X, sources=("a", "s")),
    ]
    return program(ops, {"a": X})


def _turned(times: int) -> Program:
    """y = a + reversed(... reversed(a))."""
    ops = [gather(AT[::-1, ::-1], name=f"r{n}", source=f"r{n - 1}" if n else "a") for n in range(times)]
    return program([*ops, add(X, X, sources=("a", f"r{times - 1}"))], {"a": X})


def _both() -> Program:
    """y = turned upside down(a) + mirrored from left to right(a)."""
    ops = [gather(AT[::-1], name="u"), gather(AT[:, ::-1], name="m"), add(X, X, sources=("u", "m"))]
    return program(ops, {"a": X})


def _convolved() -> Program:
    """y = reversed(conv(a)) + conv(a), a border that is cut off again beside the second one."""
    wide = tensor(20, 16, 4)
    ops = [
        conv(X, 4, SAME, name="c"),
        gather(AT[::-1], name="r", source="c"),
        gather(bordered(X, (2, 2, 2, 2), "edge"), name="e"),
        conv(wide, 4, Window((5, 5)), name="f", source="e"),
        add(X, X, sources=("r", "f")),
    ]
    return program(ops, {"a": X})


def _cropped() -> Program:
    """y = the middle of a + the middle of the mirrored image."""
    small = tensor(12, 10, 4)
    ops = [
        gather(AT[2:-2, 1:-1], name="c"),
        gather(AT[:, ::-1], name="m"),
        gather(AT[2:-2, 1:-1], name="d", source="m"),
        add(small, small, sources=("c", "d")),
    ]
    return program(ops, {"a": X})


NETS: dict[str, Callable[[], Program]] = {
    "tiles": _tiles,
    "turned": lambda: _turned(1),
    "turned-twice": lambda: _turned(2),
    "turned-thrice": lambda: _turned(3),
    "both": _both,
    "convolved": _convolved,
    "cropped": _cropped,
}


def _plan(p: Program) -> Plan:
    """Every operation as fast as it may be, but for convolutions."""
    folding = {}
    for op in p.ops:
        lanes = lane_choices(op, p.input_types_of(op), p.types[op.name])[-1]
        mac = {"pe": 4, "simd": 4, "rq": 4, "window": "serial"}
        folding[op.name] = mac if isinstance(op, Linear) else {"lanes": lanes}
    return plan_with(p, folding)


@pytest.mark.icarus
@pytest.mark.parametrize("net", NETS)
def test_full_rate(net: str, tmp_path: Path) -> None:
    result = checked(_plan(NETS[net]()), tmp_path / "build", samples=10)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


@pytest.mark.icarus
@pytest.mark.parametrize("net", NETS)
def test_no_deadlock_under_stalls(net: str, tmp_path: Path) -> None:
    result = checked(_plan(NETS[net]()), tmp_path / "build", samples=4, stall=0.6)
    assert result.passed, result.trouble
