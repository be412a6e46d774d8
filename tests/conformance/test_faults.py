"""Networks under faults: resets at any moment, stalls of any length, damaged frames, noise on what means nothing.

Every beat that leaves is compared with the simulator, those of damaged frames too; unknown bits count as wrong.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builds import DEEP, entries, graph_entries, plan_with
from cases import CASES
from fault_bench import Bench, Episode, Run, frame, outputs_of, random_run, with_long_stalls
from fork_nets import BLOCKS, NETS, SAME
from hls_faults import run_hls
from nets import add, conv, dense, program, softmax, tensor
from recurrent_nets import gru
from shared_nets import residual, shared
from vector_net import FOLDING, NET

from hwq.errors import CheckFailed
from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.program import Program
from hwq.ir.window import Window

SEEDS = 25 if DEEP else 2
MOST = 3000
"""Cycles a frame of the cases that a deep run takes."""


def _solved(net: Program, multipliers: int = 16) -> Plan:
    return make_plan(net, for_multipliers(net, multipliers, sharing=False).folds)


def _recurrent() -> Plan:
    """A convolution, a GRU, what it reads added to what it makes, a softmax."""
    x, h = tensor(1, 4, 3), tensor(1, 4, 4)
    ops = [
        conv(x, 12, Window((1, 1)), name="wx", bits=16),
        gru(tensor(1, 4, 12, bits=16), name="g", source="wx"),
        conv(x, 4, Window((1, 1)), name="wy"),
        add(h, h, name="sum", sources=("g", "wy")),
        softmax(h, source="sum"),
    ]
    return _solved(program(ops, {"a": x}))


def _shared() -> Plan:
    entry = {"pe": 3, "simd": 2, "rq": 1, "window": "serial"}
    return plan_with(residual(("shift", "shift"), x=tensor(4, 3, 4)), shared(entry, "c0", "c1") | {"y": {"lanes": 1}})


def _parallel(graph: bool) -> Plan:
    """A parallel window before an array, or before a graph of adders; then a dense layer."""
    x = tensor(5, 4, 2)
    net = program([conv(x, 3, SAME, name="c", wbits=4), dense(tensor(5, 4, 3), 3, source="c")], {"a": x})
    array = {"pe": 3, "simd": 2, "rq": 3, "window": "parallel"}
    return plan_with(
        net, {"c": graph_entries(net, net.ops[0])[0] if graph else array, "y": entries(net, net.ops[1])[0]}
    )


def _copies() -> Plan:
    """Three arrays that take turns."""
    x = tensor(3, 2, 4)
    entry = {"pe": 2, "simd": 3, "rq": 2, "window": "serial", "copies": 3}
    return plan_with(program([conv(x, 8, Window((1, 1)))], {"a": x}), {"y": entry})


def _case(kind: str, name: str, number: int = 0) -> Plan:
    """A case of one operation under one of its foldings."""
    net = CASES[kind][name]
    first, *others = net.ops
    every = entries(net, first)
    return plan_with(net, {first.name: every[number % len(every)]} | {op.name: entries(net, op)[0] for op in others})


PLANS: dict[str, Callable[[], Plan]] = {
    "crossed": lambda: _solved(NETS["crossed"]()),
    "inception": lambda: _solved(NETS["inception"](3, 3)),
    "shared-engine": _shared,
    "recurrent": _recurrent,
    "scaled": lambda: _solved(BLOCKS["scaled"](3, 3, 4)),
    "parallel": partial(_parallel, False),
    "adders": partial(_parallel, True),
    "outputs": lambda: plan_with(NET, FOLDING),
    "matmul": partial(_case, "matmul", "primes"),
    "constant": partial(_case, "const", "rows"),
    "gather": partial(_case, "gather", "mirrored"),
    "copies": _copies,
}
DEEPER = {name: partial(_solved, net()) for name, net in NETS.items()} | {
    name: partial(_solved, net(4, 4, 3)) for name, net in BLOCKS.items()
}
VERILATED = ("crossed", "recurrent")


def _plans(simulator: str) -> list[str]:
    quick = list(PLANS) if simulator == "icarus" else list(VERILATED)
    return [*PLANS, *DEEPER] if DEEP else quick


def _bench(name: str, folder: Path, simulator: str = "icarus") -> Bench:
    plan = (PLANS.get(name) or DEEPER[name])()
    return Bench(plan, folder / "build", simulator, folder / "cache" if simulator == "icarus" else None)


def _attack(bench: Bench, seeds: int) -> list[str]:
    """All kinds of faults in all mixtures."""
    wrong = []
    for seed in range(seeds):
        options = {"stall": (0.3, 0.0, 0.7)[seed % 3], "damage": (0.3, 0.6, 0.0)[seed // 2 % 3], "noise": seed % 5 != 4}
        wrong += [f"seed {seed}: {line}" for line in bench.run(random_run(bench.plan, seed, resets=4, **options))]
    return wrong


@pytest.mark.icarus
@pytest.mark.parametrize("name", _plans("icarus"))
def test_faults_of_all_kinds(name: str, tmp_path: Path) -> None:
    assert _attack(_bench(name, tmp_path), SEEDS) == []


@pytest.mark.verilator
@pytest.mark.parametrize("name", _plans("verilator"))
def test_faults_of_all_kinds_on_verilator(name: str, tmp_path: Path) -> None:
    assert _attack(_bench(name, tmp_path, "verilator"), 4 * SEEDS) == []


def _every_case() -> list[Any]:
    """All cases; a quick run takes three of them."""
    cases = [(kind, name) for kind, found in CASES.items() for name in found]
    every = [pytest.param(*case, number, id="-".join(case)) for number, case in enumerate(cases)]
    return every if DEEP else every[10 :: len(every) // 3 + 1]


@pytest.mark.icarus
@pytest.mark.parametrize(("kind", "name", "number"), _every_case())
def test_every_operation(kind: str, name: str, number: int, tmp_path: Path) -> None:
    plan = _case(kind, name, number)
    if plan.interval > MOST:
        pytest.skip(f"{plan.interval} cycles a frame")
    bench = Bench(plan, tmp_path / "build", "icarus", tmp_path / "cache")
    assert _attack(bench, 4) == []


@pytest.mark.icarus
@pytest.mark.parametrize("name", _plans("icarus") if DEEP else ["crossed", "shared-engine"])
@pytest.mark.parametrize("blocked", [False, True])
def test_reset_at_every_moment(name: str, blocked: bool, tmp_path: Path) -> None:
    """Resets of one cycle, each some cycles later than the one before; also while nothing may leave."""
    bench = _bench(name, tmp_path)
    plan = bench.plan
    span = plan.frame_latency + plan.interval
    step = 1 if DEEP else max(1, span // 12)
    run = random_run(plan, 1, resets=0, frames=1, damage=0.0, stall=0.0)
    cut = [Episode(run.episodes[0].frames, cycles) for cycles in range(1, span + 1, step)]
    ready = {prefix: [(sum(episode.cycles for episode in cut) * blocked, 1), (0, 10**6)] for prefix in run.ready}
    assert bench.run(Run([*cut, *run.episodes], ready)) == []


@pytest.mark.icarus
@pytest.mark.parametrize("name", _plans("icarus") if DEEP else ["crossed", "recurrent"])
def test_stalls_of_any_length(name: str, tmp_path: Path) -> None:
    """Frames without a gap; one long stall on each side; and 99 of 100 cycles stalled on either side."""
    bench = _bench(name, tmp_path)
    free = random_run(bench.plan, 2, resets=0, frames=6, damage=0.0, stall=0.0)
    few = random_run(bench.plan, 3, resets=0, frames=0, damage=0.0, stall=0.0)
    slow_out = replace(few, ready={prefix: [(99, 1)] for prefix in few.ready})
    frames = {p: [replace(f, gaps=[99] * len(f.gaps)) for f in all_] for p, all_ in few.episodes[0].frames.items()}
    slow_in = replace(few, episodes=[Episode(frames)])
    for run in (free, with_long_stalls(free, 50_000 if DEEP else 5_000), slow_out, slow_in):
        assert bench.run(run) == []


@pytest.mark.icarus
def test_each_kind_of_damage(tmp_path: Path) -> None:
    """Early, double, late and missing tlasts at one input of two, or at both, between good frames."""
    bench = _bench("crossed", tmp_path)
    plan, rng = bench.plan, np.random.default_rng(1)
    beats = plan.inputs[0].beats
    ready = {edge.prefix: [(0, 1)] for edge in plan.outputs}
    for damage in ([1], [beats - 1], [1, beats - 1], [2, 2], [beats + 1], [2 * beats], [5 * beats + 3]):
        for where in ([0], [1], [0, 1]):
            frames = {}
            for number, edge in enumerate(plan.inputs):
                middle = damage if number in where else [beats] * len(damage)
                counts = [beats, *middle, beats, beats]
                frames[edge.prefix] = [frame(edge, plan.program.types[edge.port.tensor], n, rng) for n in counts]
            assert bench.run(Run([Episode(frames)], ready)) == [], (damage, where)


@pytest.mark.compiler
@pytest.mark.parametrize("name", ["crossed", "outputs"])
def test_damaged_frames_in_cpp(name: str, tmp_path: Path) -> None:
    """The C++ for synthesis gives the same integers for the same damaged streams."""
    plan = PLANS[name]()
    episode = random_run(plan, 4, resets=0, frames=20, damage=0.5).episodes[0]
    want = {
        prefix: [f"{last} {int(data, 2):x}" for last, data in beats]
        for prefix, beats in outputs_of(plan, episode).items()
    }
    assert run_hls(plan, episode, tmp_path) == want


MUTANTS = [
    ("frame_in", "fill_q <= s_axis_tlast && !last && !drop_q;", "fill_q <= 1'b0;"),
    ("frame_in", "drop_q <= !s_axis_tlast && (last || drop_q);", "drop_q <= 1'b0;"),
    ("frame_in", "fill_q ? '0 : s_axis_tdata", "s_axis_tdata"),
    ("frame_in", "      beat_q <= '0;\n", ""),
    ("fork", "if (rst || (s_axis_tvalid", "if ((s_axis_tvalid"),
    ("concat", "      turn_q <= '0;\n", ""),
    ("loops", "if (rst)", "if (1'b0)"),
]


@pytest.mark.icarus
@pytest.mark.parametrize(("module", "old", "new"), MUTANTS if DEEP else MUTANTS[:4])
def test_mutants_are_noticed(module: str, old: str, new: str, tmp_path: Path) -> None:
    """A line broken on purpose is found by these tests."""
    whole = _bench("crossed", tmp_path)
    shutil.copytree(whole.folder, tmp_path / "broken")
    source = tmp_path / "broken" / "rtl" / f"hwq_{module}.sv"
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))
    try:
        wrong = _attack(Bench(whole.plan, tmp_path / "broken", "icarus", tmp_path / "cache"), 2)
    except CheckFailed as error:  # an assertion inside the library
        wrong = [str(error)]
    assert wrong != []
