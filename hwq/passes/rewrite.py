"""What passes have in common: look up layers, and replace some of them."""

from __future__ import annotations

from collections.abc import Mapping

from hwq.frontend.graph import FloatGraph, Layer


def producers(graph: FloatGraph) -> dict[str, Layer]:
    """The layer that makes each tensor; inputs have none."""
    return {layer.name: layer for layer in graph.layers}


def maker(graph: FloatGraph, layer: Layer) -> Layer | None:
    """The layer that makes the first input of `layer`, if there is one."""
    return producers(graph).get(layer.inputs[0]) if layer.inputs else None


def has_one_use(graph: FloatGraph, tensor: str) -> bool:
    """True when exactly one layer reads `tensor`, once, and it is no output of the model."""
    uses = sum(layer.inputs.count(tensor) for layer in graph.layers)
    return uses == 1 and not graph.is_output(tensor)


def replaced(graph: FloatGraph, changes: Mapping[str, Layer | None]) -> FloatGraph:
    """The graph with the named layers replaced in place, or removed where the new layer is None."""
    layers = (changes.get(layer.name, layer) for layer in graph.layers)
    return graph.with_layers(tuple(layer for layer in layers if layer is not None))
