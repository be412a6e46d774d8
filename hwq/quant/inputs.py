"""Formats of the model's inputs: chosen by what their error does to the network's outputs.

Features that differ much in size but not in weight (the first cepstral coefficient against the others) make the
error of the input tensor itself a poor guide: the best scale may clip the largest values.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from hwq.arith import int_range, quantise
from hwq.frontend.graph import ArgMax, FloatGraph, GraphInput
from hwq.frontend.reference import FloatReference
from hwq.ir.types import Format
from hwq.quant.config import QuantConfig, RangeMethod, ZeroPoints
from hwq.quant.observers import Observation
from hwq.quant.ranges import activation_format


def input_formats(
    graph: FloatGraph,
    reference: FloatReference,
    samples: dict[str, NDArray[np.floating]],
    seen: dict[str, Observation],
    config: QuantConfig,
) -> dict[str, tuple[Format, bool]]:
    """Format and signedness of each input tensor; the float network judges them when ranges are sought by MSE."""
    formats = {
        port.tensor: partial(
            activation_format, seen[port.tensor], config.act_bits, config, _zero_point(graph, port, config)
        )
        for port in graph.inputs
    }
    if config.range is not RangeMethod.MSE:
        return {name: choose() for name, choose in formats.items()}
    outputs = [_judged(graph, port.tensor) for port in graph.outputs]
    exact = reference.run(samples, outputs)

    def judge(tensor: str, form: Format, signed: bool) -> float:
        levels = int_range(config.act_bits, signed)
        rounded = form.dequantise(quantise(samples[tensor].astype(np.float64), form.scale, form.zero_point, *levels))
        got = reference.run({**samples, tensor: rounded.astype(np.float32)}, outputs)
        return sum(float(((got[name] - exact[name]).astype(np.float64) ** 2).sum()) for name in outputs)

    return {name: choose(partial(judge, name)) for name, choose in formats.items()}


def _zero_point(graph: FloatGraph, port: GraphInput, config: QuantConfig) -> bool:
    return config.zero_points is not ZeroPoints.NONE and not graph.shares_format_with_output(port.tensor)


def _judged(graph: FloatGraph, output: str) -> str:
    """The tensor whose error counts: of an index, the values that it was chosen from."""
    makers = {layer.name: layer for layer in graph.layers}
    return makers[output].inputs[0] if isinstance(makers.get(output), ArgMax) else output
