"""Merge an average over one axis and an average over the other into one."""

from __future__ import annotations

from dataclasses import replace

from hwq.frontend.graph import AvgPool, FloatGraph
from hwq.passes.rewrite import has_one_use, maker, replaced


def merge_averages(graph: FloatGraph) -> FloatGraph:
    """Merge two consecutive AvgPool layers of which each leaves the other's axis alone."""
    for layer in graph.layers:
        before = maker(graph, layer)
        if (
            isinstance(layer, AvgPool)
            and isinstance(before, AvgPool)
            and has_one_use(graph, before.name)
            and not any(layer.pads + before.pads)
            and _separate(before, layer)
        ):
            merged = replace(
                layer,
                inputs=before.inputs,
                kernel=(before.kernel[0] * layer.kernel[0], before.kernel[1] * layer.kernel[1]),
                stride=(before.stride[0] * layer.stride[0], before.stride[1] * layer.stride[1]),
            )
            graph = replaced(graph, {before.name: None, layer.name: merged})
    return graph


def _separate(first: AvgPool, second: AvgPool) -> bool:
    return all(
        (first.kernel[axis], first.stride[axis]) == (1, 1) or (second.kernel[axis], second.stride[axis]) == (1, 1)
        for axis in range(2)
    )
