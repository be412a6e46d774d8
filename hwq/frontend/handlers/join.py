"""Concat: tensors one behind the other, in an order of axes that most of them have already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hwq.frontend.graph import Concat, Layer
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Value, canonical_layout, count_up

T = TypeVar("T", bound=np.generic)

_SLOTS: dict[int, list[tuple[int, ...]]] = {1: [(0,)], 2: [(0, 2), (2, 0)], 3: [(0, 1, 2), (1, 2, 0)]}
"""For tensors of each rank the ways to lay their axes into (C, H, W), the natural one first."""


def concat(node: Node, state: State) -> None:
    """Import a Concat node of tensors and constants."""
    names = [name for name in node.inputs if name]
    values = [state.data(node, n) for n in range(len(names)) if not state.is_constant(node, n)]
    rank = len(values[0].shape)
    axis = node.integer("axis", 1)
    axis = (axis + rank + 1 if axis < 0 else axis) - 1
    if rank not in _SLOTS or any(len(value.shape) != rank for value in values) or not 0 <= axis < rank:
        raise Refusal(
            f"inputs without batch are {[value.shape for value in values]} and axis {axis + 1}, expected one to three "
            "axes each, joined along another one than the batch. Reshape them"
        )
    slots = max(_SLOTS[rank], key=lambda ways: sum(_fits(value, ways) for value in values))
    shapes = {value.shape[:axis] + value.shape[axis + 1 :] for value in values}
    if len(shapes) > 1:
        raise Refusal(f"inputs without batch are {[v.shape for v in values]}, expected equal sizes but for the axis")
    parts = [_part(node, state, position, slots, values[0].shape, axis) for position in range(len(names))]
    tensors, sizes = tuple(tensor for tensor, _ in parts), [size for _, size in parts]
    shape = list(values[0].shape)
    shape[axis] = sum(sizes)
    made = _laid(count_up(shape), slots)
    index = np.empty(made.size, np.int64)
    index[made.ravel()] = np.arange(made.size)

    def build(name: str) -> Layer:
        return Concat(name=name, inputs=tensors, source=node.label, axis=slots[axis])

    layout = canonical_layout((made.shape[0], made.shape[1], made.shape[2]))
    state.add_layer(node, layout, index.reshape(shape), build)


def _part(
    node: Node, state: State, position: int, slots: Sequence[int], like: tuple[int, ...], axis: int
) -> tuple[str, int]:
    """The tensor of an input in the order of `slots`, and its size along the axis."""
    if state.is_constant(node, position):
        values = state.weights(node, position, "constant")
        if values.ndim != len(like) + 1 or values.shape[0] != 1:
            raise Refusal(f"constant of shape {values.shape}, expected as many axes as {like} and a batch of 1")
        sizes = (*values.shape[1 : axis + 1], *values.shape[axis + 2 :])
        if sizes != like[:axis] + like[axis + 1 :]:
            raise Refusal(f"constant of shape {values.shape} does not fit inputs of {like} without batch")
        return state.constant_layer(node, f"part{position}", _laid(values[0], slots)).tensor, values.shape[axis + 1]
    value = state.data(node, position)
    return state.arranged(node, value, _laid(value.index, slots)), value.shape[axis]


def _laid(array: NDArray[T], slots: Sequence[int]) -> NDArray[T]:
    """`array` as (C, H, W), each axis in its slot."""
    order = np.argsort(slots, kind="stable")
    shape = [1, 1, 1]
    for axis, slot in enumerate(slots):
        shape[slot] = array.shape[axis]
    return array.transpose(order).reshape(shape)


def _fits(value: Value, slots: Sequence[int]) -> bool:
    """Whether a value lies so already; one that is open does not care."""
    if value.layout.position is None:
        return False
    return value.layout.takes(_laid(value.index, slots))
