"""Remove layers on which no output depends."""

from __future__ import annotations

from hwq.frontend.graph import FloatGraph


def dead_code(graph: FloatGraph) -> FloatGraph:
    """The graph without dead layers, and `shapes` without the tensors that no longer exist."""
    live = {out.tensor for out in graph.outputs}
    for layer in reversed(graph.layers):
        if layer.name in live:
            live.update(layer.inputs)
    kept = tuple(layer for layer in graph.layers if layer.name in live)
    names = live | {item.tensor for item in graph.inputs}
    if len(kept) == len(graph.layers) and names == graph.shapes.keys():
        return graph
    return graph.with_layers(kept, {name: shape for name, shape in graph.shapes.items() if name in names})
