"""FIFO depths where branches join again: deep enough that no deadlock is possible and no rate is lost.

Let need(n) be the pixels of the forked tensor that a branch must have taken before it delivers its n-th pixel.
When the slower branch delivers pixel n, the faster one has been given need_slow(n) pixels and may have delivered
all that it can make of them, of which the join has taken n - 1.  The largest difference is the depth below which
the fork would stop before the slow branch is served; one row more lets the window units run ahead, and where rows are
short as many beats as the slow branch's pipeline has stages keep it full.

A gather holds pixels back, though it could deliver them, so that they leave at an even rate.  A branch with gathers is
given, when it delivers pixel n, all that has entered by then at an even rate, which may be pixels of later frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hwq.hw.fold import Fold, ceil_div
from hwq.hw.gather_plan import pixels_taken
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ops import Dense, Gather, Normalise, Softmax

Need = NDArray[np.int64]
Folds = Mapping[str, Fold]
LATENCY = 32
"""Cycles, at most, that an operation's pipeline takes from its last beat in to the result."""
PIXELS_HELD: dict[type[Op], int] = {Normalise: 2, Softmax: 3}
"""Pixels, at most, in operations that need a whole one before they begin with it, beside those in their pipelines."""


def branch_depths(
    program: Program, join: Op, lanes: Sequence[int], folds: Folds = MappingProxyType({})
) -> tuple[int, ...]:
    """Beats of `lanes` channels that the FIFO in front of each input of `join` must hold; 0 where none is needed.

    `folds` say how gathers are built.
    """
    depths = [0] * len(join.inputs)
    for fork in _nearest_forks(program, join):
        needs = [_need(program, name, fork, folds) for name in join.inputs]
        branches = [_between(program, fork, name) for name in join.inputs]
        given = [
            _given(program, name, fork, folds) if any(isinstance(op, Gather) for op in branch) else need
            for name, branch, need in zip(join.inputs, branches, needs, strict=True)
        ]
        for i, own in enumerate(needs):
            type_ = program.types[join.inputs[i]]
            for j, other in enumerate(given):
                if i == j or not branches[j]:
                    continue
                ahead = _ahead(own, other, program.types[fork].pixels)
                if ahead > 1 or not any(_stores_rows(op) for op in branches[i]):
                    row = beats(type_.shape[1], type_.channels, lanes[i])
                    depth = beats(ahead, type_.channels, lanes[i]) + max(row, _inside(branches[j], type_, lanes[i]))
                    depths[i] = max(depths[i], depth)
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


def _ahead(own: Need, other: Need, pixels: int) -> int:
    """The most pixels that a branch has delivered beyond those taken, when the other one delivers its next pixel.

    `own` is what this one needs for each pixel, `other` what both have been given when the other one delivers it;
    `pixels` are those of a frame of the forked tensor.
    """
    frames = range(ceil_div(int(other.max()), pixels))
    delivered = sum(np.searchsorted(own, other - frame * pixels, side="right") for frame in frames)
    return int((delivered - np.arange(len(other))).max())


def _need(program: Program, tensor: str, fork: str, folds: Folds) -> Need:
    """need(n) of `tensor` in pixels of `fork`, for n from 1 to its pixels; 0 for what does not depend on it."""
    needs = {name: np.zeros(type_.pixels, np.int64) for name, type_ in program.input_types.items()}
    if fork in needs:
        needs[fork] = np.arange(1, program.types[fork].pixels + 1)
    for op in program.ops:
        needs[op.name] = _through(program, op, needs, folds)
        if op.name == fork:
            needs[fork] = np.arange(1, program.types[fork].pixels + 1)
        if op.name == tensor:
            break
    return needs[tensor]


def _through(program: Program, op: Op, needs: Mapping[str, Need], folds: Folds) -> Need:
    """need(n) of the output of `op`, from those of its inputs."""
    found = np.zeros(program.types[op.name].pixels, np.int64)
    for which, name in enumerate(op.inputs):
        own = _pixels_needed(program, op, which, folds)
        found = np.maximum(found, np.concatenate([[0], needs[name]])[own])
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
