"""Depths of FIFOs where branches join: full rate at the computed depth, a deadlock below the bound, on both sides."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from builds import Entry, checked, impatient, plan_with
from fork_nets import BLOCKS, SAME, lead, residual, scaled
from nets import add, conv, corners, dense, mul, program, tensor

from hwq.hw.fifo import Branches
from hwq.hw.fold import ceil_div
from hwq.hw.netlist import Instance
from hwq.hw.plan import Plan
from hwq.hw.work import macs
from hwq.ir.program import Program
from hwq.verify.check import Verification


def _plan(p: Program, width: int) -> Plan:
    """Every layer with `width` x `width` multipliers and as many lanes."""
    folding: dict[str, Entry] = {}
    for op in p.ops:
        if work := macs(p, op):
            y = p.types[op.name]
            steps = max(1, work // (y.pixels * y.channels) // width)
            rq = next(n for n in range(1, width + 1) if width % n == 0 and width // n <= steps)
            folding[op.name] = {"pe": width, "simd": width, "rq": rq, "window": "serial"}
        else:
            folding[op.name] = {"lanes": width}
    return plan_with(p, folding)


def _fifos(plan: Plan) -> list[int]:
    parts = [part for part in plan.net.parts if isinstance(part, Instance) and "fifo" in part.module]
    return [int(part.params["DEPTH"]) for part in parts]


@pytest.mark.icarus
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    ("shape", "width"), [((6, 6, 4), 2), ((5, 7, 3), 1), ((1, 6, 4), 2), ((6, 1, 2), 2), ((1, 1, 4), 2)]
)
def test_full_rate_at_the_computed_depth(block: str, shape: tuple[int, int, int], width: int, tmp_path: Path) -> None:
    result = checked(_plan(BLOCKS[block](*shape), width), tmp_path / "build", samples=8)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


@pytest.mark.icarus
@pytest.mark.parametrize("lanes", [1, 40])
def test_full_rate_around_whole_pixels(lanes: int, tmp_path: Path) -> None:
    """Rows of one pixel: several of them are inside of the branch that scales them."""
    result = checked(_plan(scaled(12, 1, 40), lanes), tmp_path / "build", samples=8)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02)


@pytest.mark.icarus
def test_full_rate_beside_slow_layers(tmp_path: Path) -> None:
    """Three layers that take all of a frame's time each: the other branch holds the frames that they work on."""
    x = tensor(1, 1, 96)
    names = ["a", "d0", "d1", "d2"]
    layers = [dense(x, 96, name=name, source=source) for source, name in itertools.pairwise(names)]
    p = program([*layers, add(x, x, sources=("a", "d2"))], {"a": x})
    slow = {"pe": 8, "simd": 1, "rq": 1, "window": "serial"}
    plan = plan_with(p, {"d0": slow, "d1": slow, "d2": slow, "y": {"lanes": 1}})
    assert set(list(plan.cycles.values())[:3]) == {plan.interval}
    result = checked(plan, tmp_path / "build", samples=12)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == plan.interval


@pytest.mark.icarus
@pytest.mark.parametrize("block", BLOCKS)
def test_no_deadlock_under_stalls(block: str, tmp_path: Path) -> None:
    result = checked(_plan(BLOCKS[block](5, 4, 4), 2), tmp_path / "build", samples=4, stall=0.6)
    assert result.passed, result.trouble


def _with_depth(plan: Plan, depth: int, folder: Path) -> Verification:
    """The build with its only FIFO at another depth, and a testbench that loses patience soon."""
    impatient(plan, folder, 4)
    path, pattern = folder / "rtl" / "net.sv", r"hwq_fifo(?:_bram)?( #\(\s*\.W\(\d+\), \.DEPTH\()\d+"
    changed, count = re.subn(pattern, rf"hwq_fifo\g<1>{depth}", path.read_text())
    assert count == 1
    path.write_text(changed)
    return checked(plan, folder, samples=4)


@pytest.mark.icarus
@pytest.mark.parametrize(("shape", "width", "layers"), [((6, 8, 2), 2, 2), ((6, 8, 2), 2, 1), ((6, 6, 4), 2, 2)])
def test_both_sides_of_the_bound(shape: tuple[int, int, int], width: int, layers: int, tmp_path: Path) -> None:
    """D = max(need(n) - n) beats run, and so do D - 1, as one beat sits in the join; D - 2 deadlock."""
    plan = _plan(residual(*shape, layers=layers), width)
    bound = lead(shape[0], shape[1], layers) * ceil_div(shape[2], width)
    (computed,) = _fifos(plan)
    assert computed > bound
    for depth in (bound, bound - 1):
        assert _with_depth(plan, depth, tmp_path / str(depth)).passed
    stuck = _with_depth(plan, bound - 2, tmp_path / "stuck")
    assert not stuck.passed
    assert any(line.startswith("HWQ_DEADLOCK") for line in stuck.trouble)


def test_no_fifo_where_nothing_is_forked() -> None:
    x = tensor(3, 3, 2)
    p = program([add(x, x)], {"a": x, "b": x})
    assert Branches(p).depths(p.ops[0], 1) == (0, 0)
    doubled = program([add(x, x, sources=("a", "a"))], {"a": x})
    assert Branches(doubled).depths(doubled.ops[0], 1) == (0, 0)


@pytest.mark.icarus
def test_no_fifo_in_front_of_a_square(tmp_path: Path) -> None:
    """Both of its inputs come from one fork, whatever is forked before it."""
    x = tensor(5, 6, 2)
    ops = [conv(x, 2, SAME, name="c"), mul(x, x, name="s", sources=("c", "c")), add(x, x, sources=("s", "a"))]
    p = program(ops, {"a": x}, samples=corners({"a": x}, 6))
    assert Branches(p).depths(ops[1], 1) == (0, 0)
    assert Branches(p).depths(ops[2], 1)[1] > 0
    result = checked(_plan(p, 1), tmp_path / "build", samples=6)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


def test_depth_belongs_to_the_nearest_fork() -> None:
    """Around a block that follows another one, the FIFO balances that block alone."""
    x = tensor(6, 6, 2)
    blocks = program(
        [
            conv(x, 2, SAME, name="c"),
            add(x, x, name="s", sources=("a", "c")),
            conv(x, 2, SAME, name="d", source="s"),
            add(x, x, sources=("s", "d")),
        ],
        {"a": x},
    )
    alone = residual(6, 6, 2, layers=1)
    first, second = (Branches(blocks).depths(op, 1) for op in blocks.ops if op.kind == "add")
    assert first == second == Branches(alone).depths(alone.ops[-1], 1)
    assert first[0] > 0 and first[1] == 0
