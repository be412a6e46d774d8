"""Lstm: long short-term memory, one step for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hwq.arith import IntArray, Interval, Requant, int_range
from hwq.ir.op import register
from hwq.ops.lookup import Lookup
from hwq.ops.recurrent import Recurrent, State, product
from hwq.ops.requantised import requant_bound


@register
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lstm(Recurrent):
    """c = cell(sigmoid(f) * c * 2^a + sigmoid(i) * tanh(g) * 2^b), h = requant(sigmoid(o) * cell_tanh(c)) (rule S3).

    The rows of a unit stand together, in the order i, o, f, g.  `shifts` are a and b; the cell state c has `cell_bits`
    bits, signed.  `sigmoid` and `tanh` are over pre-activations, `cell_tanh` over the cell state.
    """

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    sigmoid: Lookup
    tanh: Lookup
    shifts: tuple[int, int]
    cell: Requant
    cell_bits: int
    cell_tanh: Lookup
    requant: Requant

    def step(self, x: IntArray, state: State) -> State:
        """Output and cell state."""
        h, c = state
        p = self.preactivations(self.sums(h), x).reshape(len(x), self.units, self.gates)
        i, o, f = (self.sigmoid(p[..., k], self.gate_low) for k in range(3))
        g = self.tanh(p[..., 3], self.gate_low)
        c = self.cell((f * c << self.shifts[0]) + (i * g << self.shifts[1]))
        return self.requant(o * self.cell_tanh(c, self.cell_low)), c

    @property
    def cell_low(self) -> int:
        """The lowest value of the cell state's type."""
        return int_range(self.cell_bits, True)[0]

    def check(self) -> None:
        """Tables, shifts, and both requantisations."""
        self.check_curves(self.sigmoid, self.tanh)
        self.cell_tanh.check(self.cell_bits)
        gate = self.sigmoid.bits + 1
        self.check_shifts(self.shifts, (gate + self.cell_bits, 2 * gate))
        self.check_state(self.cell, self.cell_bits, True)
        self.check_state(self.requant, self.bits, self.signed)

    def _outputs(self) -> Interval:
        """sigmoid(o) * cell_tanh(c)."""
        o = self.sigmoid.bound(self.gate_range, self.gate_low)
        return product(o, self.cell_tanh.bound((self.cell.qmin, self.cell.qmax), self.cell_low))

    def _cells(self) -> int:
        """Largest magnitude of sigmoid(f) * c * 2^a, and of sigmoid(i) * tanh(g) * 2^b, together."""
        curves = (curve.bound(self.gate_range, self.gate_low) for curve in (self.sigmoid, self.tanh))
        gate, g, c = (max(abs(end) for end in ends) for ends in (*curves, (self.cell.qmin, self.cell.qmax)))
        return (gate * c << self.shifts[0]) + (gate * g << self.shifts[1])

    def bound(self, *intervals: Interval) -> Interval:
        """Whatever the input: the output gate and the cell state reach the ends of their tables."""
        return requant_bound(self.requant, self._outputs())

    def products(self, *intervals: Interval) -> int:
        """Both requantisations and the tables."""
        outputs = max(abs(end) for end in self._outputs())
        tables = max(curve.magnitude for curve in (self.sigmoid, self.tanh, self.cell_tanh))
        return max(self.cell.product_bound(self._cells()), self.requant.product_bound(outputs), tables)
