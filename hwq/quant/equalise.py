"""Equalisation: a factor for each channel of the float network, which changes nothing but how well it quantises.

In the literature (see `groups`) the factors equalise weight ranges; here they are those of the least predicted error
of the outputs, real numbers, so that with power-of-two scales each channel still gets the step that suits it: the
mantissa of the step goes into the weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hwq.frontend import graph as fg
from hwq.quant.config import QuantConfig
from hwq.quant.error_model import ErrorModel
from hwq.quant.formats import choose_formats
from hwq.quant.groups import Factors, Group, groups, scaled
from hwq.quant.observers import Survey

LIMITS = (1.0, 2.0**0.25, 2.0**0.5, 2.0, 4.0, math.inf)
"""Limits that are tried; with 1, all channels of a tensor have one factor, or smaller ones."""
TURNS = 3
"""Times that all groups are gone through: what is best for one depends on its neighbours."""

Limits = Mapping[str, float]
"""How far the channels of a tensor may be brought up: none is taken to reach less far than the one that reaches
farthest, divided by this."""


def choose_factors(graph: fg.FloatGraph, seen: Survey, config: QuantConfig, limits: Limits) -> Factors:
    """Factors of least predicted error for every tensor but indices; tensors that `limits` leaves out have no limit."""
    return _chosen(ErrorModel(graph, seen, config), groups(graph), limits)


def choose_limits(graph: fg.FloatGraph, seen: Survey, config: QuantConfig) -> Limits:
    """Limits for every tensor, such that factors chosen on one half of the samples do well on both, if there are two.

    Few samples say little of how far a channel goes that seldom leaves zero.  Brought up to the range of others, it
    is clipped as soon as it does.  What the other half adds to the error counts once, as much as the error on the half
    that chose, since all samples together will miss half as much.
    """
    if not seen.halves:
        return {}
    all_groups = groups(graph)
    errors = np.zeros((len(LIMITS), len(all_groups)))
    for known, unknown in (seen.halves, seen.halves[::-1]):
        model = ErrorModel(graph, known, config)
        for k, limit in enumerate(LIMITS):
            factors = _chosen(model, all_groups, dict.fromkeys(graph.shapes, limit))
            surveys = [half.times(factors) for half in (known, unknown)]
            formats = choose_formats(scaled(graph, factors), surveys[0].tensors, config)
            for j, group in enumerate(all_groups):
                errors[k, j] += 2.0 * model.weight_error(group, factors)
                for name in (name for name in group.tensors if name in model.free):
                    form, levels = formats[name].form, formats[name].levels
                    errors[k, j] += sum(half.rounding_error(name, form, levels) for half in surveys)
    best = errors.argmin(axis=0)
    return {name: LIMITS[k] for group, k in zip(all_groups, best, strict=True) for name in group.tensors}


def _chosen(model: ErrorModel, all_groups: list[Group], limits: Limits) -> Factors:
    factors = {name: np.ones(len(found.lows)) for name, found in model.seen.tensors.items()}
    for _ in range(TURNS):
        for group in all_groups:
            if group.fixed:
                continue
            if group.port:
                found = model.port_factors(group)
            else:
                found = model.factors(group, factors, limits.get(group.tensors[0], math.inf))
            factors |= dict.fromkeys(group.tensors, found)
    return factors
