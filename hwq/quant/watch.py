"""Watch: what the integers of one tensor, and the accumulators that they came from, were seen to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Interval, quantise
from hwq.frontend.graph import Clip
from hwq.ir.op import Op
from hwq.ir.types import Format, TensorType
from hwq.ops.requantised import Requantised
from hwq.sim.certificate import Certificate
from hwq.sim.kernels import ACCUMULATE

FAR = 1 << 40
"""Beyond every integer of a tensor."""


@dataclass(slots=True)
class Watch:
    """Counts over all values of a tensor with integers of `type_` in format `form`; memory does not grow with them.

    `stops` are the integers at which the tensor's activation holds values, None where it has no bound within the type.
    """

    type_: TensorType
    form: Format
    stops: tuple[int | None, int | None]
    seen: Interval | None = None
    accumulators: Interval | None = None
    count: int = 0
    saturated: int = 0
    stopped: int = 0

    def execute(self, op: Op, certificate: Certificate, xs: list[IntArray]) -> IntArray:
        """The result of `op`, whose accumulators are seen."""
        if not isinstance(op, Requantised):
            return op.evaluate(*xs)
        kernel = ACCUMULATE.get(type(op))
        if kernel and certificate.sum_type:
            accumulators: IntArray = kernel(op, certificate.sum_type, xs).astype(np.int64)
        else:
            accumulators = op.accumulate(*xs)
        self.accumulators = _wider(self.accumulators, accumulators)
        return op.requant(accumulators)

    def update(self, real: NDArray[Any], integers: IntArray) -> None:
        """Take in values of the float network, and the integers in their place."""
        low, high = self.type_.range
        least, most = ((end - self.form.zero_point) * self.form.scale for end in (low - 0.5, high + 0.5))
        self.seen = _wider(self.seen, integers)
        self.count += integers.size
        self.saturated += int(((integers == high) & (real > most)).sum() + ((integers == low) & (real < least)).sum())
        self.stopped += sum(int((integers == stop).sum()) for stop in self.stops if stop is not None)

    @property
    def used_range(self) -> float:
        """Share of the type's integers that lie between the lowest and the highest seen."""
        return _length(self.seen) / _length(self.type_.range)


def stops(clip: Clip, form: Format, type_: TensorType) -> tuple[int | None, int | None]:
    """The integers of the bounds of `clip`, None for those that are infinite or beyond `type_`."""
    low, high = clip.bounds()
    ends = [int(quantise(end, form.scale, form.zero_point, -FAR, FAR)) for end in (low.min(), high.max())]
    inside = [end if type_.range[0] <= end <= type_.range[1] else None for end in ends]
    return inside[0], inside[1]


def share_of(seen: Interval | None, bound: Interval | None) -> float | None:
    """The length of one interval as a share of that of another, in which it lies."""
    return _length(seen) / _length(bound) if seen and bound else None


def _wider(interval: Interval | None, values: IntArray) -> Interval:
    low, high = int(values.min()), int(values.max())
    return (low, high) if interval is None else (min(interval[0], low), max(interval[1], high))


def _length(interval: Interval | None) -> int:
    return interval[1] - interval[0] + 1 if interval else 0
