"""Merge activations with each other, and into the layer that makes their input."""

from __future__ import annotations

from dataclasses import replace

from hwq.frontend.graph import Activation, Add, Conv, Dense, FloatGraph
from hwq.passes.rewrite import has_one_use, maker, replaced


def merge_activations(graph: FloatGraph) -> FloatGraph:
    """Merge an activation into the one before it when nothing else reads that one."""
    for layer in graph.layers:
        before = maker(graph, layer)
        if isinstance(layer, Activation) and isinstance(before, Activation) and has_one_use(graph, before.name):
            merged = replace(layer, inputs=before.inputs, clip=before.clip.then(layer.clip))
            graph = replaced(graph, {before.name: None, layer.name: merged})
    return graph


def fuse_activation(graph: FloatGraph) -> FloatGraph:
    """Put an activation into the Conv, Dense or Add before it when nothing else reads that layer.

    The fused layer takes the activation's name, because its tensor is the activation's.
    """
    for layer in graph.layers:
        before = maker(graph, layer)
        if isinstance(layer, Activation) and isinstance(before, Conv | Dense | Add) and has_one_use(graph, before.name):
            fused = replace(before, name=layer.name, clip=before.clip.then(layer.clip))
            graph = replaced(graph, {before.name: fused, layer.name: None})
    return graph
