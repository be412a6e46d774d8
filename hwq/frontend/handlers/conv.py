"""Conv in one and two dimensions, with any number of groups."""

from __future__ import annotations

import numpy as np

from hwq.frontend.graph import Conv, Layer
from hwq.frontend.handlers import spatial
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State


def conv(node: Node, state: State) -> None:
    """Import a Conv node."""
    source, shape = state.image(node)
    weight = state.weights(node, 1, "weight")
    dims = len(state.data(node).shape) - 1
    if weight.ndim != dims + 2:
        raise Refusal(f"weight has the shape {weight.shape}, expected {dims + 2} axes as the input has")
    groups = node.integer("group", 1)
    channels, filters = shape[0], weight.shape[0]
    if groups < 1 or channels % groups or filters % groups:
        raise Refusal(f"group is {groups}, expected a number that divides {channels} channels and {filters} filters")
    if weight.shape[1] * groups != channels:
        raise Refusal(f"weight {weight.shape} with group {groups} does not fit {channels} input channels")
    bias = np.zeros(filters)
    if node.has_input(2):
        bias = state.weights(node, 2, "bias")
        if bias.shape != (filters,):
            raise Refusal(f"bias has the shape {bias.shape}, expected ({filters},)")
    window = spatial.read(node, shape, weight.shape[2:], dims)
    height, width = window.output(shape)

    def build(name: str) -> Layer:
        return Conv(
            name=name,
            inputs=(source,),
            source=node.label,
            weight=weight.reshape(filters, weight.shape[1], *window.kernel),
            bias=bias,
            stride=window.stride,
            dilation=window.dilation,
            pads=window.pads,
            groups=groups,
        )

    state.add_image(node, (filters, height, width), build)
