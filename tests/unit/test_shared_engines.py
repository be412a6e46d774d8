"""Layers that share one engine: what is built, what a folding file may ask for, how fast and how exact it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import Entry, checked, plan_with
from fork_nets import SAME
from nets import conv, maxpool, program, tensor
from shared_nets import X, chain, own, residual, shared

from hwq.errors import BadInput
from hwq.hw.cost import plan_cost
from hwq.hw.device import device
from hwq.hw.folding_file import folding_text, parse_folding
from hwq.hw.netlist import Instance
from hwq.hw.plan import Plan
from hwq.hw.sharing import joint
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Linear
from hwq.report.summary import summarise

ENTRY: Entry = {"pe": 4, "simd": 3, "rq": 2, "window": "serial"}
DEEP_ENTRY: Entry = {"pe": 4, "rq": 1, "window": "serial"}
VECTOR = tensor(1, 1, 12)


def layers(p: Program) -> list[Linear]:
    return [op for op in p.ops if isinstance(op, Linear)]


def array(plan: Plan, name: str = "c0") -> Instance:
    return next(part for part in plan.net.parts if isinstance(part, Instance) and part.name == f"u_{name}")


def test_what_is_built() -> None:
    """One engine with a stream in and out for each layer, memories one behind the other, multipliers counted once."""
    p = chain("conv", ("shift", "shift", "shift"))
    plan = plan_with(p, shared(ENTRY, "c0", "c1", "c2"))
    alone = plan_with(p, {op.name: ENTRY for op in p.ops})
    engine = array(plan)
    assert engine.params["LAYERS"] == 3 and engine.params["MUL_EN"] == 0
    assert [stream.tensor for stream in engine.streams("m_axis")] == ["c0", "c1", "c2"]
    assert sum(getattr(part, "module", "") == "hwq_mvau" for part in plan.net.parts) == 1
    assert (plan.multipliers, alone.multipliers, plan.multiplier_blocks) == (12, 36, 12)
    assert (plan.interval, alone.interval) == (3 * 720, 720)
    words = {rom.file: rom.words for rom in plan.net.roms}
    each = {rom.file: rom.words for rom in alone.net.roms}
    assert words["rom/c0_weight.mem"] == [word for n in range(3) for word in each[f"rom/c{n}_weight.mem"]]
    assert len(words) == 2
    assert all(plan.layer_of(getattr(part, "name", "")) in plan.folds for part in plan.net.parts)


def test_folding_file() -> None:
    """What a build records is what it was asked for."""
    p = chain("conv", ("shift", "shift"))
    entries = shared(ENTRY, "c0", "c1")
    plan = plan_with(p, entries)
    assert folding_text(plan.folds) == entries
    assert parse_folding(folding_text(plan.folds), p, "again") == plan.folds


def test_report() -> None:
    """What is shared stands at the first layer; both layers limit the rate."""
    summary = summarise(plan_with(chain("conv", ("shift", "shift")), shared(ENTRY, "c0", "c1")))
    first, second = summary.layers
    assert (first.multipliers, second.multipliers, second.folding) == (12, 0, "on c0")
    assert first.utilisation == pytest.approx(summary.utilisation) and second.utilisation is None
    assert summary.limited_by == ("c0", "c1") and second.rom_bits == 0


def test_cost() -> None:
    """One engine for two takes less than two of them."""
    p = chain("conv", ("shift", "shift"))
    plans = plan_with(p, shared(ENTRY, "c0", "c1")), plan_with(p, {"c0": ENTRY, "c1": ENTRY})
    one, two = (plan_cost(plan, device("ecp5-25f").family) for plan in plans)
    assert one.dsps == two.dsps / 2 and 0.5 * two.luts < one.luts < two.luts


def test_one_requantiser() -> None:
    """Shifts that differ become powers of two at the largest; factors of all layers stand one behind the other."""
    p = chain("conv", ("shift", "pow2", "shift"))
    ops = layers(p)
    requant = joint(ops)
    assert requant is not None and requant.shift == ops[1].requant.shift > ops[0].requant.shift
    assert not requant.multiplies and requant.mantissa_bits == 1 and len(requant.multiplier) == 18
    assert requant.multiplier[:6] == (1 << (requant.shift - ops[0].requant.shift),) * 6
    assert joint(ops[::2]) == ops[0].requant


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"c1": ENTRY | {"engine": "c2"}}, "c1 .conv.: engine is 'c2', expected a layer before it"),
        ({"c1": ENTRY | {"engine": "c1"}}, "engine is 'c1', expected a layer before it"),
        ({"c1": ENTRY | {"engine": "a"}}, "engine is 'a', expected a layer before it"),
        ({"c1": ENTRY | {"engine": ["c0"]}}, "engine is ..c0.., expected a layer before it"),
        (
            {"c1": ENTRY | {"engine": "c0"}, "y": {"lanes": 1, "engine": "c1"}},
            "engine is 'c1', expected a layer before",
        ),
        ({"c1": ENTRY | {"engine": "c0", "pe": 2}}, "c1 .conv.: shares the engine of c0, expected the same folding"),
        ({"y": {"lanes": 1, "engine": "c1"}}, "y .maxpool.: shares the engine of c1, whose kind is another"),
        ({"d": ENTRY | {"engine": "c1"}}, "d .conv.: shares the engine of c1, whose window is another"),
        ({"w": ENTRY | {"engine": "c1"}}, "w .conv.: shares the engine of c1, whose bits of a weight is another"),
        ({"f": ENTRY | {"engine": "c1"}}, "f .conv.: shares the engine of c1, but their shifts are too far apart"),
        (
            {name: ENTRY | {"window": "parallel", "simd": 6, "rq": 4, "engine": "c0"} for name in ("c0", "c1")},
            "engine is 'c0', expected",
        ),
        (
            {
                "c0": ENTRY | {"window": "parallel", "simd": 6, "rq": 4},
                "c1": ENTRY | {"window": "parallel", "simd": 6, "rq": 4, "engine": "c0"},
            },
            "shares the engine of c0, expected a conv, depthwise or dense there with plain weights, a serial window",
        ),
    ],
)
def test_refusals(change: dict[str, Entry], message: str) -> None:
    ops = [
        own(conv(X, 6, SAME, name="c0"), X, 2),
        own(conv(X, 6, SAME, name="c1", source="c0"), X, 3),
        own(conv(X, 6, Window((1, 1)), name="d", source="c1"), X, 4),
        conv(X, 6, SAME, name="w", source="d", wbits=4),
        own(conv(X, 6, SAME, name="f", source="w"), X, 5, "channel"),
        maxpool(X, SAME, source="f"),
    ]
    entries = {op.name: ENTRY for op in ops} | {"y": {"lanes": 1}}
    with pytest.raises(BadInput, match=message):
        plan_with(program(ops, {"a": X}), entries | change)


def test_not_too_many() -> None:
    p = chain("point", ("shift",) * 9)
    entry = {"pe": 2, "simd": 3, "rq": 1, "window": "serial"}
    with pytest.raises(BadInput, match=r"c8 .conv.: is one of 9 layers on the engine of c0, expected at most 8"):
        plan_with(p, shared(entry, *(op.name for op in p.ops)))


CASES = [
    ("conv", ("shift", "shift"), X, ENTRY),
    ("conv", ("shift", "pow2", "shift"), X, {"pe": 4, "simd": 4, "rq": 1, "window": "serial"}),
    ("conv", ("channel", "one"), X, ENTRY),
    ("point", ("shift", "shift", "shift"), X, {"pe": 1, "simd": 6, "rq": 1, "window": "serial"}),
    ("depthwise", ("pow2", "shift", "pow2"), X, DEEP_ENTRY),
    ("groupconv", ("mantissa3", "shift"), X, {"pe": 3, "simd": 1, "rq": 1, "window": "serial", "multiplier": "logic"}),
    ("dense", ("shift", "pow2"), VECTOR, {"pe": 5, "simd": 4, "rq": 5, "window": "serial", "pack": 2}),
]


@pytest.mark.icarus
@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{'-'.join(case[1])}")
def test_exact(case: tuple[str, tuple[str, ...], object, Entry], stall: float, tmp_path: Path) -> None:
    """Every stream of layers one behind the other is equal, and the engine works in every cycle."""
    kind, scales, x, entry = case
    p = chain(kind, scales, x)  # type: ignore[arg-type]
    plan = plan_with(p, shared(entry, *(op.name for op in p.ops)))
    result = checked(plan, tmp_path / "build", samples=24, stall=stall)
    assert result.passed, result.trouble
    if not stall:
        # The last frame has the engine for itself in the end, so a few small frames take less than many.
        assert 0.9 * result.cycles_formula <= result.cycles_per_frame <= 1.01 * result.cycles_formula
        assert result.latency == pytest.approx(result.latency_formula, rel=0.05)


@pytest.mark.icarus
@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("window", [SAME, Window((1, 1))], ids=["3x3", "1x1"])
def test_beside_a_branch(window: Window, stall: float, tmp_path: Path) -> None:
    """A residual around two layers on one engine: in step, no deadlock, full rate."""
    plan = plan_with(residual(("pow2", "shift"), window), shared(ENTRY, "c0", "c1") | {"y": {"lanes": 1}})
    result = checked(plan, tmp_path / "build", samples=24, stall=stall)
    assert result.passed, result.trouble
    if not stall:
        assert 0.98 * result.cycles_formula <= result.cycles_per_frame <= 1.01 * result.cycles_formula


@pytest.mark.verilator
def test_long_run(tmp_path: Path) -> None:
    """So many frames that the ends do not count: cycles are those of the formula."""
    p = chain("conv", ("shift", "pow2"))
    plan = plan_with(p, shared(ENTRY, "c0", "c1"))
    result = checked(plan, tmp_path / "build", simulator="verilator", samples=200)
    assert result.passed and result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.003)
