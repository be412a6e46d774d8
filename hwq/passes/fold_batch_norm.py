"""Fold y = x * scale + shift into the weights of a neighbour; what is left becomes a depthwise 1x1 Conv."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwq.frontend.graph import BatchNorm, Conv, Dense, FloatArray, FloatGraph, Layer, MatMul, by_weight
from hwq.passes.rewrite import has_one_use, maker, replaced


def merge_batch_norms(graph: FloatGraph) -> FloatGraph:
    """Merge a BatchNorm into the one before it when nothing else reads that one."""
    for layer in graph.layers:
        before = maker(graph, layer)
        if isinstance(layer, BatchNorm) and isinstance(before, BatchNorm) and has_one_use(graph, before.name):
            scale, shift = before.scale * layer.scale, before.shift * layer.scale + layer.shift
            merged = replace(layer, inputs=before.inputs, scale=scale, shift=shift)
            graph = replaced(graph, {before.name: None, layer.name: merged})
    return graph


def fold_into_producer(graph: FloatGraph) -> FloatGraph:
    """Fold a BatchNorm into the Conv or Dense before it when that has no clip and no other reader.

    A MatMul takes a factor above zero that all channels share.
    """
    for layer in graph.layers:
        before = maker(graph, layer)
        if (
            isinstance(layer, BatchNorm)
            and isinstance(before, Conv | Dense)
            and before.clip.is_identity
            and has_one_use(graph, before.name)
        ):
            folded = replace(
                before,
                name=layer.name,
                weight=before.weight * layer.scale.reshape(-1, 1, 1, 1),
                bias=before.bias * layer.scale + layer.shift,
            )
            graph = replaced(graph, {before.name: folded, layer.name: None})
        elif (
            isinstance(layer, BatchNorm)
            and isinstance(before, MatMul)
            and _is_factor(layer)
            and has_one_use(graph, before.name)
        ):
            scaled = replace(before, name=layer.name, scale=before.scale * float(layer.scale[0]))
            graph = replaced(graph, {before.name: scaled, layer.name: None})
    return graph


def _is_factor(layer: BatchNorm) -> bool:
    return not layer.shift.any() and bool((layer.scale == layer.scale[0]).all()) and layer.scale[0] > 0


def fold_into_consumers(graph: FloatGraph) -> FloatGraph:
    """Fold a BatchNorm into every Conv and Dense that reads it, when these are all its readers.

    A Conv with padding can take a scale only: its border is zero, not `shift`.
    """
    for layer in graph.layers:
        if not isinstance(layer, BatchNorm) or graph.is_output(layer.name):
            continue
        readers = graph.consumers(layer.name)
        if readers and all(_takes(reader, layer.shift) for reader in readers):
            changes: dict[str, Layer | None] = {reader.name: _absorbed(reader, layer) for reader in readers}
            graph = replaced(graph, {layer.name: None} | changes)
    return graph


def _takes(reader: Layer, shift: FloatArray) -> bool:
    if isinstance(reader, Conv):
        return not any(reader.pads) or not shift.any()
    return isinstance(reader, Dense)


def _absorbed(reader: Layer, layer: BatchNorm) -> Layer:
    assert isinstance(reader, Conv | Dense)
    shift = (reader.weight * by_weight(reader, layer.shift)).sum(axis=(1, 2, 3))
    weight = reader.weight * by_weight(reader, layer.scale)
    return replace(reader, inputs=layer.inputs, weight=weight, bias=reader.bias + shift)


def batch_norm_to_conv(graph: FloatGraph) -> FloatGraph:
    """Turn every BatchNorm into a depthwise 1x1 Conv."""
    changes: dict[str, Layer | None] = {}
    for layer in graph.layers:
        if isinstance(layer, BatchNorm):
            changes[layer.name] = Conv(
                name=layer.name,
                inputs=layer.inputs,
                source=layer.source,
                weight=np.ascontiguousarray(layer.scale.reshape(-1, 1, 1, 1)),
                bias=layer.shift,
                groups=layer.scale.size,
            )
    return replaced(graph, changes) if changes else graph
