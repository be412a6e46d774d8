"""Linear: what convolutions and the dense layer share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, Interval, int_range
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ops.coding import Coding, codes, stored_bits, table_bits
from hwq.ops.requantised import Requantised


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear(Requantised):
    """acc[m] = sum(weight[m] * x) + bias[m] over a window (rule L1).

    `weight` is int64 with the output channel first, `bias` int64 (M,) at accumulator scale with the zero
    point of the input folded in (rule L2): acc = sum(w * q) + (b - z * sum(w)).  `coding` says how the hardware stores
    the weights; `weight` holds their values whatever it is.
    """

    weight: IntArray
    bias: IntArray
    weight_bits: int
    coding: Coding | None = None

    @property
    def channels(self) -> int:
        """Output channels, M."""
        return int(self.weight.shape[0])

    @property
    def kernels(self) -> IntArray:
        """The weights by group: (groups, outputs of a group, rows, columns, inputs of a group)."""
        return self.weight[None]

    @property
    def macs_per_pixel(self) -> int:
        """Multiplications for one output pixel."""
        return self.weight.size

    @property
    def stored_bits(self) -> int:
        """Bits of one weight in memory."""
        return stored_bits(self.coding, self.weight_bits)

    @property
    def table_bits(self) -> int:
        """Bits of the tables that the stored weights point into."""
        return table_bits(self.coding, self.weight_bits)

    @property
    def rom_bits(self) -> int:
        """Bits of all weights and tables."""
        return self.weight.size * self.stored_bits + self.table_bits

    @property
    def start(self) -> Interval:
        """The biases."""
        return int(self.bias.min()), int(self.bias.max())

    @abstractmethod
    def reach(self, interval: Interval) -> Interval:
        """The interval of all values that meet a weight, padding included."""

    def accumulator(self, *intervals: Interval) -> Interval:
        """max(sum(w+) * xmax + sum(w-) * xmin) + bias, from the actual weights (rule L3)."""
        low, high = self.reach(intervals[0])
        flat = self.weight.reshape(self.channels, -1)
        positive, negative = np.maximum(flat, 0).sum(1), np.minimum(flat, 0).sum(1)
        top = positive * high + negative * low + self.bias
        bottom = positive * low + negative * high + self.bias
        return int(bottom.min()), int(top.max())

    def partial_sum(self, *intervals: Interval) -> int:
        """sum(abs(w)) * max(abs(x)) + abs(bias), the largest over the channels."""
        reach = max(abs(v) for v in self.reach(intervals[0]))
        sums = np.abs(self.weight).reshape(self.channels, -1).sum(1) * reach + np.abs(self.bias)
        return int(sums.max())

    def check_weights(self, shape: tuple[int, ...]) -> None:
        """Refuse weights or a bias of another shape than `shape`, wider than `weight_bits`, or not of the coding."""
        if self.weight.shape != shape:
            raise ValueError(f"weight has shape {self.weight.shape}, expected {shape}")
        if self.bias.shape != (shape[0],):
            raise ValueError(f"bias has shape {self.bias.shape}, expected {(shape[0],)}")
        low, high = int_range(self.weight_bits, True)
        if self.weight.min() < low or self.weight.max() > high:
            raise ValueError(f"weights exceed {self.weight_bits} bits")
        if self.coding and self.weight_bits <= MAX_TENSOR_BITS:  # wider ones are refused by Program.verify
            self.coding.check(shape[0], self.weight_bits)
            codes(self.weight, self.coding.values(self.weight_bits), self.weight_bits)
