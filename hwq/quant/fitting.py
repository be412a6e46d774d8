"""Fitting: where the weights of a program come from, while its layers are made one after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval
from hwq.frontend import graph as fg
from hwq.ir.op import Op
from hwq.ir.window import Window
from hwq.quant.calibration import Calibration
from hwq.quant.config import BiasCorrection, LayerConfig, QuantConfig, ScaleKind
from hwq.quant.formats import Formats
from hwq.quant.moments import Moments, moments
from hwq.quant.observers import Survey
from hwq.quant.ranges import SMALLEST_SCALE, pow2_ceil
from hwq.quant.trace import Trace, Types
from hwq.quant.weights import Fit, fit

BIAS_BITS = 22
"""Least width that a bias may have; see `bias_bits`."""
SCALE_SPREAD = {ScaleKind.POW2: 2.0**15, ScaleKind.EXACT: 2.0**12, ScaleKind.FIXED: 2.0**8}
"""Largest ratio of the weight scales of one layer: all multipliers share one shift and have 16 bits."""

Array = NDArray[np.float64]
LinearLayer = fg.Conv | fg.Dense


class Weights(Protocol):
    """Gives the weights of each linear layer in turn, and is shown every operation made."""

    def of(self, layer: LinearLayer) -> Fit:
        """Integers, scales and bias of `layer`."""
        ...

    def push(self, op: Op, intervals: tuple[Interval, ...]) -> None:
        """`op` was made; `intervals` bound its inputs."""
        ...


class Found:
    """Weights that were fitted before."""

    def __init__(self, fits: dict[str, Fit]) -> None:
        self.fits = fits

    def of(self, layer: LinearLayer) -> Fit:
        """What was found for the layer of that name."""
        return self.fits[layer.name]

    def push(self, op: Op, intervals: tuple[Interval, ...]) -> None:
        """Needs not know."""


class Fitted:
    """Weights fitted to the integers that the layers before deliver on calibration data.

    `seen` has the mean values of the float network, for the analytic correction.
    """

    def __init__(self, data: Calibration, formats: Formats, config: QuantConfig, seen: Survey) -> None:
        self.data, self.formats, self.config, self.seen = data, formats, config, seen
        self.fits: dict[str, Fit] = {}
        self.types: Types = {name: chosen.type(data.graph.shapes[name]) for name, chosen in formats.items()}
        self.trace = start_trace(data, formats)

    def of(self, layer: LinearLayer) -> Fit:
        """Fit the weights of `layer`, whose input must have been made."""
        self.fits[layer.name] = self.fit(layer, self.moments(layer), self.config.of(layer.name))
        return self.fits[layer.name]

    def moments(self, layer: LinearLayer) -> Moments:
        """What weights of `layer` are fitted to."""
        source = layer.inputs[0]
        form = self.formats[source].form
        return moments(
            self.trace.values[source], self.data.tensor(f"{layer.name}:pre"), window_of(layer), form.zero_point,
            fg.groups_of(layer), form.scale,
        )  # fmt: skip

    def fit(self, layer: LinearLayer, seen: Moments, config: LayerConfig) -> Fit:
        """Weights of `layer` under the options `config`."""
        source = self.formats[layer.inputs[0]]
        weight = as_rows(layer)
        limit = 2.0 ** bias_bits(config.weight_bits, source.bits)
        least = np.abs(layer.bias) / (source.form.scale * limit)

        def smallest(top: int) -> Array:
            return _smallest(least, float(np.abs(weight).max()) / top, self.config.scale)

        found = fit(weight, seen, smallest, self.config.scale, config)
        return replace(found, bias=self._bias(layer, weight, found, config))

    def push(self, op: Op, intervals: tuple[Interval, ...]) -> None:
        """Execute `op` on the calibration data."""
        self.trace.push(op, intervals, self.types)

    def _bias(self, layer: LinearLayer, weight: Array, found: Fit, config: LayerConfig) -> Array:
        if config.bias_correction is BiasCorrection.MEASURED:
            return found.bias
        if config.bias_correction is BiasCorrection.NONE:
            return layer.bias
        error = weight - found.integers * found.scales[:, None]
        mean = self.seen.tensors[layer.inputs[0]].mean
        taps = error.reshape(len(error), -1, layer.weight.shape[1]).sum(1)
        moved: Array = layer.bias + of_constants(layer, taps, mean)
        return moved


def start_trace(data: Calibration, formats: Formats) -> Trace:
    """A trace of the quantised calibration samples."""
    graph = data.graph
    names = [port.tensor for port in graph.inputs]
    batches = list(data.batches(names))
    inputs = {}
    for name in names:
        x = np.concatenate([batch[name] for batch in batches])
        type_ = formats[name].type(graph.shapes[name])
        inputs[name] = formats[name].form.quantise(x, type_).astype(type_.dtype)
    wanted = {*data.judged, *(port.tensor for port in graph.outputs)}
    reads = Counter(name for layer in graph.layers for name in layer.inputs)
    return Trace(inputs, {name: reads[name] + (name in wanted) for name in graph.shapes})


def bias_bits(weight_bits: int, input_bits: int) -> int:
    """Width of the largest bias.

    Weight scales are kept so large that no bias needs more, whatever a dead channel's weights are; a bias of 64 of
    the largest products is no reason to coarsen the weights.
    """
    return max(BIAS_BITS, weight_bits + input_bits + 6)


def of_constants(layer: LinearLayer, taps: Array, channels: Array) -> Array:
    """What each output gets of channels (C,) that are the same everywhere; `taps` are weights summed over taps."""
    groups = fg.groups_of(layer)
    response: Array = taps.reshape(groups, len(taps) // groups, -1) @ channels.reshape(groups, -1, 1)
    return response.ravel()


def window_of(layer: LinearLayer) -> Window:
    """The window over the input; that of a dense layer covers it."""
    if isinstance(layer, fg.Dense):
        return Window(layer.weight.shape[2:])
    return Window(layer.weight.shape[2:], layer.stride, layer.dilation, layer.pads)


def as_rows(layer: LinearLayer) -> Array:
    """Weights (M, D), taps before channels, as the columns of `moments`."""
    rows: Array = layer.weight.transpose(0, 2, 3, 1).reshape(len(layer.weight), -1)
    return rows


def _smallest(least: Array, largest: float, kind: ScaleKind) -> Array:
    """Least scale of each row: none below `least`, and none so small that its multiplier would not fit."""
    smallest = np.maximum(least, max(largest / SCALE_SPREAD[kind], SMALLEST_SCALE))
    if kind is not ScaleKind.FIXED:
        smallest = np.array([pow2_ceil(s) for s in smallest])
    return smallest
