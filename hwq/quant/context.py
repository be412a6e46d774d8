"""Context: what is known about tensors while a float graph is lowered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hwq.arith import Interval, Requant, quantise
from hwq.frontend.graph import Clip, FloatGraph, Layer
from hwq.ir.op import Op
from hwq.ir.types import Format, TensorType
from hwq.ops.factors import as_multipliers
from hwq.ops.requantised import Requantised
from hwq.quant.config import QuantConfig
from hwq.quant.fitting import Weights

R = TypeVar("R", bound=Requantised)


@dataclass(slots=True)
class Context:
    """Formats and types of all tensors, and the operations made so far."""

    graph: FloatGraph
    config: QuantConfig
    formats: dict[str, Format]
    types: dict[str, TensorType]
    weights: Weights
    ops: list[Op] = field(default_factory=list)

    def requant(self, name: str, ratios: list[float], clip: Clip) -> Requant:
        """Requantisation into tensor `name` of accumulators whose unit is `ratios` output units."""
        multipliers, shift = as_multipliers(ratios)
        if len(set(multipliers)) == 1:
            multipliers = multipliers[:1]
        return self.clamped(name, multipliers, shift, clip)

    def clamped(self, name: str, multipliers: tuple[int, ...], shift: int, clip: Clip) -> Requant:
        """Requantisation with the output's zero point, clamped to its type and to the tightest bounds of `clip`."""
        form, type_ = self.formats[name], self.types[name]
        qmin, qmax = type_.range
        low, high = clip.bounds()
        if not math.isinf(clip.low):
            qmin = int(quantise(low.max(), form.scale, form.zero_point, qmin, qmax))
        if not math.isinf(clip.high):
            qmax = int(quantise(high.min(), form.scale, form.zero_point, qmin, qmax))
        return Requant(multipliers, shift, self.config.rounding, form.zero_point, qmin, qmax)


def with_accumulator(op: R, *intervals: Interval) -> R:
    """`op` with the narrowest accumulator for inputs within `intervals`."""
    return replace(op, acc_bits=op.accumulator_bits(*intervals))


def common(ctx: Context, layer: Layer) -> dict[str, Any]:
    """Fields of an operation that requantises, its accumulator still to be fitted."""
    type_ = ctx.types[layer.name]
    return {"name": layer.name, "inputs": layer.inputs, "acc_bits": 2, "bits": type_.bits, "signed": type_.signed}
