"""A case: a network, how its hardware is folded, what goes in, and what the definition makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwq.arith import IntArray
from hwq.emit.rtl import traced
from hwq.hw.fold import Fold
from hwq.hw.plan import Plan, make_plan
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.sim import simulate_plain

Tensors = dict[str, IntArray]
"""Tensor name to integers (frame, height, width, channels)."""
Troubles = dict[str, str]
"""Case name to what was not equal; cases that passed are not there."""
FRAMES = 6
RTL_FRAMES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """`want` has every tensor for `inputs`; a constant's has one frame."""

    name: str
    source: str
    plan: Plan
    inputs: Tensors
    want: Tensors

    @property
    def program(self) -> Program:
        """The network."""
        return self.plan.program

    def frames_of(self, tensor: str, count: int) -> IntArray:
        """The first `count` frames of a tensor as they should be, those of a constant all equal."""
        values = self.want[tensor]
        return values[:count] if len(values) > 1 else np.repeat(values, count, axis=0)

    def outputs(self) -> list[str]:
        """Tensors that leave."""
        return list(dict.fromkeys(self.program.output_tensors()))

    def inner(self) -> list[str]:
        """Tensors of all operations."""
        return [op.name for op in self.program.ops]

    def streams(self) -> list[str]:
        """Tensors that the testbench of the RTL compares, an output once for each of its ports."""
        entering = {port.tensor for port in self.program.inputs}
        inner = [stream.name for stream in traced(self.plan) if stream.name not in entering]
        return [*inner, *self.program.output_tensors()]

    def named(self, name: str) -> Case:
        """The same network under another name."""
        return make_case(name, self.source, self.program, self.plan.folds, self.inputs)


def make_case(name: str, source: str, program: Program, folds: Mapping[str, Fold], inputs: Tensors) -> Case:
    """The case of a program, which is called `name` from then on."""
    plan = make_plan(replace(program, name=name), folds)
    return Case(name, source, plan, inputs, simulate_plain(program, inputs, keep_all=True) | inputs)


def stimuli(types: Mapping[str, TensorType], seed: int) -> Tensors:
    """Frames: any integers, the lowest, the highest, both in turn, only extremes in any order, any again."""
    found = {}
    for number, (name, type_) in enumerate(types.items()):
        rng = np.random.default_rng([seed, number])
        low, high = type_.range
        x = rng.integers(low, high + 1, (FRAMES, *type_.shape))
        x[1], x[2] = low, high
        x[3] = np.where(np.indices(type_.shape).sum(0) % 2, low, high)
        x[4] = rng.choice([low, high], type_.shape)
        found[name] = x
    return found


def first_difference(got: Mapping[str, IntArray], case: Case, tensors: Iterable[str]) -> str | None:
    """Where the first of `tensors` that is not equal begins to differ."""
    for name in tensors:
        want = case.want[name]
        if not np.array_equal(got[name], want):
            if got[name].shape != want.shape:
                return f"{name}: got shape {got[name].shape}, want {want.shape}"
            place = tuple(int(axis[0]) for axis in np.nonzero(got[name] != want))
            return f"{name} at {place}: got {got[name][place]}, want {want[place]}"
    return None


def by_name(cases: Sequence[Case]) -> dict[str, Case]:
    """Cases by name, which must be different."""
    found = {case.name: case for case in cases}
    assert len(found) == len(cases), "two cases have one name"
    return found
