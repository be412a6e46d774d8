"""Sums: what operations accumulate, before they know how their reader rounds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from hwq.arith import IntArray, Interval, Requant, Rounding, int_range, signed_bits
from hwq.frontend import graph as fg
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.window import Window
from hwq.ops import Add, AvgPool, Codebook, Conv, Dense, Depthwise, GroupConv, MatMul, Mul, Rescale
from hwq.ops.requantised import Requantised

BIPOLAR = Codebook(np.array([-1, 1]))
R = TypeVar("R", bound=Requantised)


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """How sums become integers: by channel the bias, a factor of the weights, and whether they are negated."""

    bias: IntArray
    gain: IntArray
    down: np.ndarray
    requant: Requant
    bits: int
    signed: bool

    @classmethod
    def not_at_all(cls, down: np.ndarray, bits: int) -> Rounded:
        """Sums that become signed integers of `bits` bits as they stand."""
        requant = Requant((1,), 0, Rounding.HALF_UP, 0, *int_range(bits, True))
        return cls(np.zeros(len(down), np.int64), np.ones(len(down), np.int64), down, requant, bits, True)


@dataclass(frozen=True, slots=True, eq=False)
class Sums(ABC):
    """Sums of the integers of tensors.

    Attributes
    ----------
    name, label
        A legal name, and the node as messages call it.
    low, high
        The least and the greatest sum, by channel (C,), or of one element where all channels have one bias and one
        multiplier.
    """

    name: str
    label: str
    low: IntArray
    high: IntArray

    @property
    def interval(self) -> Interval:
        """The least and the greatest sum of any channel."""
        return int(self.low.min()), int(self.high.max())

    @property
    def has_weights(self) -> bool:
        """Whether each channel may be negated, or multiplied by a factor."""
        return False

    @property
    def most_gain(self) -> int:
        """The largest such factor that leaves weights which hardware has."""
        return 1

    @property
    def has_bias(self) -> bool:
        """Whether a constant may be added before rounding."""
        return True

    @property
    def only_shifts(self) -> bool:
        """Whether they are rounded without a multiplier."""
        return False

    @property
    def apart(self) -> float:
        """How many sums they may be from those of the model, in real arithmetic."""
        return 0.0

    @abstractmethod
    def op(self, name: str, how: Rounded) -> Requantised:
        """The operation that makes and rounds them, called `name`."""


def _fields(name: str, inputs: tuple[str, ...], how: Rounded) -> dict[str, Any]:
    """Fields that all operations have; the accumulator is still to be fitted."""
    return {
        "name": name, "inputs": inputs, "requant": how.requant, "acc_bits": 2, "bits": how.bits, "signed": how.signed,
    }  # fmt: skip


def _fitted(op: R, *intervals: Interval) -> R:
    return replace(op, acc_bits=op.accumulator_bits(*intervals))


@dataclass(frozen=True, slots=True, eq=False)
class LinearSums(Sums):
    """Those of a convolution or dense layer with integer weights (M, C/groups, KH, KW)."""

    layer: fg.Conv | fg.Dense
    source: str
    interval_in: Interval
    weight: IntArray
    pad_value: int

    @classmethod
    def of(
        cls, layer: fg.Conv | fg.Dense, source: str, interval: Interval, weight: IntArray, pad_value: int
    ) -> LinearSums:
        """Those of `layer` with `weight` in the place of its own."""
        pads = layer.pads if isinstance(layer, fg.Conv) else (0, 0, 0, 0)
        ends = (min(interval[0], pad_value), max(interval[1], pad_value)) if any(pads) else interval
        flat = weight.reshape(len(weight), -1)
        above, below = np.maximum(flat, 0).sum(1), np.minimum(flat, 0).sum(1)
        low, high = above * ends[0] + below * ends[1], above * ends[1] + below * ends[0]
        return cls(layer.name, layer.source, low, high, layer, source, interval, weight, pad_value)

    @property
    def has_weights(self) -> bool:
        """As `Sums.has_weights`."""
        return True

    @property
    def most_gain(self) -> int:
        """As `Sums.most_gain`."""
        return 1 << max(0, MAX_TENSOR_BITS - signed_bits((int(self.weight.min()), int(self.weight.max()))))

    def op(self, name: str, how: Rounded) -> Requantised:
        """As `Sums.op`."""
        factors = np.where(how.down, -how.gain, how.gain).reshape(-1, 1, 1, 1)
        weight = np.ascontiguousarray((self.weight * factors).transpose(0, 2, 3, 1))
        bipolar = bool((np.abs(weight) == 1).all()) and np.unique(weight).size == 2
        ends = int(weight.min()), int(weight.max())
        shared = _fields(name, (self.source,), how) | {
            "bias": how.bias, "weight_bits": max(2, signed_bits(ends)), "coding": BIPOLAR if bipolar else None,
        }  # fmt: skip
        layer = self.layer
        if isinstance(layer, fg.Dense):
            return _fitted(Dense(weight=weight, **shared), self.interval_in)
        shared |= {
            "window": Window(layer.weight.shape[2:], layer.stride, layer.dilation, layer.pads),
            "pad_value": self.pad_value,
        }  # fmt: skip
        if layer.groups == 1:
            return _fitted(Conv(weight=weight, **shared), self.interval_in)
        if len(weight) == layer.groups and weight.shape[3] == 1:
            return _fitted(Depthwise(weight=weight[..., 0], **shared), self.interval_in)
        return _fitted(GroupConv(weight=weight, groups=layer.groups, **shared), self.interval_in)


@dataclass(frozen=True, slots=True, eq=False)
class AddSums(Sums):
    """factors[0] * a + factors[1] * b, whose real value is at most `missed` sums from the model's."""

    sources: tuple[str, str]
    intervals: tuple[Interval, Interval]
    factors: tuple[int, int]
    missed: float

    @classmethod
    def of(
        cls, layer: fg.Add, sources: tuple[str, str], intervals: tuple[Interval, Interval], factors: tuple[int, int],
        missed: float,
    ) -> AddSums:  # fmt: skip
        """Those of `layer`, whose inputs are multiplied by `factors`, their signs included."""
        ends = [sorted(end * factor for end in pair) for pair, factor in zip(intervals, factors, strict=True)]
        low, high = (np.array([sum(pair[i] for pair in ends)]) for i in range(2))
        return cls(layer.name, layer.source, low, high, sources, intervals, factors, missed)

    @property
    def only_shifts(self) -> bool:
        """As `Sums.only_shifts`."""
        return True

    @property
    def apart(self) -> float:
        """As `Sums.apart`."""
        return self.missed

    def op(self, name: str, how: Rounded) -> Requantised:
        """As `Sums.op`."""
        made = Add(factors=self.factors, bias=int(how.bias[0]), **_fields(name, self.sources, how))
        return _fitted(made, *self.intervals)


@dataclass(frozen=True, slots=True, eq=False)
class PoolSums(Sums):
    """The sum over each window."""

    source: str
    interval_in: Interval
    window: Window
    pad_value: int

    @classmethod
    def of(cls, layer: fg.AvgPool, source: str, interval: Interval, pad_value: int) -> PoolSums:
        """Those of `layer`."""
        window = Window(layer.kernel, layer.stride, (1, 1), layer.pads)
        ends = [np.array([window.taps * end]) for end in window.reach(interval, pad_value)]
        return cls(layer.name, layer.source, ends[0], ends[1], source, interval, window, pad_value)

    def op(self, name: str, how: Rounded) -> Requantised:
        """As `Sums.op`."""
        fields = _fields(name, (self.source,), how)
        made = AvgPool(window=self.window, pad_value=self.pad_value, bias=int(how.bias[0]), **fields)
        return _fitted(made, self.interval_in)


@dataclass(frozen=True, slots=True, eq=False)
class ProductSums(Sums):
    """Products of two tensors less their `zeros`: element by element, or of matrices over `channels` of them."""

    sources: tuple[str, str]
    intervals: tuple[Interval, Interval]
    zeros: tuple[int, int]
    channels: int

    @classmethod
    def of(
        cls, layer: fg.Mul | fg.MatMul, sources: tuple[str, str], intervals: tuple[Interval, Interval],
        zeros: tuple[int, int], channels: int,
    ) -> ProductSums:  # fmt: skip
        """Those of `layer`; `channels` is 0 for a product of single elements."""
        a, b = ([end - zero for end in ends] for ends, zero in zip(intervals, zeros, strict=True))
        products = [max(1, channels) * x * y for x in a for y in b]
        low, high = np.array([min(products)]), np.array([max(products)])
        return cls(layer.name, layer.source, low, high, sources, intervals, zeros, channels)

    @property
    def has_bias(self) -> bool:
        """As `Sums.has_bias`."""
        return False

    def op(self, name: str, how: Rounded) -> Requantised:
        """As `Sums.op`."""
        fields = _fields(name, self.sources, how)
        made: Requantised = Mul(zeros=self.zeros, **fields)
        if self.channels:
            made = MatMul(zeros=self.zeros, channels=self.channels, **fields)
        return _fitted(made, *self.intervals)


@dataclass(frozen=True, slots=True, eq=False)
class OneSums(Sums):
    """The integers of one tensor as they are."""

    source: str

    @classmethod
    def of(cls, name: str, label: str, source: str, interval: Interval) -> OneSums:
        """Those of the tensor `source`."""
        return cls(name, label, np.array([interval[0]]), np.array([interval[1]]), source)

    def op(self, name: str, how: Rounded) -> Requantised:
        """As `Sums.op`."""
        made = Rescale(bias=int(how.bias[0]), **_fields(name, (self.source,), how))
        return _fitted(made, self.interval)
