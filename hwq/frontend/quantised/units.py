"""Units: what one integer of a sum of two tensors stands for."""

from __future__ import annotations

import math

from hwq.arith import MULTIPLIER_BITS
from hwq.frontend import graph as fg
from hwq.frontend.node import Refusal
from hwq.frontend.quantised.layers import Quantise, step_of
from hwq.frontend.quantised.rounding import quantiser_step


def common_unit(graph: fg.FloatGraph, layer: fg.Add, units: list[float], offsets: list[float]) -> float:
    """A unit of which both tensors have whole multiples, or that is as small as factors may be large.

    A sum is rounded by a shift alone: it is the step of the quantiser behind over a power of two, if there is one.

    Raises
    ------
    Refusal
        When there is neither.
    """
    step = _step_behind(graph, layer)
    largest = max(abs(unit) for unit in units)
    unit = min(abs(unit) for unit in units)
    if step is not None and _is_power(unit / step):
        unit = min(unit, step)
    whole = all(real / unit == round(real / unit) for real in (*units, *offsets))
    if whole and largest / unit < 1 << MULTIPLIER_BITS and (step is None or _is_power(unit / step)):
        return unit
    if step is None:
        raise Refusal("adds tensors whose scales have no common unit, expected a quantiser behind. Quantise the sum")
    return step * 2.0 ** (math.ceil(math.log2(largest / step)) - MULTIPLIER_BITS + 1)


def _step_behind(graph: fg.FloatGraph, layer: fg.Layer) -> float | None:
    """The value of a sum that is one step of the quantiser behind; None where there is none."""
    slope = 1.0
    readers = graph.consumers(layer.name)
    while len(readers) == 1 and not isinstance(readers[0], Quantise):
        try:
            line = step_of(readers[0]).line
        except TypeError:
            return None
        if line is None or line[0].size > 1 or not line[0].all():
            return None
        slope *= abs(float(line[0][0]))
        readers = graph.consumers(readers[0].name)
    step = quantiser_step(readers[0].rule) if len(readers) == 1 and isinstance(readers[0], Quantise) else None
    return None if step is None else step / slope


def _is_power(ratio: float) -> bool:
    return math.frexp(ratio)[0] == 0.5
