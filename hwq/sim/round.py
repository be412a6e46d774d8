"""Rounding in the graph of the fast simulator: accumulators become the integers of rule R1, held as a carrier.

Images are rounded without leaving onnxruntime's blocked layout, which has no operator that rounds: an addition rounds
once to the nearest multiple of the last place of its result (IEEE 754, ties to even), and a hard sigmoid,
``min(max(alpha * x + beta, 0), 1)``, adds and clamps as part of the convolution before it.  With u = 2**-24, the last
place of floats in [1/2, 1), ``alpha = u`` and ``beta = 1 - top * u`` turn a sum v into ``beta + round(v) * u``, at most
1, which is ``round(v) = top``.  A convolution of one tap takes `beta` off again, exactly, and clamps from below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from hwq.arith import Requant, Rounding, int_range
from hwq.sim.carrier import Carrier
from hwq.sim.exactness import Bounds, grains, tie
from hwq.sim.graph import Graph

PLACES = 24
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Target:
    """What an operation that requantises is to deliver, and as which carrier.

    `channels` counts those that fill the last block; with `wide` the product and the rounding take float64; `read` says
    whether other operations of the graph read it.
    """

    requant: Requant
    bits: int
    signed: bool
    offset: int
    exponent: int
    channels: int
    flat: bool
    wide: bool
    read: bool

    @property
    def rounds(self) -> bool:
        """Whether sums may have a fraction, or are no multiples of one together with `move`."""
        return any(exponent < 0 or (exponent > 0 and self.move) for _, exponent in grains(self.requant))

    @property
    def top(self) -> int:
        """The highest output, less its zero point."""
        return self.requant.qmax - self.requant.zero_point

    @property
    def bottom(self) -> int:
        """The lowest output, less its zero point."""
        return self.requant.qmin - self.requant.zero_point

    @property
    def move(self) -> int:
        """From an output less its zero point to the carrier."""
        return self.requant.zero_point - self.offset

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value of the carrier."""
        scale = 2.0**self.exponent
        return (self.requant.qmin - self.offset) * scale, (self.requant.qmax - self.offset) * scale

    @property
    def fills_byte(self) -> bool:
        """Whether all 256 values of an 8-bit type may leave, and its zero points are of that type."""
        low, high = int_range(self.bits, self.signed)
        quant = self.requant
        inside = all(low <= value <= high for value in (quant.zero_point, self.offset))
        return self.bits == 8 and (quant.qmin, quant.qmax) == (low, high) and inside

    def filled(self, values: Bounds) -> Floats:
        """One value for each channel, zeros for those that fill the last block; a single one is that of all."""
        out = np.full(self.channels, float(values[0]) if len(values) == 1 else 0.0)
        out[: len(values)] = values
        return out


class Rounder:
    """Writes the ends of operations into `graph`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def folded(self, target: Target, bias: Bounds, held: int) -> tuple[Floats, Floats]:
        """What weights are multiplied by and the bias, so that the sums need only be rounded and clamped.

        Parameters
        ----------
        bias
            Of the accumulators, one for each channel or for all.
        held
            Exponent of the carrier that the weights meet.

        Returns
        -------
        tuple
            Factor and bias of each channel, float64 (target.channels,), exact in float32.
        """
        if target.wide:
            return np.full(target.channels, 2.0**-held), target.filled(bias)
        parts = grains(target.requant)
        factor = target.filled(np.array([odd * 2.0**exponent for odd, exponent in parts]))
        if target.rounds:
            ties = [(tie(target.requant, exponent) or 0) * 2.0 ** (exponent - 1) for _, exponent in parts]
            return factor * 2.0**-held, target.filled(bias) * factor + target.filled(np.array(ties))
        scale = 2.0**target.exponent
        return factor * scale * 2.0**-held, (target.filled(bias) * factor + target.move) * scale

    def finish(self, target: Target, sums: str) -> Carrier:
        """Round and clamp sums of weights and a bias that `folded` gave."""
        if target.wide:
            wide = self.graph.node("Cast", [sums], to=TensorProto.DOUBLE)
            factor = target.filled(np.array(target.requant.multiplier)) * 2.0**-target.requant.shift
            shape = (1, -1) if target.flat else (1, -1, 1, 1)
            product = self.graph.node("Mul", [wide, self.graph.constant(factor.reshape(shape), np.float64)])
            value = self._wide(target, product)
        elif target.rounds and target.flat and target.fills_byte:
            return self._byte(target, sums)
        elif not target.rounds:
            value = self._clip(sums, *target.bounds)
        else:
            value = self._flat(target, sums) if target.flat else self._image(target, sums)
        return Carrier(value, target.offset, target.exponent, target.channels, target.flat)

    def finish_sum(self, target: Target, xs: tuple[Carrier, Carrier], factors: tuple[int, int], bias: int) -> Carrier:
        """Add two carriers, each times its factor, and `bias`; then round and clamp (rule A1)."""
        if target.wide:
            unit = 2.0**-target.requant.shift
            terms = []
            for factor, x in zip(factors, xs, strict=True):
                wide = self.graph.node("Cast", [x.value], to=TensorProto.DOUBLE)
                terms.append(self.graph.node("Mul", [wide, self._double(factor * unit * 2.0**-x.exponent, x.flat)]))
            total = self.graph.node("Add", [self.graph.node("Add", terms), self._double(bias * unit, target.flat)])
            value = self._wide(target, total)
            return Carrier(value, target.offset, target.exponent, target.channels, target.flat)
        scales, constant = self.folded(target, np.array([bias], object), 0)
        unit = float(scales[0])
        total = self.graph.node("Add", [self._times(x, f * unit) for f, x in zip(factors, xs, strict=True)])
        if not target.flat:
            total = self._channelwise(total, target.channels, 1.0, float(constant[0]))
        elif constant[0]:
            total = self.graph.node("Add", [total, self.graph.scalar(constant[0], target.flat)])
        return self.finish(target, total)

    def _image(self, target: Target, sums: str) -> str:
        """Two steps in the blocked layout, see above."""
        ceiling = max(target.top, -target.move, 0)
        if target.requant.rounding is Rounding.HALF_EVEN:
            ceiling += ceiling & 1  # beta then ends in an even place, and even integers are what ties go to
        last_place = 2.0**-PLACES
        value = self.graph.node("HardSigmoid", [sums], alpha=last_place, beta=1.0 - ceiling * last_place)
        scale = 2.0**target.exponent
        lowered = (ceiling + target.move - 2.0**PLACES) * scale
        value = self._channelwise(value, target.channels, 2.0**PLACES * scale, lowered)
        if ceiling == target.top and target.bounds[0] == 0.0:
            return self.graph.node("Relu", [value])
        return self._clip(value, *target.bounds)

    def _byte(self, target: Target, sums: str) -> Carrier:
        """A pair of nodes that onnxruntime is fast at; the first of them clamps as it should."""
        dtype = np.int8 if target.signed else np.uint8
        one, zero, offset = (
            self.graph.constant(value, kind)
            for value, kind in ((1, np.float32), (target.requant.zero_point, dtype), (target.offset, dtype))
        )
        integers = self.graph.node("QuantizeLinear", [sums, one, zero])
        # A node that nothing reads would run nevertheless, and onnxruntime 1.18 overwrites other results with its own.
        value = self.graph.node("DequantizeLinear", [integers, one, offset]) if target.read else ""
        return Carrier(value, target.offset, target.exponent, target.channels, True, integers)

    def _flat(self, target: Target, sums: str) -> str:
        """One step after the other."""
        value = self.graph.node("Round", [self._clip(sums, target.bottom, target.top)])
        return self.graph.node("Add", [value, self.graph.scalar(target.move, True)]) if target.move else value

    def _wide(self, target: Target, value: str) -> str:
        """Rule R2 as it is written, in float64; a carrier in float32."""
        node, lowest = self.graph.node, 0
        if target.rounds and target.requant.rounding in (Rounding.FLOOR, Rounding.HALF_UP):
            lowest = target.bottom
            value = self._truncated(target, value)
        else:
            if target.rounds:
                value = self._to_nearest(target, value)
            low, high = (self.graph.constant(bound, np.float64) for bound in (target.bottom, target.top))
            value = node("Clip", [value, low, high])
        value = node("Cast", [value], to=TensorProto.FLOAT)
        if target.move + lowest:
            value = node("Add", [value, self.graph.scalar(target.move + lowest, target.flat)])
        if target.exponent:
            value = node("Mul", [value, self.graph.scalar(2.0**target.exponent, target.flat)])
        return value

    def _truncated(self, target: Target, value: str) -> str:
        """Rounded down or half up, and clamped, less the lowest output: none is negative, so a cast rounds down.

        In onnxruntime a cast takes a third of the time of Floor.
        """
        raised = (0.5 if target.requant.rounding is Rounding.HALF_UP else 0.0) - target.bottom
        if raised:
            value = self.graph.node("Add", [value, self._double(raised, target.flat)])
        highest = target.top - target.bottom + 0.5
        low, high = (self.graph.constant(bound, np.float64) for bound in (0.0, highest))
        return self.graph.node("Cast", [self.graph.node("Clip", [value, low, high])], to=TensorProto.INT32)

    def _to_nearest(self, target: Target, value: str) -> str:
        """Rounded to the nearest integer, ties to the even one or away from zero."""
        if target.requant.rounding is Rounding.HALF_EVEN:
            return self.graph.node("Round", [value])
        size = self.graph.node("Add", [self.graph.node("Abs", [value]), self._double(0.5, target.flat)])
        return self.graph.node("Mul", [self.graph.node("Floor", [size]), self.graph.node("Sign", [value])])

    def _times(self, x: Carrier, factor: float) -> str:
        """The integers of a carrier, less its offset, times `factor`."""
        scale = factor * 2.0**-x.exponent
        if scale == 1.0:
            return x.value
        if x.flat:
            return self.graph.node("Mul", [x.value, self.graph.scalar(scale, True)])
        return self._channelwise(x.value, x.channels, scale, 0.0)

    def _channelwise(self, value: str, channels: int, scale: float, bias: float) -> str:
        """``value * scale + bias`` on an image, as a convolution that stays in the blocked layout."""
        weights = self.graph.constant(np.full((channels, 1, 1, 1), scale)), self.graph.constant(np.full(channels, bias))
        return self.graph.node("Conv", [value, *weights], group=channels, kernel_shape=(1, 1))

    def _clip(self, value: str, low: float, high: float) -> str:
        return self.graph.node("Clip", [value, self.graph.constant(low), self.graph.constant(high)])

    def _double(self, value: float, flat: bool) -> str:
        return self.graph.scalar(value, flat, np.float64)
