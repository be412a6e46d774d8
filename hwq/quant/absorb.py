"""Absorption of biases: what a channel never falls below moves into the biases of the layers that read it.

A channel of a ReLU layer whose values stay far above zero wastes the integers below them.  With c = max(0, mean - 3
standard deviations) the layer's bias is lowered by c, and that of every consumer raised by the sum over its weights of
w c; wherever the channel is at least c, the float network computes the same (Nagel et al., "Data-Free Quantization
Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1.3).  There c comes from a model of the
distribution; here it is also no more than the lowest value in the samples.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hwq.frontend import graph as fg
from hwq.quant.calibration import Calibration, Offsets
from hwq.quant.error_model import SPREAD
from hwq.quant.fitting import of_constants
from hwq.quant.observers import Survey

DEVIATIONS = 3.0
"""Standard deviations below the mean that a channel is expected to reach."""
WORTH = 1.0 / 16.0
"""Share of a channel's highest value, about one step of 4 bits, that absorption must save."""


def absorbed(data: Calibration, seen: Survey) -> tuple[Calibration, Survey]:
    """The network with the biases absorbed that can be, and what would be seen of it; as they are if there are none."""
    offsets = choose_offsets(data.graph, seen)
    if not offsets:
        return data, seen
    return data.absorbed(lowered(data.graph, offsets), offsets), seen.less(offsets)


def choose_offsets(graph: fg.FloatGraph, seen: Survey) -> Offsets:
    """What each channel is to be lowered by, for the tensors that have such channels; dead ones are left alone."""
    found: Offsets = {}
    for layer in graph.layers:
        if _can_absorb(graph, layer):
            values = seen.tensors[layer.name]
            offset = np.minimum(values.mean - DEVIATIONS * np.sqrt(values.variance), values.lows)
            least = np.maximum(WORTH * values.highs, SPREAD * values.high)
            offset = np.where(offset > least, offset, 0.0)
            if offset.any():
                found[layer.name] = offset
    return found


def lowered(graph: fg.FloatGraph, offsets: Offsets) -> fg.FloatGraph:
    """The graph in which channel c of tensor t is ``offsets[t][c]`` less than it was, or zero."""
    return graph.with_layers(tuple(_lowered(layer, offsets) for layer in graph.layers))


def _can_absorb(graph: fg.FloatGraph, layer: fg.Layer) -> bool:
    """True for a ReLU layer that only linear layers read, without padding: their zeros would have to become -c.

    Hardware has one upper bound for all channels; lowered by what suits each, there would be many.
    """
    if not isinstance(layer, fg.Conv | fg.Dense) or (layer.clip.low, layer.clip.high) != (0.0, math.inf):
        return False
    readers = graph.consumers(layer.name)
    return bool(readers) and not graph.is_output(layer.name) and all(_reads_bare(reader) for reader in readers)


def _reads_bare(reader: fg.Layer) -> bool:
    return isinstance(reader, fg.Dense) or (isinstance(reader, fg.Conv) and not any(reader.pads))


def _lowered(layer: fg.Layer, offsets: Offsets) -> fg.Layer:
    if not isinstance(layer, fg.Conv | fg.Dense):
        return layer
    bias = layer.bias - offsets.get(layer.name, 0.0)
    if layer.inputs[0] in offsets:
        into, taps = offsets[layer.inputs[0]], layer.weight.sum(axis=(2, 3))
        bias = bias + of_constants(layer, taps, into)
    return replace(layer, bias=bias)
