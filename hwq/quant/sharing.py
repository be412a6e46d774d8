"""Sharing: tensors that have one format, because what joins or moves them does not requantise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hwq.frontend import graph as fg
from hwq.ir.names import sanitize

KEEPS = (fg.MaxPool, fg.Pad, fg.Gather)
"""Layers whose output has the format of their input."""
JOINS = (fg.Concat, fg.Extremum)
"""Layers whose inputs and output have one format."""
FIXED = (fg.ArgMax, fg.TopK, fg.Softmax, fg.Recurrent)
"""Layers that know the format of their output without having seen it."""

Groups = Mapping[str, tuple[str, ...]]
"""Of each tensor all that have its format, in network order, itself among them."""


def keeps_format(layer: fg.Layer) -> bool:
    """True for layers whose output has the format of their inputs."""
    return isinstance(layer, KEEPS + JOINS)


def groups_of(graph: fg.FloatGraph) -> Groups:
    """Which tensors share a format."""
    found: dict[str, list[str]] = {name: [name] for name in graph.shapes}
    for layer in graph.layers:
        if keeps_format(layer):
            for name in layer.inputs:
                if found[name] is not found[layer.name]:
                    joined = found[name] + found[layer.name]
                    for member in joined:
                        found[member] = joined
    order = {name: number for number, name in enumerate(_order(graph))}
    return {name: tuple(sorted(members, key=lambda member: order[member])) for name, members in found.items()}


def _order(graph: fg.FloatGraph) -> list[str]:
    return [port.tensor for port in graph.inputs] + [layer.name for layer in graph.layers]


def with_rescales(graph: fg.FloatGraph) -> fg.FloatGraph:
    """The graph in which every input of a join can have the join's format.

    Inputs of the model, whose format is the host's, and what `FIXED` layers make go through a layer that requantises.
    """
    makers = {layer.name: layer for layer in graph.layers}
    shapes = dict(graph.shapes)
    layers: list[fg.Layer] = []
    made: dict[str, str] = {}

    def source(name: str) -> fg.Layer | None:
        layer = makers.get(name)
        return source(layer.inputs[0]) if isinstance(layer, KEEPS) else layer

    for layer in graph.layers:
        if isinstance(layer, JOINS):
            for name in layer.inputs:
                maker = source(name)
                if name not in made and (maker is None or isinstance(maker, FIXED)):
                    made[name] = sanitize(f"{name}_rescaled", shapes)
                    shapes[made[name]] = shapes[name]
                    layers.append(fg.Activation(name=made[name], inputs=(name,), source=layer.source, clip=fg.Clip()))
            layer = replace(layer, inputs=tuple(made.get(name, name) for name in layer.inputs))
        layers.append(layer)
    return graph.with_layers(tuple(layers), shapes) if made else graph
