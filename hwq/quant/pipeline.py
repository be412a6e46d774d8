"""Pipeline: from a surveyed float network to an integer program, and to the better one of several."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hwq.ir.program import Program
from hwq.quant.calibration import Calibration
from hwq.quant.config import QuantConfig
from hwq.quant.equalise import choose_factors, scaled
from hwq.quant.fitting import Fitted, start_trace
from hwq.quant.formats import Formats, choose_formats
from hwq.quant.lower import lower
from hwq.quant.observers import Survey, observe
from hwq.quant.trace import Values
from hwq.quant.weights import Fit

LIMITS = (4.0, math.inf)
"""Limits of equalisation that are tried."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A program with all that it was made from.

    `noise` is the squared error of the outputs on the calibration data, as a share of their energy.
    """

    data: Calibration
    seen: Survey
    formats: Formats
    fits: dict[str, Fit]
    program: Program
    noise: float


def draft(data: Calibration, seen: Survey, config: QuantConfig) -> Draft:
    """The program of a network in the form in which it is."""
    return fitted(data, seen, choose_formats(data.graph, seen.tensors, config), config)


def fitted(data: Calibration, seen: Survey, formats: Formats, config: QuantConfig) -> Draft:
    """The program of a network whose tensors have `formats`, with weights fitted to them."""
    weights = Fitted(data, formats, config, seen)
    program = lower(data.graph, formats, config, weights)
    return Draft(data, seen, formats, weights.fits, program, output_noise(data, weights.trace.values, program))


def equalised(
    data: Calibration, seen: Survey, config: QuantConfig, limit: float = math.inf
) -> tuple[Calibration, Survey]:
    """The network in its equalised form; `limit` as in `choose_factors`."""
    factors = choose_factors(data.graph, seen, config, limit)
    return data.equalised(scaled(data.graph, factors), factors), seen.times(factors)


def best_limit(data: Calibration, config: QuantConfig) -> float | None:
    """The limit of equalisation that does best on samples that were not used, None for no equalisation.

    What few samples say of the range of a channel may be far from what others say, so that calibration data itself is
    no judge: drafts are made from one half of it and judged by the other.
    """
    known, unknown = data.half(0), data.half(1)
    if not unknown.count:
        return None
    seen = observe(known, True)
    found: dict[float | None, float] = {None: _noise_on(unknown, draft(known, seen, config))}
    for limit in LIMITS:
        form, its_seen = equalised(known, seen, config, limit)
        found[limit] = _noise_on(unknown.equalised(form.graph, form.factors), draft(form, its_seen, config))
    return min(found, key=lambda limit: found[limit])


def _noise_on(data: Calibration, found: Draft) -> float:
    """The noise of a draft on other samples."""
    trace = start_trace(data, found.formats)
    trace.run(found.program)
    return output_noise(data, trace.values, found.program)


def best(*drafts: Draft) -> Draft:
    """The draft of least noise; of equal ones the first."""
    return min(drafts, key=lambda one: one.noise)


def output_noise(data: Calibration, values: dict[str, Values], program: Program) -> float:
    """Squared error of the judged tensors against the float network, as a share of their energy."""
    noise = energy = 0.0
    for name in data.judged:
        real = data.tensor(name)
        got = program.formats[name].dequantise(values[name].astype(np.int64))
        unit = float(data.factors[name][0]) ** 2 if name in data.factors else 1.0
        noise += float(((real - got) ** 2).sum()) / unit
        energy += float((real.astype(np.float64) ** 2).sum()) / unit
    return noise / max(energy, 1e-300)
