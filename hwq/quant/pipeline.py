"""Pipeline: from a surveyed float network to an integer program, and to the better one of several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwq.ir.program import Program
from hwq.quant.absorb import absorbed
from hwq.quant.calibration import Calibration
from hwq.quant.config import QuantConfig
from hwq.quant.equalise import Limits, choose_factors, choose_limits
from hwq.quant.fitting import Fitted, start_trace
from hwq.quant.formats import Formats, choose_formats
from hwq.quant.groups import scaled
from hwq.quant.lower import lower
from hwq.quant.observers import Survey
from hwq.quant.trace import Values
from hwq.quant.weights import Fit

Form = Callable[[Calibration, Survey], tuple[Calibration, Survey]]
"""Puts a network, and what was seen of it, into another form."""
HARM = 2.0
"""A form of the network does harm when it has so many times the noise: less is what a few samples may happen to say."""


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


def guarded(data: Calibration, seen: Survey, config: QuantConfig) -> tuple[Calibration, Survey]:
    """The network in the form that does best, or as it is if all do harm.

    What few samples say of the range of a channel may be far from what others say, so that calibration data itself is
    no judge: drafts are made from one half of it and judged by both.
    """
    if not seen.halves:
        return data, seen
    known, unknown, its_seen = data.half(0), data.half(1), seen.halves[0]

    def noise(made: Draft) -> float:
        return made.noise + _noise_on(unknown, made)

    chosen, least = None, HARM * noise(draft(known, its_seen, config))
    for form in _forms(data, seen, config):
        found = noise(draft(*form(known, its_seen), config))
        if found < least:
            chosen, least = form, found
    return chosen(data, seen) if chosen else (data, seen)


def _forms(data: Calibration, seen: Survey, config: QuantConfig) -> list[Form]:
    """Equalised, and with biases absorbed before that, if there are any."""
    lowered = absorbed(data, seen) if config.absorb else (data, seen)
    limits = choose_limits(data.graph, seen, config)
    forms: list[Form] = [lambda data, seen: equalised(data, seen, config, limits)]
    if lowered[0].offsets:
        bare = choose_limits(lowered[0].graph, lowered[1], config)
        forms.append(lambda data, seen: equalised(*absorbed(data, seen), config, bare))
    return forms


def equalised(data: Calibration, seen: Survey, config: QuantConfig, limits: Limits) -> tuple[Calibration, Survey]:
    """The network in its equalised form; `limits` as in `choose_factors`."""
    factors = choose_factors(data.graph, seen, config, limits)
    return data.equalised(scaled(data.graph, factors), factors), seen.times(factors)


def _noise_on(data: Calibration, found: Draft) -> float:
    """The noise of a draft on other samples."""
    data = data.in_form_of(found.data)
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
