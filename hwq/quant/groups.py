"""Groups of tensors whose channels can be multiplied together, and the float network after it.

A channel may be multiplied by any positive number when its consumers divide by it: clips at zero, maxima and sums of
equally scaled tensors do not mind (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", ICCV 2019, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwq.frontend import graph as fg

Array = NDArray[np.float64]
JOINED = (fg.Add, fg.Activation, fg.AvgPool, fg.MaxPool, fg.Pad, fg.PRelu)
"""Layers whose channels may have any positive factor if those of their inputs have the same."""
SCALED = (fg.Conv, fg.Dense)
"""Layers whose weights take any factor."""
Factors = dict[str, Array]
"""The factor of each channel of each tensor."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tensors that have the same factors, as additions, pools and padding join them."""

    tensors: tuple[str, ...]
    port: bool
    """The interface of the model is among them: one factor for all channels."""
    fixed: bool = False
    """A layer is among their readers or makers that would compute something else: no factor but 1."""


def groups(graph: fg.FloatGraph) -> list[Group]:
    """All groups, in the order of their first tensors; indices are in none."""
    member: dict[str, list[str]] = {name: [name] for name in graph.shapes}
    for layer in graph.layers:
        if isinstance(layer, JOINED):
            for name in layer.inputs:
                if member[name] is not member[layer.name]:
                    member[name].extend(member[layer.name])
                    for moved in member[layer.name]:
                        member[moved] = member[name]
    ports = {port.tensor for port in graph.inputs} | {port.tensor for port in graph.outputs}
    ports |= {layer.inputs[0] for layer in graph.layers if isinstance(layer, fg.ArgMax | fg.TopK)}
    ports |= {layer.name for layer in graph.layers if isinstance(layer, fg.Pad) and layer.value != 0.0}
    indices = {layer.name for layer in graph.layers if isinstance(layer, fg.ArgMax | fg.TopK)}
    others = (layer for layer in graph.layers if not isinstance(layer, (*JOINED, *SCALED, fg.ArgMax, fg.TopK)))
    fixed = {name for layer in others for name in (*layer.inputs, layer.name)}
    unique = {id(names): names for names in member.values() if not indices & set(names)}
    return [Group(tuple(names), bool(ports & set(names)), bool(fixed & set(names))) for names in unique.values()]


def scaled(graph: fg.FloatGraph, factors: Factors) -> fg.FloatGraph:
    """The graph in which channel c of tensor t is ``factors[t][c]`` times what it was."""
    return graph.with_layers(tuple(_scaled(layer, factors) for layer in graph.layers))


def _scaled(layer: fg.Layer, factors: Factors) -> fg.Layer:
    if isinstance(layer, fg.ArgMax | fg.TopK):
        return layer
    out = factors[layer.name]
    if isinstance(layer, fg.Conv | fg.Dense):
        weight = by_input(layer, factors) * out[:, None, None, None]
        return replace(layer, weight=weight, bias=layer.bias * out, clip=layer.clip.times(out))
    if isinstance(layer, fg.Add | fg.Activation):
        return replace(layer, clip=layer.clip.times(out))
    return replace(layer, value=layer.value * float(out[0])) if isinstance(layer, fg.Pad) else layer


def by_input(layer: fg.Conv | fg.Dense, factors: Factors) -> Array:
    """Weights (M, C/groups, KH, KW) for an input whose channels were multiplied."""
    divided: Array = layer.weight / fg.by_weight(layer, factors[layer.inputs[0]])
    return divided
