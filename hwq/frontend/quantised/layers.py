"""Layers that only models have which are quantised already; they stand between those of a `FloatGraph`."""

from __future__ import annotations

from dataclasses import dataclass

from hwq.frontend.graph import Layer
from hwq.frontend.quantised.quantiser import Rule
from hwq.frontend.quantised.steps import Start, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantise(Layer):
    """y = the integers that `rule` makes of x."""

    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantise(Layer):
    """y = the real values that integers x stand for."""

    start: Start


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointwise(Layer):
    """y = step(x), one value at a time."""

    step: Step
