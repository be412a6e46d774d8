"""Random small programs over every operation: straight lines with branches that join again."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from builds import checked
from hypothesis import note
from hypothesis import strategies as st
from nets import corners, program
from random_operations import JOINS, ROWS, SINGLE, WITHIN, concats, constants, fits, joins, operations
from random_wild import entrances, exits, ported, types_of, widened, wilder

from hwq.hw.adders_engine import adders_fold, graph_work
from hwq.hw.fold import Fold, Multiplier
from hwq.hw.options import options
from hwq.hw.packing import multiplied, shares
from hwq.hw.plan import Plan, make_plan
from hwq.hw.share_options import classes
from hwq.hw.sharing import MOST, may_share
from hwq.hw.solve import for_cycles, for_multipliers
from hwq.hw.work import macs
from hwq.ir.op import REGISTRY, Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Linear
from hwq.ops.requantised import Requantised

GRAPH_WORK = 100_000
"""Work on an adder graph at most: some tenths of a second."""

ARRAYS = 2 * ["conv", "depthwise", "groupconv"]
"""Operations of MAC arrays are drawn more often than others."""
AGAIN = "again"
"""What is drawn where a layer of the shape of an earlier one may follow."""

Draw = Any


@st.composite
def programs(
    draw: Draw, most: int = 5, size: int = 7, kinds: Collection[str] = REGISTRY, wild: bool = False
) -> Program:
    """Up to `most` operations of `kinds`; every result is read, as the frontend removes what is not.

    Recurrent layers are drawn more often than others, as few tensors are sequences.  A `wild` program has several
    inputs and outputs, operations that read any tensor that is there, and any requantisations that rule R1 allows.
    """
    inputs = draw(entrances(size) if wild else st.builds(lambda x: {"a": x}, types_of(size)))
    types, ops, current = dict(inputs), [], "a"
    count = draw(st.integers(1, most))
    for number in range(count):
        if wild and draw(st.integers(0, 3)) == 0:
            current = draw(st.sampled_from([name for name in types if not name.startswith("k")]))
        alike = [(op, tensor) for tensor in types if wild for op in _like(ops, types, types[tensor])]
        if alike and draw(st.integers(0, 3)) == 0:
            op, current = draw(st.sampled_from(alike))
            ops.append(draw(_sibling(op, f"t{number}", current)))
            current = f"t{number}"
            types[current] = ops[-1].result(types[ops[-1].inputs[0]])
            continue
        name, now = f"t{number}", types[current]
        possible = [*JOINS, "concat", *(SINGLE if number == count - 1 else WITHIN), *3 * [*ROWS], *ARRAYS]
        likely = [kind for kind in possible if kind in kinds and fits(kind, now)]
        kind = draw(st.sampled_from(likely + [AGAIN] * (len(likely) // 2 if _like(ops, types, now) else 0)))
        if kind in JOINS:
            constant = kind != "extremum" and "const" in kinds and draw(st.booleans())
            if constant:
                ops.append(draw(constants(f"k{number}", now)))
                types[ops[-1].name] = ops[-1].result()
            op = draw(joins(kind, name, current, types, constant))
        elif kind == "concat":
            op = draw(concats(name, current, types))
        elif kind == AGAIN:
            op = _again(draw(st.sampled_from(_like(ops, types, now))), name, current)
        else:
            op = draw(operations(kind, name, current, now))
        if wild and isinstance(op, Requantised):
            op = draw(wilder(op, [types[source] for source in op.inputs]))
        types[name] = op.result(*(types[source] for source in op.inputs))
        ops.append(op)
        current = name
    read = {source for op in ops for source in op.inputs}
    inputs = {name: x for name, x in inputs.items() if name in read}
    ends = [op.name for op in ops if op.name not in read]
    if wild:
        ops = [op if op.name in read else draw(widened(op)) for op in ops]
        ends = draw(exits([op.name for op in ops if op.inputs], ends))
    samples = corners(inputs, 5, draw(st.integers(0, 99)))
    made = program(ops, inputs, list(dict.fromkeys(ends)), samples=samples)
    return draw(ported(made, ends)) if wild else made


def _like(ops: Sequence[Op], types: Mapping[str, TensorType], now: TensorType) -> list[Linear]:
    """Layers with weights of their own whose shape would do for a tensor of the type `now`."""
    return [op for op in ops if isinstance(op, Linear) and op.coding is None and types[op.inputs[0]] == now]


def _again(op: Linear, name: str, source: str) -> Linear:
    """Another layer of the shape of `op`, its channels in reverse."""
    requant = replace(op.requant, multiplier=op.requant.multiplier[::-1])
    return replace(
        op, name=name, inputs=(source,), weight=op.weight[::-1].copy(), bias=op.bias[::-1].copy(), requant=requant
    )


@st.composite
def _sibling(draw: Draw, op: Linear, name: str, source: str) -> Linear:
    """A layer that may share the engine of `op` all the same: its shift is another one."""
    made = _again(op, name, source)
    shift = made.requant.shift
    more = draw(st.sampled_from((0, 0, 1, 2))) if shift < 40 else 0
    return replace(made, requant=replace(made.requant, shift=shift + more))


@st.composite
def plans(draw: Draw, p: Program) -> Plan:
    """A folding by the solver at a random target, or a random option for each operation."""
    way = draw(st.sampled_from(("options", "options", "cycles", "multipliers")))
    table = {op.name: options(p, op) for op in p.ops}
    if way == "cycles":
        least = max(found[-1].cycles for found in table.values())
        return make_plan(p, for_cycles(p, least * draw(st.sampled_from((1, 2, 3, 10)))))
    if way == "multipliers":
        layers = sum(macs(p, op) > 0 for op in p.ops)
        return make_plan(p, for_multipliers(p, layers * draw(st.integers(1, 12))).folds)
    folds = {op.name: _multiplied(draw, p, op, draw(st.sampled_from(table[op.name])).fold) for op in p.ops}
    return make_plan(p, _sharing(draw, p, folds))


def _sharing(draw: Draw, p: Program, folds: dict[str, Fold]) -> dict[str, Fold]:
    """`folds`, often with layers of equal shape on one engine, which has the folding of any that may have it."""
    for each in classes(p, {op.name: () for op in p.ops}):
        layers = [op for op in p.ops if op.name in each.layers]
        usable = [folds[op.name] for op in layers if may_share(folds[op.name])]
        if len(layers) > 1 and usable and draw(st.integers(0, 3)):
            fold = replace(draw(st.sampled_from(usable)), engine=layers[0].name)
            folds |= {op.name: fold for op in layers[:MOST]}
    return folds


def _multiplied(draw: Draw, p: Program, op: Op, fold: Fold) -> Fold:
    """`fold` with any number of outputs for a multiplier, or with products from LUTs; or an adder graph."""
    graph = adders_fold(op, p.first_type(op)) if isinstance(op, Linear) and graph_work(op) < GRAPH_WORK else None
    if graph and draw(st.sampled_from((False, False, True))):
        return graph
    if multiplied(op, p.first_type(op)) and draw(st.integers(0, 2)) == 0:
        return replace(fold, multiplier=Multiplier.LOGIC)
    if not shares(op, p.first_type(op)):
        return fold
    return replace(fold, pack=draw(st.integers(1, min(4, fold.pe))))


def check_foldings(data: st.DataObject, p: Program, count: int) -> None:
    """`count` foldings of `p`, stalled and not: each equals the simulator on every inner stream."""
    with tempfile.TemporaryDirectory(prefix="hwq-property-") as folder:
        for number in range(count):
            plan = data.draw(plans(p))
            note(f"{plan.folds}")
            if plan.interval > 20_000:
                continue
            for stall in (0.0, 0.4):
                result = checked(plan, Path(folder, str(number)), samples=3, stall=stall, seed=number + 1)
                assert result.passed, result.trouble


def samples(p: Program, count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.integers(t.range[0], t.range[1] + 1, (count, *t.shape)) for name, t in p.input_types.items()}
