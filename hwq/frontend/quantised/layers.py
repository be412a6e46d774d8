"""Layers that only models have which are quantised already; they stand between those of a `FloatGraph`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.frontend import graph as fg
from hwq.frontend.graph import Layer
from hwq.frontend.quantised.quantiser import Rule
from hwq.frontend.quantised.steps import Arithmetic, Bounds, Curve, Slopes, Start, Step


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


def step_of(layer: fg.Layer) -> Step:
    """The step that a layer of single values is."""
    match layer:
        case Pointwise():
            return layer.step
        case fg.Activation():
            return Bounds(layer.clip)
        case fg.BatchNorm():  # of a ReduceSum, which is a mean times the number of its elements
            return Arithmetic("Mul", np.asarray(layer.scale[:1], np.float32))
        case fg.PRelu():
            same = bool((layer.slopes == layer.slopes[0]).all())
            return Slopes(np.asarray(layer.slopes[:1] if same else layer.slopes, np.float32))
        case fg.Function():
            return Curve(layer.expr)
    raise TypeError(type(layer).__name__)
