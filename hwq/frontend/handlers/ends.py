"""Operators that are accepted only at the end of a model: Softmax, LogSoftmax, ArgMax."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwq.frontend.graph import ArgMax, Layer
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State, canonical_layout, count_up


def softmax(node: Node, state: State) -> None:
    """Leave a final Softmax or LogSoftmax to the host; before operator set 13 it flattens."""
    value = state.data(node)
    rank = len(value.shape) + 1
    axis = node.integer("axis", -1 if state.opset >= 13 else 1)
    axis += rank if axis < 0 else 0
    if not 1 <= axis < rank:
        raise Refusal(f"axis is {axis}, expected one of 1 to {rank - 1}. The batch axis cannot be reduced")
    if state.opset < 13:
        long = [other for other in range(axis, rank) if value.shape[other - 1] != 1]
        if len(long) > 1:
            raise Refusal(f"it runs over the axes {long}, expected one axis. Export with operator set 13 or later")
        axis = long[0] if long else axis
    done = replace(value, end=node.op, host_ops=(f"{node.op}(axis={axis})",))
    state.values[node.outputs[0]] = done


def argmax(node: Node, state: State) -> None:
    """Import a final ArgMax over channels; a Softmax before it changes nothing and is dropped."""
    value = state.any_data(node)
    if value.end == "ArgMax" or value.integer:
        raise Refusal(f"it follows {value.end or 'an integer input'}, expected float data")
    if node.integer("select_last_index", 0):
        raise Refusal("select_last_index is 1, expected 0 (the lowest index wins a tie)")
    rank = len(value.shape) + 1
    axis = node.integer("axis", 0)
    axis += rank if axis < 0 else 0
    if not 1 <= axis < rank:
        raise Refusal(f"axis is {axis}, expected one of 1 to {rank - 1}. The batch axis cannot be searched")
    if value.host_ops and value.host_ops != (f"{value.end}(axis={axis})",):
        raise Refusal(f"axis is {axis} after {value.host_ops[0]}, expected the same axis")
    moved = replace(value, index=np.moveaxis(value.index, axis - 1, 0))
    if len(value.shape) == 1:
        moved = replace(moved, index=moved.index.reshape(-1, 1, 1))
    shape = moved.image()
    index = count_up(moved.shape[1:] if len(value.shape) > 1 else ())
    if node.integer("keepdims", 1):
        index = np.expand_dims(index, axis - 1)

    def build(name: str) -> Layer:
        return ArgMax(name=name, inputs=(value.tensor,), source=node.label)

    state.add_layer(node, canonical_layout((1, shape[1], shape[2])), index, build, end="ArgMax")
