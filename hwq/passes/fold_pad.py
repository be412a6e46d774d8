"""Fold a zero border into the padding of the layers that read it."""

from __future__ import annotations

from dataclasses import replace

from hwq.frontend.graph import AvgPool, Conv, FloatGraph, Layer, Pad, Pads
from hwq.passes.rewrite import replaced


def fold_pad(graph: FloatGraph) -> FloatGraph:
    """Fold a Pad of zeros when only Conv and AvgPool read it; an AvgPool's padding stays below its kernel."""
    for layer in graph.layers:
        if not isinstance(layer, Pad) or layer.value != 0.0 or graph.is_output(layer.name):
            continue
        readers = graph.consumers(layer.name)
        if readers and all(_takes(reader, layer.pads) for reader in readers):
            changes: dict[str, Layer | None] = {reader.name: _padded(reader, layer) for reader in readers}
            graph = replaced(graph, {layer.name: None} | changes)
    return graph


def _takes(reader: Layer, pads: Pads) -> bool:
    if isinstance(reader, AvgPool):
        return all(pad < size for pad, size in zip(_sum(reader.pads, pads), reader.kernel * 2, strict=True))
    return isinstance(reader, Conv)


def _padded(reader: Layer, pad: Pad) -> Layer:
    assert isinstance(reader, Conv | AvgPool)
    return replace(reader, inputs=pad.inputs, pads=_sum(reader.pads, pad.pads))


def _sum(first: Pads, second: Pads) -> Pads:
    top, left, bottom, right = (a + b for a, b in zip(first, second, strict=True))
    return (top, left, bottom, right)
