"""Plans: streams, ports, forks and width converters that fit together; and the vectors of their testbench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builds import checked, plan_with
from cases import CASES
from nets import add, argmax, conv, corners, maxpool, program, rescale, tensor

from hwq.emit.generate import generate
from hwq.emit.vectors import stimulus, vector_files
from hwq.hw.fold import ceil_div
from hwq.hw.netlist import Fork, Instance
from hwq.hw.options import options
from hwq.hw.pack import is_binary
from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Codebook, PowerSums
from hwq.sim import simulate_plain
from hwq.verify.check import open_build

PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}


def _plans(p: Program) -> list[Plan]:
    first, *others = p.ops
    fixed = {op.name: options(p, op)[0].fold for op in others}
    return [make_plan(p, fixed | {first.name: option.fold}) for option in options(p, first)]


def _branches() -> Program:
    """One tensor read three times, once as an output; two outputs."""
    x = tensor(4, 4, 6)
    ops = [
        conv(x, 5, Window((1, 1)), name="c"),
        rescale(tensor(4, 4, 5), name="r", source="c"),
        add(tensor(4, 4, 5), tensor(4, 4, 5), name="s", sources=("c", "r")),
        maxpool(tensor(4, 4, 5), Window((2, 2), (2, 2)), source="s"),
    ]
    return program(ops, {"a": x}, ("c", "y"), samples=corners({"a": x}))


def _check_wiring(plan: Plan) -> None:
    """Every stream has one driver and one reader, and every port the width of its stream."""
    drivers = [edge.inner.name for edge in plan.inputs]
    readers = [edge.inner.name for edge in plan.outputs]
    for part in plan.net.parts:
        if isinstance(part, Fork):
            readers.append(part.source.name)
            drivers += [target.name for target in part.targets]
            assert {target.width for target in part.targets} == {part.source.width}
        else:
            drivers += [stream.name for port in part.ports if port == "m_axis" for stream in part.streams(port)]
            readers += [stream.name for port in part.ports if port != "m_axis" for stream in part.streams(port)]
    names = [stream.name for stream in plan.net.streams]
    assert sorted(drivers) == sorted(readers) == sorted(names)
    assert len({name.lower() for name in names}) == len(names)


@pytest.mark.parametrize("program_", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_wiring(program_: Program) -> None:
    for plan in _plans(program_):
        _check_wiring(plan)
        for edge in (*plan.inputs, *plan.outputs):
            type_ = program_.types[edge.port.tensor]
            assert type_.channels % edge.lanes == 0, "a lane of a port means nothing"
            assert edge.beats * edge.lanes == type_.pixels * type_.channels
            assert edge.tdata_width == ceil_div(edge.lanes * type_.bits, 8) * 8
        assert all(edge.beats <= plan.interval for edge in (*plan.inputs, *plan.outputs))


def test_forks_and_several_outputs() -> None:
    p = _branches()
    plan = make_plan(p, for_multipliers(p, 6).folds)
    _check_wiring(plan)
    (first, _) = [part for part in plan.net.parts if isinstance(part, Fork)] + [None]
    assert first is not None and len(first.targets) == 3
    assert [edge.prefix for edge in plan.outputs] == ["m_axis_c", "m_axis_y"]
    assert [edge.prefix for edge in plan.inputs] == ["s_axis"]


@pytest.mark.icarus
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_several_ports_on_the_simulator(stall: float, tmp_path: Path) -> None:
    p = _branches()
    assert checked(make_plan(p, for_multipliers(p, 6).folds), tmp_path / "build", stall=stall).passed
    x, z = tensor(2, 3, 4), tensor(2, 3, 4, bits=4, signed=False)
    two = program([add(x, z, name="s"), argmax(x, source="s")], {"a": x, "b": z}, ("s", "y"))
    assert checked(make_plan(two, for_multipliers(two, 1).folds), tmp_path / "two", stall=stall).passed


@pytest.mark.icarus
def test_one_tensor_that_leaves_twice(tmp_path: Path) -> None:
    """As with logits and their softmax: two ports of equal content and different names."""
    x = tensor(1, 1, 6)
    p = program([rescale(x)], {"a": x}, ("y", "y"))
    plan = plan_with(p, {"y": {"lanes": 2}})
    assert len({edge.prefix for edge in plan.outputs}) == 2
    assert checked(plan, tmp_path / "build", stall=0.3).passed


@pytest.mark.parametrize(("source", "wanted", "channels"), [(2, 3, 12), (4, 6, 8), (3, 2, 7), (5, 4, 5), (6, 4, 9)])
def test_width_converters_obey_their_contract(source: int, wanted: int, channels: int) -> None:
    """A multiple or the whole pixel; else by way of a wider stream."""
    x = tensor(2, 2, channels)
    p = program([rescale(x, name="r"), rescale(x, source="r")], {"a": x})
    plan = plan_with(p, {"r": {"lanes": source}, "y": {"lanes": wanted}})
    _check_wiring(plan)
    converters = [part for part in plan.net.parts if isinstance(part, Instance) and part.module == "hwq_dwc"]
    assert converters
    for part in converters:
        a, b = int(part.params["IN_N"]), int(part.params["OUT_N"])
        assert max(a, b) % min(a, b) == 0 or max(a, b) >= channels


def test_figures() -> None:
    """What a plan says of itself, by hand: a dense array of 2 x 3 over 4 x 4 pixels."""
    x = tensor(4, 4, 6)
    p = program([conv(x, 4, Window((1, 1)), scale="channel")], {"a": x})
    plan = plan_with(p, {"y": {"pe": 2, "simd": 3, "rq": 1, "window": "serial"}})
    assert (plan.multipliers, plan.requant_multipliers, plan.interval) == (6, 1, 64)
    assert plan.utilisation == 16 * 24 / (64 * 6) == 1.0
    op = p.ops[0]
    assert plan.rom_bits == 24 * 8 + 4 * op.acc_bits + 4 * 16  # type: ignore[attr-defined]
    assert plan.fifo_bits == 0


def test_figures_of_coded_layers() -> None:
    """Codes in place of weights, tables of the layer and of each channel; sums of powers of two need no multiplier."""
    x, entry = tensor(4, 4, 6), {"pe": 2, "simd": 3, "rq": 1, "window": "serial"}
    codings = {
        Codebook(np.arange(16)): (24 * 4 + 16 * 8, 0), Codebook(np.array([[-1, 1]] * 4)): (24 + 8 * 8, 0),
        PowerSums(1): (24 * 4, 6), PowerSums(2): (24 * 8, 6),
    }  # fmt: skip
    for coding, (bits, adders) in codings.items():
        p = program([conv(x, 4, Window((1, 1)), coding=coding, scale="mantissa2")], {"a": x})
        plan = plan_with(p, {"y": entry})
        op = p.ops[0]
        assert plan.rom_bits == bits + 4 * op.acc_bits + 4 * op.requant.word_bits  # type: ignore[attr-defined]
        assert bits == op.rom_bits  # type: ignore[attr-defined]
        assert (plan.multipliers, plan.shift_add_lanes, plan.requant_multipliers) == (6, adders, 0)


def test_lanes_of_bits_are_counted_apart() -> None:
    """Gates, with one bit for each weight even where the last beat is partial; not where sums have no room to begin."""
    x, entry = tensor(4, 4, 5, bits=1, signed=False), {"pe": 2, "simd": 3, "rq": 1, "window": "serial"}
    op = conv(x, 4, Window((1, 1)), wbits=2, coding=Codebook(np.array([1, -1])), scale="shift")
    plan = plan_with(program([op], {"a": x}), {"y": entry})
    assert (plan.multipliers, plan.xnor_lanes, plan.shift_add_lanes) == (6, 6, 0)
    assert plan.rom_bits == 4 * 6 + 4 * op.acc_bits, "4 words of 6 bits: a fold of 2 takes 2 beats, with an idle lane"
    assert is_binary(op, x) and not is_binary(replace(op, acc_bits=2), x)
    assert not any(is_binary(op, tensor(4, 4, 5, bits=bits, signed=sign)) for bits, sign in ((2, False), (1, True)))


def test_build_can_be_read_back(tmp_path: Path) -> None:
    p = _branches()
    plan = make_plan(p, for_multipliers(p, 6).folds)
    generate(plan, tmp_path / "build")
    again = open_build(tmp_path / "build").plan
    assert again.folds == plan.folds and again.net.streams == plan.net.streams
    assert [rom.words for rom in again.net.roms] == [rom.words for rom in plan.net.roms]


def test_stimulus_is_stored_samples_then_random_ones() -> None:
    p = CASES["conv"]["same-half_up"]
    stored = p.samples["a"]
    got = stimulus(p, len(stored) + 20)["a"]
    assert np.array_equal(got[: len(stored)], stored)
    assert np.array_equal(stimulus(p, 2)["a"], stored[:2])
    assert np.array_equal(got, stimulus(p, len(stored) + 20)["a"])
    extra = got[len(stored) :]
    assert extra.min() == -128 and extra.max() == 127
    assert len({x.tobytes() for x in extra}) == 20


def test_vectors() -> None:
    """Inputs and expectations end with the last sample."""
    p = _branches()
    plan = make_plan(p, for_multipliers(p, 6).folds)
    inputs = stimulus(p, 3)
    files = dict(vector_files(plan, inputs, inner=True))
    assert {f"{name}.mem" for name in p.types} <= files.keys()
    (entry,) = plan.inputs
    assert len(files["a.mem"]) == 3 * entry.beats
    for edge in plan.outputs:
        words = files[f"{edge.prefix}.mem"]
        assert len(words) == 3 * edge.beats
        want = simulate_plain(p, inputs)[edge.port.tensor].reshape(-1, edge.lanes) & ((1 << edge.bits) - 1)
        values = [sum(int(v) << (edge.bits * lane) for lane, v in enumerate(row)) for row in want]
        assert [int(word, 16) for word in words] == values
    assert dict(vector_files(plan, inputs, inner=False)).keys() == {"a.mem"} | {
        f"{edge.prefix}.mem" for edge in plan.outputs
    }
