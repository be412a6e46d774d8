"""Programs and foldings of killers: all cases of the conformance tests, and networks of several layers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from operators import ROOT

sys.path.insert(0, str(ROOT / "tests"))
import fork_nets
from builds import Entry, entries, plan_with
from cases import BIPOLAR, BORDERS, CASES, SAMPLES
from cases_binary import binary_behind_signs
from nets import tensor
from shared_nets import chain, residual, shared
from small_nets import constant_first, deep_rows, unlike_lanes

from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.program import Program

FOLDINGS = 4
"""Foldings of a case at most, each case with others."""
Planned = Callable[[], Plan]


def _mac(pe: int, simd: int, rq: int) -> Entry:
    return {"pe": pe, "simd": simd, "rq": rq, "window": "serial"}


def _engines() -> Iterator[tuple[str, Program, dict[str, Entry]]]:
    """Layers that share an engine, of every kind that may."""
    image, vector = tensor(4, 3, 6), tensor(1, 1, 12)
    for kind, scales, x, entry in (
        ("conv", ("shift", "shift"), image, _mac(4, 3, 2)),
        ("conv", ("shift", "pow2", "shift"), image, _mac(4, 4, 1)),
        ("conv", ("channel", "one"), image, _mac(4, 3, 2)),
        ("conv", ("shift", "pow2", "shift", "shift", "pow2"), image, _mac(6, 6, 6)),
        ("point", ("shift", "shift", "shift"), image, _mac(1, 6, 1)),
        ("depthwise", ("pow2", "shift", "pow2"), image, {"pe": 4, "rq": 1, "window": "serial"}),
        ("groupconv", ("mantissa3", "shift"), image, _mac(3, 1, 1) | {"multiplier": "logic"}),
        ("dense", ("shift", "pow2"), vector, _mac(5, 4, 5) | {"pack": 2}),
        ("dense", ("pow2", "shift", "pow2"), vector, _mac(12, 12, 12)),
    ):
        p = chain(kind, scales, x)
        yield f"{kind}-{'-'.join(scales)}", p, shared(entry, *(op.name for op in p.ops))
    beside = residual(("shift", "pow2"), x=tensor(4, 4, 6))
    yield "residual", beside, shared(_mac(3, 3, 1), "c0", "c1") | {"y": {"lanes": 2}}


def _networks() -> Iterator[tuple[str, Program, dict[str, Entry]]]:
    ones = _mac(1, 1, 1)
    yield "up", unlike_lanes(), {"r": {"lanes": 2}, "y": {"lanes": 6}}
    yield "down", unlike_lanes(), {"r": {"lanes": 6}, "y": {"lanes": 2}}
    yield "rows", deep_rows(), {"y": ones}
    yield "constant-first", constant_first(), {name: {"lanes": 2} for name in ("k", "t", "y")}
    yield "borders", BORDERS, {"p0": {"lanes": 2}, "p1": {"lanes": 2}} | dict.fromkeys(("c0", "c1", "slow"), ones)
    yield "signs", binary_behind_signs(BIPOLAR, SAMPLES), {"s": {"lanes": 2}, "y": _mac(2, 2, 1)}


def _solved() -> Iterator[tuple[str, Program, int]]:
    """Networks of forks and joins, folded by the solver for so many multipliers."""
    for name, make in fork_nets.NETS.items():
        yield name, make(), 8
    for name, block in fork_nets.BLOCKS.items():
        yield f"block-{name}", block(4, 5, 2), 6
    yield "deep", fork_nets.delayed(0, True, 40, 3), 40
    yield "deep-columns", fork_nets.delayed(0, True, 12, 11), 60


def pool() -> dict[str, Planned]:
    """Every killer there could be: its label, and how to plan it.

    `kind-case/n` is folding n of a conformance case, `net-name` a network.
    """
    found: dict[str, Planned] = {}
    for kind, cases in CASES.items():
        for place, (name, p) in enumerate(cases.items()):
            first, *others = p.ops
            rest = {op.name: entries(p, op)[0] for op in others}
            every = entries(p, first)
            step = -(-len(every) // FOLDINGS)
            for number, entry in list(enumerate(every))[place % step :: step]:
                folding = {first.name: entry} | rest
                found[f"{kind}-{name}/{number}"] = lambda p=p, folding=folding: plan_with(p, folding)  # type: ignore[misc]
    for name, p, folding in (*_engines(), *_networks()):
        found[f"net-{name}"] = lambda p=p, folding=folding: plan_with(p, folding)  # type: ignore[misc]
    for name, p, count in _solved():
        found[f"net-{name}"] = lambda p=p, count=count: make_plan(p, for_multipliers(p, count).folds)  # type: ignore[misc]
    return found
