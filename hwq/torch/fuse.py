"""Fusing: batch normalisations and activations become part of the layer before them, as in the hardware."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from hwq.errors import refuse_all
from hwq.torch import graph as tg


def fuse(graph: tg.Graph) -> tg.Graph:
    """The graph with as few nodes as possible; what is left of normalisations is a depthwise convolution.

    Raises
    ------
    BadInput
        When a normalisation of vectors follows no linear layer.
    """
    made: dict[str, tg.Node] = {}
    renamed: dict[str, str] = {}
    refusals: list[str] = []
    for node in graph.nodes:
        source = made.get(renamed.get(node.inputs[0], node.inputs[0])) if node.inputs else None
        alone = bool(node.inputs) and len(graph.readers(node.inputs[0])) == 1 and not graph.leaves(node.inputs[0])
        if alone and source is not None and _taken_in(source, node):
            renamed[node.name] = source.name
            continue
        node.inputs = tuple(renamed.get(name, name) for name in node.inputs)
        if isinstance(node, tg.NormNode):
            if len(node.shape) != 3:
                refusals.append(
                    f"{node.name} (batch normalisation){node.where}: follows no linear layer, or is not its only "
                    "reader. Expected images, or a linear layer before it."
                )
            node = _as_convolution(node)
        made[node.name] = node
    refuse_all(refusals)
    outputs = [(name, renamed.get(tensor, tensor)) for name, tensor in graph.outputs]
    names = [(tensor if name == before else name, tensor) for (name, tensor), (_, before)
             in zip(outputs, graph.outputs, strict=True)]  # fmt: skip
    return replace(graph, nodes=list(made.values()), outputs=names)


def _taken_in(source: tg.Node, node: tg.Node) -> bool:
    """Make `node` part of `source`, its only input, where the hardware can; False where it cannot."""
    if isinstance(node, tg.NormNode) and isinstance(source, tg.AffineNode):
        if source.norm is not None or not source.clip.is_identity:
            return False
        source.norm = node.norm
        return True
    if isinstance(node, tg.ClipNode) and isinstance(source, tg.AffineNode | tg.AddNode | tg.AvgPoolNode | tg.ClipNode):
        source.clip = source.clip.then(node.clip)
        return True
    return False


def _as_convolution(node: tg.NormNode) -> tg.AffineNode:
    """A normalisation alone: a convolution by 1, which is not trained, with one kernel for each channel."""
    channels = node.norm.num_features
    weight = nn.Parameter(torch.ones(channels, 1, 1, 1), requires_grad=False)
    return tg.AffineNode(
        name=node.name, inputs=node.inputs, shape=node.shape, where=node.where, weight=weight, bias=None,
        groups=channels, norm=node.norm,
    )  # fmt: skip
