"""FIFOs where concatenated branches join, forks within forks: no deadlock, full rate, and a deadlock without them."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import Entry, checked, impatient, plan_with
from fork_nets import NETS, ONE, SAMPLES, apart, forked, same
from nets import concat, conv, corners, program, tensor

from hwq.hw.fifo import Branches
from hwq.hw.netlist import Instance
from hwq.hw.plan import Plan
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Linear

LANES = 2


def _plan(p: Program, lanes: int = LANES) -> Plan:
    """Every layer with `lanes` x `lanes` multipliers and as many lanes."""
    folding: dict[str, Entry] = {}
    for op in p.ops:
        steps = max(1, op.macs_per_pixel // op.channels // lanes) if isinstance(op, Linear) else 0
        rq = next((n for n in range(1, lanes + 1) if lanes % n == 0 and lanes // n <= steps), 1)
        mac = {"pe": lanes, "simd": lanes, "rq": rq, "window": "serial"}
        folding[op.name] = mac if isinstance(op, Linear) else {"lanes": lanes}
    return plan_with(p, folding)


@pytest.mark.icarus
@pytest.mark.parametrize("net", [*NETS, "apart"])
def test_full_rate(net: str, tmp_path: Path) -> None:
    result = checked(_plan((NETS | {"apart": apart})[net]()), tmp_path / "build", samples=8)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


@pytest.mark.icarus
@pytest.mark.parametrize("lanes", [1, LANES])
@pytest.mark.parametrize("net", NETS)
def test_no_deadlock_under_stalls(net: str, lanes: int, tmp_path: Path) -> None:
    result = checked(_plan(NETS[net](), lanes), tmp_path / "build", samples=4, stall=0.6)
    assert result.passed, result.trouble


def _deadlocks(plan: Plan, folder: Path) -> bool:
    impatient(plan, folder, 4)
    return any(line.startswith("HWQ_DEADLOCK") for line in checked(plan, folder, samples=4).trouble)


@pytest.mark.icarus
@pytest.mark.parametrize("net", NETS)
def test_deadlock_without(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Branches, "depths", lambda self, join, lanes: (0,) * len(join.inputs))
    assert _deadlocks(_plan(NETS[net]()), tmp_path / "build")


@pytest.mark.icarus
@pytest.mark.parametrize("short", [False, True])
def test_a_frame_waits_for_the_one_before_it(short: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows behind rows of one tensor: a whole frame is held, less a beat in the fork; one less again deadlocks."""
    p = same(0, 2)
    assert Branches(p).depths(p.ops[0], LANES)[1] > p.types["a"].pixels * 2
    held = p.types["a"].pixels * 2 - 1 - short
    monkeypatch.setattr(Branches, "depths", lambda self, join, lanes: (0, held))
    assert _deadlocks(_plan(p), tmp_path / "build") == short


def _fifos(plan: Plan) -> dict[str, int]:
    """Depths by the name of the instance."""
    parts = [part for part in plan.net.parts if isinstance(part, Instance) and "fifo" in part.module]
    return {part.name: int(part.params["DEPTH"]) for part in parts}


@pytest.mark.icarus
def test_a_converter_does_not_slow_turns(tmp_path: Path) -> None:
    """The FIFO is behind the converter to more lanes, which is busy all the time."""
    x = tensor(6, 4, 2)
    ops: list[Op] = [conv(x, 2, ONE, name="c"), concat(2, "a", "c", name="t"), concat(2, "t", "a", "a")]
    mac = {"pe": 2, "simd": 1, "rq": 1, "window": "serial"}
    plan = plan_with(forked(ops, x.shape), {"c": mac, "t": {"lanes": 1}, "y": {"lanes": 2}})
    result = checked(plan, tmp_path / "build", samples=8)
    assert result.passed and result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


@pytest.mark.icarus
def test_a_fork_does_not_slow_turns(tmp_path: Path) -> None:
    """An input of the model that a concat reads now and then, and an engine all the time."""
    x = tensor(6, 4, 2)
    ops: list[Op] = [concat(0, "b", "a", "b", name="t"), conv(x, 2, ONE, name="c")]
    p = program(ops, {"a": x, "b": x}, ("t", "c"), samples=corners({"a": x, "b": x}, SAMPLES))
    mac = {"pe": 1, "simd": 1, "rq": 1, "window": "serial"}
    result = checked(plan_with(p, {"t": {"lanes": 2}, "c": mac}), tmp_path / "build", samples=8)
    assert result.passed and result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


def test_inputs_of_their_own_need_none() -> None:
    x = tensor(3, 3, 2)
    for axis in range(3):
        p = program([concat(axis, "a", "b")], {"a": x, "b": x})
        assert Branches(p).depths(p.ops[0], 1) == (0, 0)


def test_enginesapart_are_held_for_rate_alone() -> None:
    """Each engine works all the time, and is read half of it: half a frame, and a row."""
    assert _fifos(_plan(apart())) == {"u_y__c__fifo": 8 + 4, "u_y__d__fifo": 8 + 4}
