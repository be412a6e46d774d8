"""Operators that move or pass on elements and compute nothing, and Pad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto

from hwq.frontend.graph import Layer, Pad
from hwq.frontend.node import Node, Refusal, type_name
from hwq.frontend.state import Index, State, Value

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def _relabel(node: Node, state: State, value: Value, with_batch: Index) -> None:
    """Accept `with_batch`, the rearranged element numbers with a leading batch axis of 1."""
    if with_batch.ndim == 0 or with_batch.shape[0] != 1:
        raise Refusal(f"one sample becomes {with_batch.shape}, expected the batch to stay the first axis. Re-export")
    if value.host_ops and with_batch.shape[1:] != value.shape:
        raise Refusal(f"it follows {value.end}, expected {value.end} to be the last operator. Cut the model there")
    state.relabel(node, value, with_batch[0])


def passed(node: Node, state: State) -> None:
    """Import Identity or Dropout, which do nothing at inference."""
    if node.op == "Dropout" and node.has_input(2) and np.asarray(state.constant(node, 2, "training_mode")).any():
        raise Refusal("training_mode is on, expected off. Export the model in evaluation mode")
    value = state.any_data(node)
    state.relabel(node, value, value.index)


def cast(node: Node, state: State) -> None:
    """Import a Cast to a float type; after ArgMax any type will do."""
    value = state.any_data(node)
    target = node.integer("to", 0)
    if value.end != "ArgMax":
        if target not in _FLOATS:
            raise Refusal(f"casts to {type_name(target)}, expected a float type. Remove the Cast")
        value = replace(value, integer=False)
    state.relabel(node, value, value.index)


def flatten(node: Node, state: State) -> None:
    """Import a Flatten node."""
    value = state.any_data(node)
    rank = len(value.shape) + 1
    axis = node.integer("axis", 1)
    axis += rank if axis < 0 else 0
    if axis < 1 or any(size != 1 for size in value.shape[: axis - 1]):
        raise Refusal(f"axis is {axis}, expected 1. It would mix the batch with data")
    _relabel(node, state, value, value.index.reshape(1, -1))


def reshape(node: Node, state: State) -> None:
    """Import a Reshape node with a constant shape."""
    value = state.any_data(node)
    target = [int(item) for item in np.ravel(np.asarray(state.constant(node, 1, "shape"), np.int64))]
    source = (1, *value.shape)
    if not node.integer("allowzero", 0):
        target = [source[i] if size == 0 and i < len(source) else size for i, size in enumerate(target)]
    if state.batch is not None and target and target[0] == state.batch:
        target[0] = 1
    try:
        result = value.index.reshape(target)
    except ValueError:
        raise Refusal(f"shape {target} does not fit the input {source}. Re-export with a free batch size") from None
    _relabel(node, state, value, result)


def transpose(node: Node, state: State) -> None:
    """Import a Transpose node that leaves the batch first."""
    value = state.any_data(node)
    rank = len(value.shape) + 1
    order = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)) or order[0] != 0:
        raise Refusal(f"perm is {order}, expected a permutation that leaves the batch axis 0 first")
    _relabel(node, state, value, value.index[None].transpose(order))


def squeeze(node: Node, state: State) -> None:
    """Import a Squeeze node."""
    value = state.any_data(node)
    axes = state.settings(node, "axes", 1)
    if axes is None:
        raise Refusal("axes are not given, expected a list without the batch axis. Give the axes")
    _relabel(node, state, value, _new_axes(node, value.index[None], axes))


def unsqueeze(node: Node, state: State) -> None:
    """Import an Unsqueeze node."""
    value = state.any_data(node)
    _relabel(node, state, value, _new_axes(node, value.index[None], state.settings(node, "axes", 1) or ()))


def _new_axes(node: Node, array: Index, axes: Sequence[int]) -> Index:
    rank = array.ndim + (len(axes) if node.op == "Unsqueeze" else 0)
    if 0 in [axis + rank if axis < 0 else axis for axis in axes]:
        raise Refusal(f"axes are {tuple(axes)}, expected the batch axis 0 to stay where it is")
    try:
        change = np.expand_dims if node.op == "Unsqueeze" else np.squeeze
        return np.asarray(change(array, tuple(axes)))
    except ValueError:
        raise Refusal(f"axes are {tuple(axes)}, which do not fit the shape {array.shape}") from None


def pad(node: Node, state: State) -> None:
    """Import a Pad node with a constant border around height and width."""
    value = state.data(node)
    mode = node.text("mode", "constant")
    if mode != "constant":
        raise Refusal(f"mode is {mode!r}, expected 'constant'. Retrain with zero padding")
    rank = len(value.shape) + 1
    amounts = state.settings(node, "pads", 1) or ()
    if node.has_input(3):
        axes = [int(axis) % rank for axis in np.ravel(state.weights(node, 3, "axes"))]
    else:
        axes = list(range(rank))
    if len(amounts) != 2 * len(axes):
        raise Refusal(f"pads are {amounts}, expected two numbers for each of the {len(axes)} axes")
    before, after = [0] * rank, [0] * rank
    for position, axis in enumerate(axes):
        before[axis], after[axis] = amounts[position], amounts[position + len(axes)]
    if not any(before) and not any(after):
        state.relabel(node, value, value.index)
        return
    shape = value.image()
    if min(before + after) < 0 or any(before[:2] + after[:2]):
        raise Refusal(f"pads are {amounts}, expected numbers of at least 0 on height and width only")
    border = 0.0
    if node.has_input(2):
        border = float(state.weights(node, 2, "constant_value").ravel()[0])
    elif "value" in node.attributes:
        border = node.real("value", 0.0)
    top, left = before[2:] if rank == 4 else (0, before[2])
    bottom, right = after[2:] if rank == 4 else (0, after[2])

    def build(name: str) -> Layer:
        return Pad(
            name=name,
            inputs=(value.tensor,),
            source=node.label,
            pads=(top, left, bottom, right),
            value=border,
        )

    state.add_image(node, value, (shape[0], shape[1] + top + bottom, shape[2] + left + right), build)
