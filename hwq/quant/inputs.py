"""Formats of the model's inputs: chosen by what their error does to the network's outputs.

Features that differ much in size but not in weight (the first cepstral coefficient against the others) make the
error of the input tensor itself a poor guide: the best scale may clip the largest values.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from hwq.arith import int_range
from hwq.frontend.graph import FloatGraph
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
    outputs = [port.tensor for port in graph.outputs]
    zero_point = config.zero_points is not ZeroPoints.NONE
    if config.range is not RangeMethod.MSE:
        return {
            port.tensor: activation_format(seen[port.tensor], config.act_bits, config, zero_point)
            for port in graph.inputs
        }
    exact = reference.run(samples, outputs)

    def judge(tensor: str, form: Format, signed: bool) -> float:
        low, high = int_range(config.act_bits, signed)
        steps = np.floor(samples[tensor] / form.scale + 0.5) + form.zero_point
        rounded = (np.clip(steps, low, high) - form.zero_point) * form.scale
        got = reference.run({**samples, tensor: rounded.astype(np.float32)}, outputs)
        return sum(float(((got[name] - exact[name]).astype(np.float64) ** 2).sum()) for name in outputs)

    return {
        port.tensor: activation_format(
            seen[port.tensor], config.act_bits, config, zero_point, partial(judge, port.tensor)
        )
        for port in graph.inputs
    }
