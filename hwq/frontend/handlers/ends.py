"""Softmax, which the host computes at the end of a model, and operators that stand at its end: ArgMax, TopK."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwq.frontend.graph import ArgMax, Layer, Softmax, TopK
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Value, by_channel, canonical_layout, count_up

MOST_BEST = 16
"""Largest K of a TopK."""


def softmax(node: Node, state: State) -> None:
    """Leave a final Softmax or LogSoftmax to the host, import another Softmax; before operator set 13 it flattens."""
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
    if node.outputs[0] not in state.terminal:
        _inner_softmax(node, state, value, axis - 1)
        return
    done = replace(value, end=node.op, host_ops=(f"{node.op}(axis={axis})",))
    state.values[node.outputs[0]] = done


def _inner_softmax(node: Node, state: State, value: Value, axis: int) -> None:
    if node.op != "Softmax":
        raise Refusal("it is read by other operators, expected it at the end. Use Softmax there")
    source, order = state.arranged(node, value, by_channel(value, axis)), by_channel(value, axis)

    def build(name: str) -> Layer:
        return Softmax(name=name, inputs=(source,), source=node.label)

    shape = (order.shape[0], order.shape[1], order.shape[2])
    rest = value.shape[:axis] + value.shape[axis + 1 :]
    index = np.moveaxis(count_up((value.shape[axis], *rest)), 0, axis)
    state.add_layer(node, canonical_layout(shape), index, build)


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
    source, shape = _searched(node, state, value, axis - 1)

    def build(name: str) -> Layer:
        return ArgMax(name=name, inputs=(source,), source=node.label)

    index = count_up(value.shape[: axis - 1] + value.shape[axis:])
    if node.integer("keepdims", 1):
        index = np.expand_dims(index, axis - 1)
    state.add_layer(node, canonical_layout((1, shape[1], shape[2])), index, build, end="ArgMax")


def _searched(node: Node, state: State, value: Value, axis: int) -> tuple[str, tuple[int, ...]]:
    order = by_channel(value, axis)
    return state.arranged(node, value, order), order.shape


def topk(node: Node, state: State) -> None:
    """Import a final TopK of which the indices are used."""
    value = state.data(node)
    rank = len(value.shape) + 1
    axis = node.integer("axis", -1)
    axis += rank if axis < 0 else 0
    if not 1 <= axis < rank or not node.integer("largest", 1) or not node.integer("sorted", 1):
        raise Refusal(f"axis is {axis}, expected one of 1 to {rank - 1}, the largest elements, sorted")
    given = np.ravel(np.asarray(state.constant(node, 1, "K"), np.int64))
    count = int(given[0]) if given.size == 1 else 0
    if not 1 <= count <= min(MOST_BEST, value.shape[axis - 1]):
        raise Refusal(f"K is {count}, expected 1 to {min(MOST_BEST, value.shape[axis - 1])}")
    source, shape = _searched(node, state, value, axis - 1)

    def build(name: str) -> Layer:
        return TopK(name=name, inputs=(source,), source=node.label, k=count)

    made = state.inner_layer(node, "index", (count, shape[1], shape[2]), build)
    index = np.moveaxis(count_up((count, *value.shape[: axis - 1], *value.shape[axis:])), 0, axis - 1)
    state.values[node.outputs[1]] = replace(made, index=index, end="TopK")
