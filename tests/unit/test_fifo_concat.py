"""FIFOs where concatenated branches join, forks within forks: no deadlock, full rate, and a deadlock without them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hardware import Entry, checked, plan_with
from nets import add, concat, conv, corners, maxpool, program, rescale, tensor

from hwq.emit.generate import generate
from hwq.hw.fifo import Branches
from hwq.hw.netlist import Instance
from hwq.hw.plan import Plan
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Linear

ONE, SAME = Window((1, 1)), Window((3, 3), pads=(1, 1, 1, 1))
LANES = 2
SAMPLES = 6


def _program(ops: list[Op], shape: tuple[int, int, int], inputs: str = "a") -> Program:
    types = {name: tensor(*shape) for name in inputs}
    return program(ops, types, samples=corners(types, SAMPLES))


def _inception() -> Program:
    """Four branches of 1, 2, 3 and 0 layers, channels side by side."""
    x = tensor(5, 6, 4)
    return _program(
        [
            conv(x, 2, ONE, name="p"),
            conv(x, 2, ONE, name="q0"),
            conv(tensor(5, 6, 2), 4, SAME, name="q", source="q0"),
            conv(x, 2, SAME, name="r0"),
            conv(tensor(5, 6, 2), 2, SAME, name="r1", source="r0"),
            conv(tensor(5, 6, 2), 6, SAME, name="r", source="r1"),
            concat(2, "p", "q", "r", "a"),
        ],
        x.shape,
    )


def _delayed(axis: int, first: bool) -> Program:
    """A tensor beside itself two layers later, with more rows than these hold."""
    x = tensor(14, 3, 2)
    ops: list[Op] = [conv(x, 2, SAME, name="c"), conv(x, 2, SAME, name="d", source="c")]
    return _program([*ops, concat(axis, *("da" if first else "ad"))], x.shape)


def _same(axis: int, times: int) -> Program:
    return _program([concat(axis, *"a" * times)], (4, 5, 4))


def _dense_block() -> Program:
    """Every layer reads all before it: forks whose branches do not nest."""
    shapes = [tensor(4, 5, 2 * n) for n in (1, 2, 3)]
    return _program(
        [
            conv(shapes[0], 2, SAME, name="c"),
            concat(2, "a", "c", name="ac"),
            conv(shapes[1], 2, SAME, name="d", source="ac"),
            concat(2, "a", "c", "d", name="acd"),
            conv(shapes[2], 2, SAME, source="acd"),
        ],
        shapes[0].shape,
    )


def _residuals() -> Program:
    """Residual blocks of unequal depth, one within the other, and what went in behind what came out, row by row."""
    x = tensor(4, 4, 2)
    return _program(
        [
            conv(x, 2, SAME, name="c"),
            conv(x, 2, SAME, name="d", source="c"),
            conv(x, 2, ONE, name="e", source="d"),
            add(x, x, name="inner", sources=("e", "c")),
            add(x, x, name="outer", sources=("inner", "a")),
            concat(0, "outer", "c", "a"),
        ],
        x.shape,
    )


def _nested() -> Program:
    """A fork inside a branch of another one, joined along columns, then along rows, with the outer fork."""
    x = tensor(4, 3, 2)
    return _program(
        [
            maxpool(x, SAME, name="m"),
            conv(x, 2, SAME, name="c", source="m"),
            concat(1, "m", "c", "m", name="inner"),
            rescale(x, name="r"),
            concat(1, "r", "a", "r", name="beside"),
            concat(0, "inner", "beside", "inner", name="all"),
            conv(tensor(12, 9, 2), 2, SAME, source="all"),
        ],
        x.shape,
    )


def _crossed() -> Program:
    """Two inputs that meet twice, in either order."""
    x = tensor(3, 4, 2)
    return _program(
        [
            conv(x, 2, SAME, name="c", source="b"),
            add(x, x, name="s", sources=("a", "c")),
            concat(0, "b", "a", name="t"),
            concat(0, "s", "s", name="u"),
            add(tensor(6, 4, 2), tensor(6, 4, 2), sources=("u", "t")),
        ],
        x.shape,
        "ab",
    )


def _apart() -> Program:
    """Two engines that share nothing, one frame behind the other."""
    x = tensor(4, 4, 2)
    return _program(
        [conv(x, 2, SAME, name="c"), conv(x, 2, SAME, name="d", source="b"), concat(0, "c", "d")], x.shape, "ab"
    )


NETS: dict[str, Callable[[], Program]] = {
    "inception": _inception,
    "dense-block": _dense_block,
    "residuals": _residuals,
    "nested": _nested,
    "crossed": _crossed,
    **{f"delayed-{axis}": lambda axis=axis: _delayed(axis, False) for axis in range(3)},
    **{f"delayed-first-{axis}": lambda axis=axis: _delayed(axis, True) for axis in range(3)},
    **{f"same-{axis}": lambda axis=axis: _same(axis, 2) for axis in range(3)},
    **{f"three-{axis}": lambda axis=axis: _same(axis, 3) for axis in range(3)},
}


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
    result = checked(_plan((NETS | {"apart": _apart})[net]()), tmp_path / "build", samples=8)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


@pytest.mark.icarus
@pytest.mark.parametrize("lanes", [1, LANES])
@pytest.mark.parametrize("net", NETS)
def test_no_deadlock_under_stalls(net: str, lanes: int, tmp_path: Path) -> None:
    result = checked(_plan(NETS[net](), lanes), tmp_path / "build", samples=4, stall=0.6)
    assert result.passed, result.trouble


def _impatient(plan: Plan, folder: Path) -> None:
    """The build, with a testbench that loses patience soon."""
    generate(plan, folder, 4)
    bench = folder / "tb" / "tb_net.sv"
    text, count = re.subn(r"(PATIENCE = )\d+", r"\g<1>5000", bench.read_text())
    assert count == 1
    bench.write_text(text)


def _deadlocks(plan: Plan, folder: Path) -> bool:
    _impatient(plan, folder)
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
    p = _same(0, 2)
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
    plan = plan_with(_program(ops, x.shape), {"c": mac, "t": {"lanes": 1}, "y": {"lanes": 2}})
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


def test_engines_apart_are_held_for_rate_alone() -> None:
    """Each engine works all the time, and is read half of it: half a frame, and a row."""
    assert _fifos(_plan(_apart())) == {"u_y__c__fifo": 8 + 4, "u_y__d__fifo": 8 + 4}
