"""Rnn: a plain recurrent layer, one step for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray, Interval
from hwq.ir.op import register
from hwq.ops.lookup import Lookup
from hwq.ops.recurrent import Recurrent, State


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rnn(Recurrent):
    """h = activation(p) (rule S5): any function of a pre-activation, whose values are the output itself."""

    kind: ClassVar[str] = "rnn"
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    activation: Lookup

    def step(self, x: IntArray, state: State) -> State:
        """The output alone."""
        return (self.activation(self.preactivations(self.sums(state[0]), x), self.gate_low),)

    def check(self) -> None:
        """The table, and that it makes the output's type."""
        self.activation.check(self.gate_bits)
        if (self.activation.bits, self.activation.signed) != (self.bits, self.signed):
            raise ValueError("the activation makes another type than the output's")

    def bound(self, *intervals: Interval) -> Interval:
        """Whatever the input: pre-activations reach the ends of their clamp."""
        return self.activation.bound(self.gate_range, self.gate_low)

    def products(self, *intervals: Interval) -> int:
        """The table."""
        return self.activation.magnitude
