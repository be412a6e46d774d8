"""Sharing: layers of equal shape on one MAC engine, beat by beat as their inputs come (see hwq_share.sv).

Each keeps a window unit, sums and a FIFO of results of its own, so none waits for another but for its turn.  The words
of their memories stand one behind the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwq.arith import Requant
from hwq.hw.fold import Feed, Fold, Multiplier, ceil_div, cycles, groups_of, window_of
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Depthwise, Linear

MOST = 8
"""Layers of one engine."""
MAX_MULTIPLIER = (1 << 16) - 1
"""The largest factor of a requantiser."""
MAX_PRODUCT_ACC = 52
"""Bits of the widest accumulator that a requantiser with factors takes."""


def shape(program: Program, op: Op) -> dict[str, object] | None:
    """What layers on one engine have in common, by name; None for an operation that can share none."""
    if not isinstance(op, Linear) or op.coding is not None:
        return None
    x, requant = program.first_type(op), op.requant
    return {
        "kind": op.kind, "input": x, "output": program.types[op.name], "window": (window_of(op, x), groups_of(op)),
        "bits of a weight": op.weight_bits, "rounding": requant.rounding, "zero point": requant.zero_point,
        "limits of the output": (requant.qmin, requant.qmax),
    }  # fmt: skip


def joint(layers: Sequence[Linear]) -> Requant | None:
    """One requantiser for all `layers`, the factors of a channel of each one layer behind the other; None: none can.

    A layer that shifts by less than the most has factors that are larger by as many powers of two.
    """
    requants = [op.requant for op in layers]
    if len(requants) == 1:
        return requants[0]
    shift = max(one.shift for one in requants)
    factors = [[m << (shift - one.shift) for m in one.multiplier] for one in requants]
    if all(each == [1] for each in factors):
        return requants[0]
    wide = max(op.acc_bits for op in layers) > MAX_PRODUCT_ACC
    if wide or max(map(max, factors)) > MAX_MULTIPLIER:
        return None
    spread = [each * op.channels if len(each) == 1 else each for each, op in zip(factors, layers, strict=True)]
    return replace(requants[0], multiplier=tuple(m for each in spread for m in each), shift=shift)


def may_share(fold: Fold) -> bool:
    """Whether an engine of this folding can have several layers: one array, one tap a beat."""
    array = fold.feed is Feed.SERIAL and fold.pe > 0 and fold.copies == 1
    return array and fold.multiplier is not Multiplier.ADDERS


def groups(program: Program, folds: Mapping[str, Fold]) -> dict[str, list[Linear]]:
    """The layers of each engine that several share, by the name of the first."""
    found: dict[str, list[Linear]] = {}
    for op in program.ops:
        fold = folds.get(op.name)
        if isinstance(op, Linear) and fold is not None and fold.engine:
            found.setdefault(fold.engine, []).append(op)
    return found


def owns(name: str, fold: Fold) -> bool:
    """Whether an operation has an engine, that of others included, and not another's."""
    return fold.engine in ("", name)


def busy(op: Op, fold: Fold, x: TensorType, y: TensorType) -> int:
    """Beats of a frame that a layer gives an engine which it can share."""
    taps = y.pixels * ceil_div(y.channels, fold.pe) * window_of(op, x).taps
    return taps if isinstance(op, Depthwise) else taps * ceil_div(x.channels, fold.lanes_in) // groups_of(op)


def engine_cycles(program: Program, folds: Mapping[str, Fold]) -> dict[str, int]:
    """Cycles between two frames of the engine that computes each operation, all of its layers together."""
    found = {
        op.name: cycles(op, folds[op.name], program.input_types_of(op), program.types[op.name])
        for op in program.ops
        if op.name in folds
    }
    for layers in groups(program, folds).values():
        together = sum(busy(op, folds[op.name], program.first_type(op), program.types[op.name]) for op in layers)
        found |= {op.name: max(found[op.name], together) for op in layers}
    return found


def conflict(program: Program, folds: Mapping[str, Fold], layers: Sequence[Op]) -> str:
    """Why `layers` cannot share one engine, the first one's; empty if they can."""
    first = layers[0]
    wanted, fold = shape(program, first), folds[first.name]
    if wanted is None or not may_share(fold):
        return (
            f"shares the engine of {first.name}, expected a conv, depthwise or dense there with plain weights, a "
            "serial window, one copy and multipliers"
        )
    if len(layers) > MOST:
        return f"is one of {len(layers)} layers on the engine of {first.name}, expected at most {MOST}"
    for op in layers[1:]:
        found = shape(program, op) or {"kind": op.kind}
        for name, value in wanted.items():
            if found.get(name) != value:
                return f"shares the engine of {first.name}, whose {name} is another: expected layers of equal shape"
        if folds[op.name] != fold:
            return f"shares the engine of {first.name}, expected the same folding there and here"
    if joint([op for op in layers if isinstance(op, Linear)]) is None:
        return (
            f"shares the engine of {first.name}, but their shifts are too far apart: expected factors of at most "
            f"{MAX_MULTIPLIER} at one shift"
        )
    return ""
