"""Arrays that take turns: what is built, how fast it is, what a folding file may ask for, and branches beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import Entry, checked, plan_with
from fork_nets import SAME
from nets import add, conv, corners, dense, maxpool, program, tensor

from hwq.errors import BadInput
from hwq.hw.fold import Feed
from hwq.hw.folding_file import folding_text
from hwq.hw.netlist import Instance
from hwq.hw.options import options
from hwq.hw.solve import for_multipliers
from hwq.ir.op import Op
from hwq.ir.window import Window

X = tensor(5, 5, 8)
ONE = Window((1, 1))
ENTRY: Entry = {"pe": 2, "simd": 3, "rq": 2, "window": "serial", "copies": 3}


def test_what_is_built() -> None:
    """The arrays read the same memory files; each is fed by windows of its own, and waits for its turn."""
    plan = plan_with(program([conv(X, 8, ONE)], {"a": X}), {"y": ENTRY})
    parts = {part.name: part for part in plan.net.parts if isinstance(part, Instance)}
    arrays = [parts[f"u_y__copy{which}"] for which in range(3)]
    assert all(one.module == "hwq_mvau" and one.params == arrays[0].params for one in arrays)
    assert len({rom.file for rom in plan.net.roms}) == len(plan.net.roms)
    assert parts["u_y__deal"].params == {"W": 24, "N": 3, "BEATS": 3}
    assert [parts[f"u_y__wait{which}"].params["DEPTH"] for which in range(3)] == [4, 4, 4]
    assert plan.multipliers == plan.multiplier_blocks == 18 and plan.cycles["y"] == 25 * 4 * 3 // 3
    assert all(plan.layer_of(name) == "y" for name in parts)
    assert folding_text(plan.folds)["y"] == ENTRY


@pytest.mark.parametrize(
    ("op", "change", "message"),
    [
        (conv(X, 8, ONE), {"copies": 5}, "copies is 5, expected at most 4"),
        (conv(X, 8, ONE), {"copies": 0}, "copies is 0, expected 1 to"),
        (conv(X, 8, ONE), {"pe": 8, "rq": 8, "copies": 2}, "copies is 2, expected at most 1"),
        (conv(X, 8, SAME), {}, "copies is 3, expected at most 1"),
        (conv(X, 8, Window((1, 1), stride=(2, 2))), {}, "copies is 3, expected at most 1"),
    ],
)
def test_refusals(op: Op, change: Entry, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan_with(program([op], {"a": X}), {"y": ENTRY | change})


def test_the_solver_finds_what_one_array_cannot() -> None:
    """64 x 64 products of a pixel with 192 multipliers: one array takes 22 cycles or more, three take 64 each."""
    x = tensor(5, 25, 64)
    op = conv(x, 64, ONE)
    p = program([op], {"a": x})
    alone = [one for one in options(p, op) if one.fold.copies == 1 and one.fold.multipliers <= 192]
    assert min(one.cycles for one in alone) == 125 * 22
    fold = for_multipliers(p, 192).folds["y"]
    assert fold.copies == 3 and plan_with(p, folding_text({"y": fold})).cycles["y"] == 2667


@pytest.mark.icarus
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_beside_a_branch(stall: float, tmp_path: Path) -> None:
    """A residual around arrays that take turns, and a pooling behind them: full rate, in step, no deadlock."""
    ops = [conv(X, 8, ONE, name="c"), add(X, X, name="s", sources=("a", "c")), maxpool(X, SAME, source="s")]
    p = program(ops, {"a": X}, samples=corners({"a": X}, 8))
    plan = plan_with(p, {"c": ENTRY, "s": {"lanes": 1}, "y": {"lanes": 4}})
    result = checked(plan, tmp_path / "build", samples=8, stall=stall)
    assert result.passed, result.trouble
    if not stall:
        assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


@pytest.mark.icarus
def test_frames_in_turn(tmp_path: Path) -> None:
    """In a dense layer whole frames go to the arrays: twice the rate, the same latency."""
    x = tensor(1, 1, 24)
    p = program([dense(x, 10)], {"a": x}, samples=corners({"a": x}, 12))
    one, two = (plan_with(p, {"y": {"pe": 1, "simd": 8, "rq": 1, "window": "serial", "copies": n}}) for n in (1, 2))
    assert (one.interval, two.interval) == (30, 15)
    assert checked(two, tmp_path / "build", samples=12).cycles_per_frame == 15


@pytest.mark.icarus
def test_results_that_wait_in_block_ram(tmp_path: Path) -> None:
    """A pixel of more than 64 beats waits in a deep FIFO."""
    x = tensor(3, 2, 4)
    p = program([conv(x, 70, ONE)], {"a": x}, samples=corners({"a": x}, 4))
    plan = plan_with(p, {"y": {"pe": 2, "simd": 2, "rq": 1, "window": "serial", "copies": 2}})
    assert [part.module for part in plan.net.parts if "__wait" in part.name] == ["hwq_fifo_bram"] * 2
    result = checked(plan, tmp_path / "build", samples=8)
    assert result.passed and result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02)


@pytest.mark.icarus
def test_behind_a_parallel_window(tmp_path: Path) -> None:
    """Windows of all taps and channels at once, cut into beats, in turn."""
    x = tensor(6, 5, 4)
    p = program([conv(x, 6, SAME)], {"a": x}, samples=corners({"a": x}, 6))
    entry = {"pe": 1, "simd": 12, "lanes": 4, "rq": 1, "window": Feed.FLAT_PARALLEL.value, "copies": 2}
    result = checked(plan_with(p, {"y": entry}), tmp_path / "build", samples=8)
    assert result.passed and result.cycles_per_frame == result.cycles_formula == 270
