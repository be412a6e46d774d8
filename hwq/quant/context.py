"""Context: what is known about tensors while a float graph is lowered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hwq.arith import Interval, Requant, quantise, signed_bits
from hwq.frontend.graph import Clip, FloatGraph
from hwq.ir.op import Op
from hwq.ir.types import Format, TensorType
from hwq.ops.requantised import Requantised
from hwq.quant.config import QuantConfig
from hwq.quant.factors import as_multipliers

R = TypeVar("R", bound=Requantised)


@dataclass(slots=True)
class Context:
    """Formats and types of all tensors, and the operations made so far."""

    graph: FloatGraph
    config: QuantConfig
    formats: dict[str, Format]
    types: dict[str, TensorType]
    ops: list[Op] = field(default_factory=list)

    def requant(self, name: str, ratios: list[float], clip: Clip) -> Requant:
        """Requantisation into tensor `name` of accumulators whose unit is `ratios` output units."""
        multipliers, shift = as_multipliers(ratios)
        if len(set(multipliers)) == 1:
            multipliers = multipliers[:1]
        return self.clamped(name, multipliers, shift, clip)

    def clamped(self, name: str, multipliers: tuple[int, ...], shift: int, clip: Clip) -> Requant:
        """Requantisation with the output's zero point, clamped to its type and to `clip`."""
        form, type_ = self.formats[name], self.types[name]
        qmin, qmax = type_.range
        if not math.isinf(clip.low):
            qmin = int(quantise(clip.low, form.scale, form.zero_point, qmin, qmax))  # type: ignore[arg-type]
        if not math.isinf(clip.high):
            qmax = int(quantise(clip.high, form.scale, form.zero_point, qmin, qmax))  # type: ignore[arg-type]
        return Requant(multipliers, shift, self.config.rounding, form.zero_point, qmin, qmax)

    def type_of(self, name: str, bits: int, signed: bool) -> TensorType:
        """Type of tensor `name` in stream order (height, width, channels)."""
        channels, height, width = self.graph.shapes[name]
        return TensorType((height, width, channels), bits, signed)


def with_accumulator(op: R, *intervals: Interval) -> R:
    """`op` with the accumulator width that inputs within `intervals` need; at least 2, a sign and a value."""
    return replace(op, acc_bits=max(2, signed_bits(op.accumulator(*intervals))))
