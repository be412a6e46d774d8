"""Gru: gated recurrent unit, one step for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray, Interval, Requant, shift_round
from hwq.ir.op import register
from hwq.ops.lookup import Lookup
from hwq.ops.recurrent import Recurrent, State, product
from hwq.ops.requantised import requant_bound


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gru(Recurrent):
    """h = requant(sigmoid(z) * h * 2^a + (2^fraction - sigmoid(z)) * tanh(n) * 2^b) (rule S4).

    Rows z and r of a unit stand together, first those of all units; then come the rows n.  The reset gate acts on the
    sums of the rows n with `reset_after` (ONNX: linear_before_reset = 1), else on the vector that they multiply.
    `shifts` are a and b.  Values of `sigmoid` have `fraction` bits behind the point and lie within 0 to 1.
    """

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1

    sigmoid: Lookup
    tanh: Lookup
    fraction: int
    reset_after: bool
    shifts: tuple[int, int]
    requant: Requant

    def step(self, x: IntArray, state: State) -> State:
        """The output alone."""
        h = state[0]
        first, last = slice(2 * self.units), slice(2 * self.units, None)
        p = self.preactivations(self.sums(h, first), x, first).reshape(len(x), self.units, 2)
        z, r = (self.sigmoid(p[..., k], self.gate_low) for k in range(2))
        sums = self.reset(r, self.sums(h, last)) if self.reset_after else self.sums(self.reset(r, h), last)
        n = self.tanh(self.preactivations(sums, x, last), self.gate_low)
        kept, new = z * h << self.shifts[0], ((1 << self.fraction) - z) * n << self.shifts[1]
        return (self.requant(kept + new),)

    def reset(self, r: IntArray, values: IntArray) -> IntArray:
        """r * values, rounded to whole units of the values."""
        return shift_round(r * values, self.fraction, self.rounding)

    def check(self) -> None:
        """Tables, shifts, and the requantisation."""
        self.check_curves(self.sigmoid, self.tanh)
        if not 1 <= self.fraction <= self.sigmoid.bits:
            raise ValueError(f"fraction is {self.fraction}, expected 1 to {self.sigmoid.bits}")
        low, high = self.sigmoid.bound(self.gate_range, self.gate_low)
        if low < 0 or high > 1 << self.fraction:
            raise ValueError(f"sigmoid spans {(low, high)}, expected values within 0 to {1 << self.fraction}")
        gate = self.sigmoid.bits + 1
        self.check_shifts(self.shifts, (gate + self.bits + 1, 2 * gate + 1))
        self.check_state(self.requant, self.bits, self.signed)

    def _kept(self) -> Interval:
        """sigmoid(z) * h * 2^a."""
        return product((0, 1 << self.fraction + self.shifts[0]), (self.requant.qmin, self.requant.qmax))

    def _new(self) -> Interval:
        """(2^fraction - sigmoid(z)) * tanh(n) * 2^b."""
        n = self.tanh.bound(self.gate_range, self.gate_low)
        return product((0, 1 << self.fraction + self.shifts[1]), n)

    def bound(self, *intervals: Interval) -> Interval:
        """Whatever the input: a step moves the output from what it was towards a value of the table."""
        (low, high), (new_low, new_high) = self._kept(), self._new()
        return requant_bound(self.requant, (low + new_low, high + new_high))

    def products(self, *intervals: Interval) -> int:
        """Sums that the reset gate scales, the requantisation and the tables."""
        sums = self.partial_sum((0, 0))
        ends = sum(max(abs(end) for end in term) for term in (self._kept(), self._new()))
        tables = max(curve.magnitude for curve in (self.sigmoid, self.tanh))
        return max((sums + 1) << self.fraction, self.requant.product_bound(ends), tables)
