"""FIFO depths where branches join again: deep enough that no deadlock is possible and no rate is lost.

Let need(n) be the pixels of the forked tensor that a branch must have taken before it delivers its n-th pixel, and
wants(m) the pixels of a branch that the join must have before it delivers its m-th.  When the slower branch has
delivered these, the faster one has been given need_slow(wants_slow(m)) pixels and may have delivered all that it can
make of them, of which the join has taken wants_fast(m) - 1: a join waits for no other input with more than its last
pixel.  The largest difference is the depth below which the fork would stop before the slow branch is served; one row
more lets the window units run ahead, and where rows are short as many beats as the slow branch's pipeline has stages
keep it full.

A gather holds pixels back, though it could deliver them, so that they leave at an even rate.  A branch with gathers is
given, when it delivers pixel n, all that has entered by then at an even rate, which may be pixels of later frames.

At full rate frames follow each other without a gap, and an operation may take all of a frame's time for its work.
due(n) is need(n) with that time added, in pixels of the fork; the depth holds what comes until then, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.hw.fold import Fold, ceil_div
from hwq.hw.gather_plan import pixels_taken
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Dense, Gather, Normalise, Softmax

Need = NDArray[Any]
"""Pixels of a tensor: whole numbers of them, or with the time that work takes."""
Folds = Mapping[str, Fold]
LATENCY = 32
"""Cycles, at most, that an operation's pipeline takes from its last beat in to the result."""
PIXELS_HELD: dict[type[Op], int] = {Normalise: 2, Softmax: 3}
"""Pixels, at most, in operations that need a whole one before they begin with it, beside those in their pipelines."""


def branch_depths(
    program: Program,
    join: Op,
    lanes: Sequence[int],
    folds: Folds = MappingProxyType({}),
    shares: Mapping[str, float] = MappingProxyType({}),
) -> tuple[int, ...]:
    """Beats of `lanes` channels that the FIFO in front of each input of `join` must hold; 0 where none is needed.

    `folds` say how gathers are built, `shares` in which share of the time between two frames an operation works; one
    that is not named takes no time.
    """
    depths = [0] * len(join.inputs)
    wants = [join.pixels_needed(which, *program.input_types_of(join)) for which in range(len(join.inputs))]
    for fork in _nearest_forks(program, join):
        needs = [_due(program, name, fork, folds, {}) for name in join.inputs]
        dues = [_due(program, name, fork, folds, shares) for name in join.inputs]
        branches = [_between(program, fork, name) for name in join.inputs]
        given = [
            _given(program, name, fork, folds) if any(isinstance(op, Gather) for op in branch) else need
            for name, branch, need in zip(join.inputs, branches, needs, strict=True)
        ]
        frame = program.types[fork].pixels
        for i, j in permutations(range(len(join.inputs)), 2):
            type_ = program.types[join.inputs[i]]
            ahead = _ahead(needs[i], wants[i], _at(given[j], wants[j]), frame)
            late = _ahead(dues[i], wants[i], _at(dues[j], wants[j]), frame)
            if max(ahead, late) > 1 or (branches[j] and not any(_stores_rows(op) for op in branches[i])):
                row = beats(type_.shape[1], type_.channels, lanes[i])
                inside = _inside(branches[j], type_, lanes[i])
                least = beats(ahead, type_.channels, lanes[i]) + max(row, inside)
                depths[i] = max(depths[i], least, beats(late, type_.channels, lanes[i]) + inside)
    return tuple(depths)


def _between(program: Program, fork: str, tensor: str) -> list[Op]:
    """The operations that make `tensor` from `fork`, and whatever else they read."""
    needed = _ancestors(program, tensor, cut=fork)
    return [op for op in program.ops if op.name in needed]


def _inside(branch: Sequence[Op], type_: TensorType, lanes: int) -> int:
    """Beats of a tensor, `lanes` channels each, for what the operations of another branch hold at full rate."""
    held = sum(PIXELS_HELD.get(type(op), 0) for op in branch)
    return beats(held, type_.channels, lanes) + LATENCY * len(branch)


def _stores_rows(op: Op) -> bool:
    """Whether an operation has a window unit, which takes in more than the pixel that it works on."""
    return isinstance(op, Dense) or hasattr(op, "window")


def _nearest_forks(program: Program, join: Op) -> list[str]:
    """Forked tensors from which every input of `join` comes, without those behind a nearer one."""
    common = set.intersection(*(_ancestors(program, name) for name in join.inputs))
    forks = [name for name in program.types if name in common and _readers(program, name) > 1]
    return [
        fork
        for fork in forks
        if not any(
            near != fork and all(fork not in _ancestors(program, name, cut=near) for name in join.inputs)
            for near in forks
        )
    ]


def _readers(program: Program, tensor: str) -> int:
    """Inputs of operations that are `tensor`; a square has two."""
    return sum(op.inputs.count(tensor) for op in program.consumers(tensor))


def _ancestors(program: Program, tensor: str, cut: str | None = None) -> set[str]:
    """`tensor` and all tensors that it depends on, without going beyond `cut`."""
    makers = {op.name: op for op in program.ops}
    seen: set[str] = set()
    waiting = [tensor]
    while waiting:
        name = waiting.pop()
        if name not in seen and name != cut:
            seen.add(name)
            waiting += makers[name].inputs if name in makers else ()
    return seen


def _ahead(own: Need, wants: Need, given: Need, frame: int) -> int:
    """The most pixels that a branch has delivered beyond those taken, when the other one has delivered its next.

    `own` is what this one needs for each pixel, `wants` how many of these the join wants for each of its own, `given`
    what both branches have been given when the other one has delivered what the join wants of it; `frame` are the
    pixels of a frame of the forked tensor.
    """
    frames = max(1, math.ceil(given.max() / frame))
    delivered = np.sum([np.searchsorted(own, given - frame * count, side="right") for count in range(frames)], axis=0)
    return int((delivered - np.maximum(wants - 1, 0)).max())


def _due(program: Program, tensor: str, fork: str, folds: Folds, shares: Mapping[str, float]) -> Need:
    """due(n) of `tensor` in pixels of `fork`, for n from 1 to its pixels; 0 for what does not depend on it.

    An operation that `shares` does not name takes no time, so that without any this is need(n).
    """
    frame = program.types[fork].pixels
    dues: dict[str, Need] = {name: np.zeros(type_.pixels) for name, type_ in program.input_types.items()}
    if fork in dues:
        dues[fork] = np.arange(1.0, frame + 1)
    for op in program.ops:
        ready = _through(program, op, dues, folds)
        dues[op.name] = _worked(ready, shares.get(op.name, 0.0) * frame / len(ready)) if ready.any() else ready
        if op.name == fork:
            dues[fork] = np.arange(1.0, frame + 1)
        if op.name == tensor:
            break
    return dues[tensor]


def _through(program: Program, op: Op, dues: Mapping[str, Need], folds: Folds) -> Need:
    """When each pixel of `op` has its inputs, from when these are due."""
    found = np.zeros(program.types[op.name].pixels)
    for which, name in enumerate(op.inputs):
        found = np.maximum(found, _at(dues[name], _pixels_needed(program, op, which, folds)))
    return found


def _worked(ready: Need, time: float) -> Need:
    """When pixels are done that take `time` each, one after the other, and none before it is ready."""
    steps = np.arange(len(ready)) * time
    done: Need = np.maximum.accumulate(ready - steps) + steps + time
    return done


def _at(due: Need, counts: Need) -> Need:
    """due(n) for each n of `counts`; none is needed for no pixel."""
    found: Need = np.concatenate([[0.0], due])[counts]
    return found


def _pixels_needed(program: Program, op: Op, which: int, folds: Folds) -> Need:
    """Pixels of an input that must be in before each output pixel leaves, as the operation is built."""
    types = program.input_types_of(op)
    if isinstance(op, Gather) and op.name in folds:
        return pixels_taken(op, types[0], program.types[op.name], folds[op.name].lanes_in)
    return op.pixels_needed(which, *types)


def _given(program: Program, tensor: str, fork: str, folds: Folds) -> Need:
    """Pixels of `fork` that have entered when each pixel of `tensor` leaves, where both go at an even rate."""
    delays = {fork: 0.0}
    for op in program.ops:
        found = [_delay(program, op, which, folds) + delays[x] for which, x in enumerate(op.inputs) if x in delays]
        if found and op.name not in delays:
            delays[op.name] = max(found)
    pixels = program.types[tensor].pixels
    return np.ceil((np.arange(1, pixels + 1) / pixels + delays[tensor]) * program.types[fork].pixels).astype(np.int64)


def _delay(program: Program, op: Op, which: int, folds: Folds) -> float:
    """Frames from a tensor that enters `op` at an even rate to its result that leaves at one."""
    need = _pixels_needed(program, op, which, folds)
    return float((need / program.types[op.inputs[which]].pixels - np.arange(len(need)) / len(need)).max())


def beats(pixels: int, channels: int, lanes: int) -> int:
    """Beats of `pixels` pixels."""
    return pixels * ceil_div(channels, lanes)
