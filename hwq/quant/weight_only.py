"""Weight-only quantisation: integer weights in a network whose activations stay floats.

For study: it tells what the weights alone lose.  No hardware is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.frontend.reference import FloatReference
from hwq.ir.types import Format
from hwq.ops import Linear
from hwq.quant.analysis import settled, weight_ratio
from hwq.quant.calibration import Calibration
from hwq.quant.config import QuantConfig
from hwq.quant.errors import SignalToNoise, decibel
from hwq.quant.fitting import Fitted
from hwq.quant.formats import TensorFormat
from hwq.quant.pipeline import Draft
from hwq.quant.progress import Progress, silent
from hwq.quant.quantize import Samples, quantised
from hwq.quant.weights import Fit

REAL = TensorFormat(Format(1.0), 16, True)
"""The format of values that are real already; its bits bound biases at 2^-30 of the largest products, or less."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WeightLayer:
    """One layer with weights: ratios in dB, of its weights and of its output; None without an error."""

    name: str
    kind: str
    source: str
    weight_bits: int
    stored_bits: int
    weight_sqnr_db: float | None
    sqnr_db: float | None


@dataclass(frozen=True, slots=True)
class WeightOnly:
    """A network with quantised weights and float activations on `samples` calibration samples.

    `sqnr_db` is the signal-to-noise ratio of the outputs, `integer_sqnr_db` that of the integer program with the same
    options; `agreement` is for each output the share of positions whose largest channel is that of the float network,
    None for outputs of one channel.
    """

    name: str
    options: dict[str, Any]
    samples: int
    sqnr_db: float | None
    integer_sqnr_db: float | None
    agreement: dict[str, float | None]
    layers: tuple[WeightLayer, ...]


def weight_only(
    graph: fg.FloatGraph, samples: Samples, config: QuantConfig | None = None, progress: Progress = silent
) -> WeightOnly:
    """Quantise the weights of a simplified float graph, and nothing else.

    Weights are fitted one layer after the other, by the methods of `config`, to the floats that the layers before
    deliver; in the form of the network, equalised or not, that suits the integer program.

    Parameters
    ----------
    graph, samples, config, progress
        As for `hwq.quant.quantize`.

    Raises
    ------
    BadInput
        As `hwq.quant.quantize`.
    """
    config = config or QuantConfig()
    found = quantised(graph, samples, config, progress)
    progress("Fitting weights to floats", None)
    fits = fit_to_floats(found, settled(config, found.fits))
    progress("Measuring each layer", None)
    data = found.data
    ratio, agreement = _compare(data, with_weights(data.graph, fits))
    decibels = ratio.decibels()
    signal, noise = (sum(part[name] for name in data.judged) for part in (ratio.signal, ratio.noise))
    rows = []
    for layer, op in zip(data.graph.layers, found.program.ops, strict=True):
        if isinstance(layer, fg.Conv | fg.Dense) and isinstance(op, Linear):
            fit = fits[layer.name]
            ratios = weight_ratio(layer, fit), decibels[layer.name]
            rows.append(WeightLayer(layer.name, op.kind, layer.source, fit.bits, fit.stored_bits, *ratios))
    return WeightOnly(
        found.program.name, config.describe(), data.count, decibel(signal, noise), decibel(1.0, found.noise),
        agreement, tuple(rows),
    )  # fmt: skip


def fit_to_floats(found: Draft, config: QuantConfig) -> dict[str, Fit]:
    """Weights of every linear layer, fitted to floats that passed the fitted layers before it."""
    data, graph = found.data, found.data.graph
    source = Fitted(data, dict.fromkeys(found.formats, REAL), config, found.seen)
    values: dict[str, Floats] = {}
    for port in graph.inputs:
        values[port.tensor] = np.concatenate([batch[port.tensor] for batch in data.batches([port.tensor])])
    source.trace.values = values
    last = {name: layer for layer in graph.layers for name in layer.inputs}
    for layer in graph.layers:
        fitted = _dequantised(layer, source.of(layer)) if isinstance(layer, fg.Conv | fg.Dense) else layer
        values[layer.name] = _run_one(graph, fitted, values)
        for name in set(layer.inputs):
            if last[name] is layer:
                del values[name]
    return source.fits


def with_weights(graph: fg.FloatGraph, fits: dict[str, Fit]) -> fg.FloatGraph:
    """The graph with the real values of quantised weights."""
    return graph.with_layers(
        tuple(
            _dequantised(layer, fits[layer.name]) if isinstance(layer, fg.Conv | fg.Dense) else layer
            for layer in graph.layers
        )
    )


def _dequantised(layer: fg.Conv | fg.Dense, fit: Fit) -> fg.Layer:
    rows, channels, height, width = layer.weight.shape
    taps = (fit.integers * fit.scales[:, None]).reshape(rows, height, width, channels)
    return replace(layer, weight=taps.transpose(0, 3, 1, 2), bias=fit.bias)


def _run_one(graph: fg.FloatGraph, layer: fg.Layer, values: dict[str, Floats]) -> Floats:
    """The output of one layer, (n, height, width, channels)."""
    whole = np.zeros(1, np.int64)
    alone = replace(
        graph,
        inputs=tuple(fg.GraphInput(x, x, graph.shapes[x], "float32", whole) for x in dict.fromkeys(layer.inputs)),
        outputs=(fg.GraphOutput(layer.name, layer.name, graph.shapes[layer.name], whole),),
        layers=(layer,),
    )
    found = FloatReference(alone).run({name: values[name].transpose(0, 3, 1, 2) for name in layer.inputs})
    return found[layer.name].transpose(0, 2, 3, 1)


def _compare(data: Calibration, graph: fg.FloatGraph) -> tuple[SignalToNoise, dict[str, float | None]]:
    """Errors of every tensor of `graph` against the float network, and agreement of its outputs."""
    reference, ratio = FloatReference(graph), SignalToNoise()
    inputs = [port.tensor for port in graph.inputs]
    agreed, positions = dict.fromkeys(data.judged, 0), dict.fromkeys(data.judged, 0)
    for reals in data.batches(data.tensors):
        batch = {name: reals[name].transpose(0, 3, 1, 2) for name in inputs}
        got = {name: x.transpose(0, 2, 3, 1) for name, x in reference.run(batch, data.tensors).items()}
        for name in data.tensors:
            ratio.update(name, reals[name], got[name])
        for name in data.judged:
            same = reals[name].argmax(3) == got[name].argmax(3)
            agreed[name] += int(same.sum())
            positions[name] += same.size
    several = [name for name in data.judged if graph.shapes[name][0] > 1]
    return ratio, {name: agreed[name] / positions[name] if name in several else None for name in data.judged}
