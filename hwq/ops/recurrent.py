"""Recurrent: what layers share whose output depends on the pixels before, through a vector of their own."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hwq.arith import IntArray, Interval, Requant, Rounding, int_range, signed_bits
from hwq.ir.op import Op
from hwq.ir.program import MAX_ACCUMULATOR_BITS, MAX_TENSOR_BITS
from hwq.ir.types import TensorType
from hwq.ops.lookup import Lookup
from hwq.ops.requantised import check_requant

State = tuple[IntArray, ...]
"""What a layer keeps from one step to the next, each int64 (batch, units); the output comes first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recurrent(Op):
    """p[r] = gate(bias[r] + sum(recurrent[r] * h) + factor[r] * x[r]), one step for each pixel (rule S2).

    The input has one row, a pixel for each step and a channel for each row of `recurrent` (R, H), in the same order;
    `bias` is (R,), at the scale of the accumulator, and `factors` brings x to it: one for all rows, or one for each.
    `gate` makes the pre-activations, signed integers of `gate_bits` bits.  The output h, (1, T, H), has `bits` bits;
    before the first step it is zero.
    """

    rounding: ClassVar[Rounding] = Lookup.rounding
    gates: ClassVar[int]
    states: ClassVar[int]

    recurrent: IntArray
    bias: IntArray
    weight_bits: int
    factors: tuple[int, ...]
    acc_bits: int
    gate: Requant
    gate_bits: int
    bits: int
    signed: bool

    @property
    def units(self) -> int:
        """Elements of the output, H."""
        return int(self.recurrent.shape[1])

    @property
    def rows(self) -> int:
        """Rows of the matrix, and channels of the input."""
        return self.gates * self.units

    @property
    def macs_per_pixel(self) -> int:
        """Multiplications for one step."""
        return self.recurrent.size

    @property
    def gate_range(self) -> Interval:
        """Lowest and highest pre-activation."""
        return self.gate.qmin, self.gate.qmax

    @property
    def gate_low(self) -> int:
        """The lowest value of a pre-activation's type."""
        return int_range(self.gate_bits, True)[0]

    @abstractmethod
    def step(self, x: IntArray, state: State) -> State:
        """The state after one step, for one pixel x (batch, rows)."""

    @abstractmethod
    def check(self) -> None:
        """Refuse what the kind of layer cannot compute."""

    def sums(self, h: IntArray, rows: slice = slice(None)) -> IntArray:
        """Bias and products with the vector `h`."""
        return h @ self.recurrent[rows].T + self.bias[rows]

    def preactivations(self, sums: IntArray, x: IntArray, rows: slice = slice(None)) -> IntArray:
        """Rule R1 over sums and x."""
        factors = np.broadcast_to(np.array(self.factors, np.int64), (self.rows,))
        multiplier = self.gate.multiplier
        part = replace(self.gate, multiplier=multiplier[rows]) if len(multiplier) > 1 else self.gate
        return part(sums + factors[rows] * x[..., rows])

    def evaluate(self, *xs: IntArray) -> IntArray:
        """One step after the other."""
        x = xs[0]
        state = (np.zeros((len(x), self.units), np.int64),) * self.states
        found = []
        for t in range(x.shape[2]):
            state = self.step(x[:, 0, t], state)
            found.append(state[0])
        return np.stack(found, axis=1)[:, None]

    def result(self, *types: TensorType) -> TensorType:
        """(1, T, H)."""
        x = types[0]
        if self.recurrent.ndim != 2 or self.recurrent.shape[0] != self.rows or not self.units:
            raise ValueError(f"recurrent has shape {self.recurrent.shape}, expected {self.gates} rows for each column")
        if x.shape[0] != 1 or x.channels != self.rows:
            raise ValueError(f"input is {x}, expected one row of {self.rows} channels")
        if self.bias.shape != (self.rows,):
            raise ValueError(f"bias has shape {self.bias.shape}, expected {(self.rows,)}")
        low, high = int_range(self.weight_bits, True)
        if self.recurrent.min() < low or self.recurrent.max() > high:
            raise ValueError(f"weights exceed {self.weight_bits} bits")
        if len(self.factors) not in (1, self.rows):
            raise ValueError(f"{len(self.factors)} factors for {self.rows} rows")
        if not all(0 < f < 1 << 16 for f in self.factors):
            raise ValueError("a factor is outside of 1 to 65535")
        if not 2 <= self.gate_bits <= MAX_TENSOR_BITS:
            raise ValueError(f"gate bits are {self.gate_bits}, expected 2 to {MAX_TENSOR_BITS}")
        check_requant(self.gate, TensorType((1, 1, self.rows), self.gate_bits, True))
        self.check()
        return TensorType((1, x.shape[1], self.units), self.bits, self.signed)

    def check_curves(self, sigmoid: Lookup, tanh: Lookup) -> None:
        """Refuse two tables over pre-activations that one memory cannot hold."""
        for curve in (sigmoid, tanh):
            curve.check(self.gate_bits)
        forms = [(curve.step, curve.fraction, curve.bits, curve.signed) for curve in (sigmoid, tanh)]
        if forms[0] != forms[1]:
            raise ValueError("sigmoid and tanh have different steps, fractions or types, expected equal ones")

    def check_shifts(self, shifts: tuple[int, ...], product_bits: tuple[int, ...]) -> None:
        """Refuse products, of so many bits, that are shifted so far that hardware cannot requantise their sum."""
        if not all(0 <= shift < MAX_ACCUMULATOR_BITS for shift in shifts):
            raise ValueError(f"shifts are {shifts}, expected 0 or more")
        widest = max(shift + bits for shift, bits in zip(shifts, product_bits, strict=True))
        if widest >= MAX_ACCUMULATOR_BITS:
            raise ValueError(f"a sum of products has {widest + 1} bits, expected at most {MAX_ACCUMULATOR_BITS}")

    def check_state(self, requant: Requant, bits: int, signed: bool) -> None:
        """Refuse a requantisation of products that hardware is not built for."""
        if not 1 <= bits <= MAX_TENSOR_BITS:
            raise ValueError(f"a state has {bits} bits, expected 1 to {MAX_TENSOR_BITS}")
        check_requant(requant, TensorType((1, 1, self.units), bits, signed))
        if not requant.is_shift:
            raise ValueError("products of states are requantised by a shift alone, expected no multiplier")

    @property
    def reach(self) -> Interval:
        """The interval of all values that meet a weight: the output, and zero."""
        low, high = self.bound()
        return min(low, 0), max(high, 0)

    def accumulator(self, *intervals: Interval) -> Interval:
        """Every sum with x and without it, over all rows (rule L3)."""
        low, high = self.reach
        positive, negative = np.maximum(self.recurrent, 0).sum(1), np.minimum(self.recurrent, 0).sum(1)
        bottom = np.minimum(positive * low + negative * high + self.bias, 0)
        top = np.maximum(positive * high + negative * low + self.bias, 0)
        factors = np.array(self.factors, np.int64)
        x_low, x_high = intervals[0]
        return (
            int((bottom + np.minimum(factors * x_low, 0)).min()),
            int((top + np.maximum(factors * x_high, 0)).max()),
        )

    def accumulator_bits(self, *intervals: Interval) -> int:
        """Width of the narrowest accumulator; at least 2, a sign and a value (rule L3)."""
        return max(2, signed_bits(self.accumulator(*intervals)))

    def partial_sum(self, *intervals: Interval) -> int:
        """sum(abs(recurrent)) * max(abs(h)) + abs(bias) + factor * max(abs(x)), the largest over the rows."""
        h, x = (max(abs(end) for end in interval) for interval in (self.reach, intervals[0]))
        sums = np.abs(self.recurrent).sum(1) * h + np.abs(self.bias) + np.array(self.factors, np.int64) * x
        return int(sums.max())

    def magnitude(self, *intervals: Interval) -> int:
        """The largest value that a requantisation, a table or a product of states handles."""
        return max(self.gate.product_bound(self.partial_sum(*intervals)), self.products(*intervals))

    @abstractmethod
    def products(self, *intervals: Interval) -> int:
        """The largest magnitude behind the pre-activations."""


def product(a: Interval, b: Interval) -> Interval:
    """Lowest and highest product of two values within intervals."""
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)
