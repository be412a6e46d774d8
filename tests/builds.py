"""Simulating generated hardware in tests: foldings to try, builds, and what a run says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hwq.emit.generate import generate
from hwq.hw.adders_engine import adders_fold
from hwq.hw.feed import may_take_turns
from hwq.hw.fold import (
    Feed,
    Fold,
    ceil_div,
    divisors,
    feeds,
    flat_lanes_fit,
    lane_choices,
    lanes_fit,
    turns_unseen,
    window_of,
)
from hwq.hw.folding_file import folding_text, parse_folding
from hwq.hw.packing import multiplied, shares
from hwq.hw.plan import Plan, make_plan
from hwq.hw.recurrent_fold import recurrent_fits
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Depthwise, GroupConv, Linear, MatMul, Recurrent
from hwq.verify.check import Verification, open_build, verify

DEEP = os.environ.get("HWQ_DEEP") == "1"
Entry = dict[str, Any]


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """Keep compiled testbenches in `folder`: those of random programs are never used again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWQ_CACHE", str(folder))
        yield


def entries(program: Program, op: Op) -> list[Entry]:
    """Foldings of `op` as a folding file has them: smallest, largest, partial, parallel; the quick ones first."""
    x, y = program.first_type(op), program.types[op.name]
    if isinstance(op, Recurrent):
        return _looped(op)
    if not isinstance(op, Linear | MatMul):
        xs = program.input_types_of(op)
        wanted = (1, x.channels, max(1, 2 * x.channels // 3), ceil_div(x.channels, 2))
        lanes = dict.fromkeys([*(n for n in wanted if lanes_fit(op, n, xs, y)), *lane_choices(op, xs, y)[-1:]])
        return [{"lanes": n} for n in lanes]
    if isinstance(op, GroupConv):
        return _multiplied(op, x, _grouped(op, x.channels // op.groups, y.channels // op.groups))
    m, c, taps = y.channels, x.channels, window_of(op, x).taps
    part_m, part_c = max(1, 2 * m // 3), max(1, 2 * c // 3)
    grid = [(1, 1), (part_m, part_c), (m, c), (m, 1), (1, c), (ceil_div(m, 2), part_c), (part_m, c)]
    found: list[Entry] = []
    for pe, simd in grid:
        steps = taps * (1 if isinstance(op, Depthwise) else ceil_div(c, simd))
        fitting = [rq for rq in range(1, pe + 1) if pe % rq == 0 and pe // rq <= steps]
        for rq in dict.fromkeys((fitting[0], fitting[-1])):
            found.append({"pe": pe, "simd": simd, "rq": rq, "window": "serial"})
    if Feed.PARALLEL in feeds(op, x):
        parallel = [(m, c, m), (part_m, c, part_m), (1, c, 1), (m, part_c, m), (m, 1, None)]
        for pe, simd, wanted in parallel:
            steps = 1 if isinstance(op, Depthwise) else ceil_div(c, simd)
            rq = wanted or next(rq for rq in range(1, pe + 1) if pe % rq == 0 and pe // rq <= steps)
            entry = {"pe": pe, "simd": simd, "rq": rq, "window": "parallel"}
            found.insert(min(len(found), 2 * parallel.index((pe, simd, wanted)) + 1), entry)
    if Feed.FLAT in feeds(op, x):
        found[2:2] = _flat(m, c, c * taps)
    if Feed.FLAT_PARALLEL in feeds(op, x):
        grid = ((ceil_div(m, 2), max(1, 2 * c * taps // 5)), (m, c * taps), (1, ceil_div(c * taps, 2)))
        found[4:4] = [
            {"pe": pe, "simd": simd, "lanes": c, "rq": pe, "window": "flat-parallel"}
            for pe, simd in grid
            if turns_unseen(window_of(op, x), x, y, ceil_div(m, pe) * ceil_div(c * taps, simd))
        ]
    found[3:3] = _dealt(op, x, m, c * taps)
    unique: list[Entry] = []
    for entry in found:
        if isinstance(op, Depthwise):
            del entry["simd"]
        if entry not in unique:
            unique.append(entry)
    found = _multiplied(op, x, unique)
    found[3:3] = graph_entries(program, op)
    return found


def graph_entries(program: Program, op: Op) -> list[Entry]:
    """The folding of `op` as an adder graph, if it can be one."""
    fold = adders_fold(op, program.first_type(op)) if isinstance(op, Linear) else None
    return [folding_text({op.name: fold})[op.name]] if fold else []


def _multiplied(op: Op, x: TensorType, found: list[Entry]) -> list[Entry]:
    """`found` with two or three outputs for a multiplier in some foldings, and products from LUTs in others."""
    for number, entry in enumerate(found):
        if number % 4 == 2 and multiplied(op, x):
            entry["multiplier"] = "logic"
        elif number % 2 and entry["pe"] > 1 and shares(op, x):
            entry["pack"] = min(2 + number // 2 % 2, entry["pe"])
    return found


def with_logic(entry: Entry) -> Entry:
    """The same folding with products from LUTs."""
    return {key: value for key, value in entry.items() if key != "pack"} | {"multiplier": "logic"}


def _flat(outputs: int, channels: int, elements: int) -> list[Entry]:
    """Foldings with beats of a window's elements: one, some across taps and with a part left over, a whole window."""
    found: list[Entry] = []
    for pe, simd in ((max(1, 2 * outputs // 3), max(1, 2 * elements // 5)), (outputs, channels + 1), (1, elements)):
        for lanes in (n for n in reversed(divisors(channels)) if flat_lanes_fit(n, simd, elements)):
            steps = ceil_div(elements, simd)
            rq = next(rq for rq in divisors(pe) if pe // rq <= steps)
            found.append({"pe": pe, "simd": min(simd, elements), "lanes": lanes, "rq": rq, "window": "flat"})
            break
    return found


def _dealt(op: Op, x: TensorType, outputs: int, elements: int) -> list[Entry]:
    """Foldings of several arrays, of all outputs but a few at once and of one."""
    found: list[Entry] = []
    for pe, copies in ((ceil_div(outputs, 2), 2), (ceil_div(outputs, 3), 3), (1, min(4, outputs))):
        simd = max(1, 2 * elements // 3)
        window = "serial" if window_of(op, x).taps == 1 else "flat"
        fold = Fold(1, 1, pe, simd, Feed(window))
        if 1 < copies <= ceil_div(outputs, pe) and may_take_turns(op, x, fold):
            lanes = next(n for n in reversed(divisors(x.channels)) if flat_lanes_fit(n, simd, elements))
            rq = next(rq for rq in divisors(pe) if pe // rq <= ceil_div(elements, simd))
            entry = {"pe": pe, "simd": simd, "rq": rq, "window": window, "copies": copies}
            found.append(entry | ({"lanes": lanes} if window == "flat" else {}))
    return found


def _grouped(op: GroupConv, inputs: int, outputs: int) -> list[Entry]:
    """Foldings of a convolution whose groups have so many channels: beats and folds are parts of a group."""
    simds, pes = divisors(inputs), divisors(outputs)
    grid = [(1, 1), (outputs, inputs), (outputs, 1), (1, inputs), (pes[len(pes) // 2], simds[len(simds) // 2])]
    found: list[Entry] = []
    for pe, simd in dict.fromkeys(grid):
        fitting = [rq for rq in divisors(pe) if pe // rq <= op.window.taps * (inputs // simd)]
        found += [
            {"pe": pe, "simd": simd, "rq": rq, "window": "serial"} for rq in dict.fromkeys((fitting[0], fitting[-1]))
        ]
    return found


def _looped(op: Recurrent) -> list[Entry]:
    """Foldings of a recurrent layer: one multiplier, one output, most outputs at once, all products, partial folds."""
    h = op.units
    found: list[Entry] = []
    for simd in dict.fromkeys((1, max(1, 2 * h // 3), h, ceil_div(h, 2))):
        fitting = [pe for pe in range(1, min(h, op.rows) + 1) if recurrent_fits(op, pe, simd)]
        found += [{"pe": pe, "simd": simd} for pe in dict.fromkeys((fitting[-1], 1))]
    return found


def plan_with(program: Program, folding: Mapping[str, Entry]) -> Plan:
    """The plan under the foldings given by a folding file's entries."""
    return make_plan(program, parse_folding(dict(folding), program, "test"))


def checked(
    plan: Plan, folder: Path, simulator: str = "icarus", samples: int = 4, stall: float = 0.0, seed: int = 1
) -> Verification:
    """Generate `plan` into `folder` and compare all streams with the simulator."""
    if not folder.exists():
        generate(plan, folder, samples)
    with own_cache(folder.parent / "cache") if simulator == "icarus" else _shared():
        return verify(open_build(folder), simulator, samples, stall, trace=True, seed=seed)


@contextmanager
def _shared() -> Iterator[None]:
    yield


def impatient(plan: Plan, folder: Path, frames: int, cycles: int = 5000) -> None:
    """The build of `plan`, with a testbench that takes so many cycles without a beat for a deadlock."""
    generate(plan, folder, frames)
    bench = folder / "tb" / f"tb_{plan.program.name}.sv"
    text, count = re.subn(r"(PATIENCE = )\d+", rf"\g<1>{cycles}", bench.read_text())
    assert count == 2, "of RTL and of gates"
    bench.write_text(text)
