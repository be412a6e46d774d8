"""Fusing: batch normalisations and activations become part of the layer before them, as in the hardware."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from hwq.errors import refuse_all
from hwq.torch.graph import AddNode, AffineNode, AvgPoolNode, ClipNode, Graph, Node, NormNode


def fuse(graph: Graph) -> Graph:
    """The graph with as few nodes as possible; what is left of normalisations is a depthwise convolution.

    Raises
    ------
    BadInput
        When a normalisation of vectors follows no linear layer.
    """
    made: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    refusals: list[str] = []
    for node in graph.nodes:
        source = made.get(renamed.get(node.inputs[0], node.inputs[0])) if node.inputs else None
        alone = bool(node.inputs) and len(graph.readers(node.inputs[0])) == 1 and not graph.leaves(node.inputs[0])
        if alone and source is not None and _taken_in(source, node):
            renamed[node.name] = source.name
            continue
        node.inputs = tuple(renamed.get(name, name) for name in node.inputs)
        if isinstance(node, NormNode):
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


def _taken_in(source: Node, node: Node) -> bool:
    """Make `node` part of `source`, its only input, where the hardware can; False where it cannot."""
    if isinstance(node, NormNode) and isinstance(source, AffineNode):
        if source.norm is not None or not source.clip.is_identity:
            return False
        source.norm = node.norm
        return True
    if isinstance(node, ClipNode) and isinstance(source, AffineNode | AddNode | AvgPoolNode | ClipNode):
        source.clip = source.clip.then(node.clip)
        return True
    return False


def _as_convolution(node: NormNode) -> AffineNode:
    """A normalisation alone: a convolution by 1, which is not trained, with one kernel for each channel."""
    channels = node.norm.num_features
    weight = nn.Parameter(torch.ones(channels, 1, 1, 1), requires_grad=False)
    return AffineNode(
        name=node.name, inputs=node.inputs, shape=node.shape, where=node.where, weight=weight, bias=None,
        groups=channels, norm=node.norm,
    )  # fmt: skip
