"""Operators that move or pass on elements and compute nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import TensorProto

from hwq.frontend.node import Node, Refusal, type_name
from hwq.frontend.state import State
from hwq.frontend.value import Index, Value

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def _relabel(node: Node, state: State, value: Value, with_batch: Index, batch: int = 0) -> None:
    """Accept `with_batch`, the rearranged element numbers with an axis `batch` of 1."""
    if with_batch.ndim == 0 or with_batch.shape[batch] != 1:
        raise Refusal(f"one sample becomes {with_batch.shape}, expected the batch to stay the first axis. Re-export")
    index = with_batch.squeeze(batch)
    if value.host_ops and (batch or index.shape != value.shape):
        raise Refusal(f"it follows {value.end}, expected {value.end} to be the last operator. Cut the model there")
    state.relabel(node, value, index, batch)


def _batch_first(node: Node, state: State) -> Value:
    value = state.any_data(node)
    if value.batch:
        raise Refusal(f"the batch is axis {value.batch} of its input, expected axis 0. Transpose it back before")
    return value


def passed(node: Node, state: State) -> None:
    """Import Identity or Dropout, which do nothing at inference."""
    if node.op == "Dropout" and node.has_input(2) and np.asarray(state.constant(node, 2, "training_mode")).any():
        raise Refusal("training_mode is on, expected off. Export the model in evaluation mode")
    value = state.any_data(node)
    state.relabel(node, value, value.index, value.batch)


def cast(node: Node, state: State) -> None:
    """Import a Cast to a float type; after ArgMax any type will do."""
    value = state.any_data(node)
    target = node.integer("to", 0)
    if value.end != "ArgMax":
        if target not in _FLOATS:
            raise Refusal(f"casts to {type_name(target)}, expected a float type. Remove the Cast")
        value = replace(value, integer=False)
    state.relabel(node, value, value.index, value.batch)


def flatten(node: Node, state: State) -> None:
    """Import a Flatten node."""
    value = _batch_first(node, state)
    rank = len(value.shape) + 1
    axis = node.integer("axis", 1)
    axis += rank if axis < 0 else 0
    if axis < 1 or any(size != 1 for size in value.shape[: axis - 1]):
        raise Refusal(f"axis is {axis}, expected 1. It would mix the batch with data")
    _relabel(node, state, value, value.index.reshape(1, -1))


def reshape(node: Node, state: State) -> None:
    """Import a Reshape node with a constant shape."""
    value = _batch_first(node, state)
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
    """Import a Transpose node, wherever it puts the batch."""
    value = state.any_data(node)
    rank = len(value.shape) + 1
    order = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise Refusal(f"perm is {order}, expected a permutation of {rank} axes")
    _relabel(node, state, value, value.with_batch().transpose(order), order.index(value.batch))


def squeeze(node: Node, state: State) -> None:
    """Import a Squeeze node."""
    value = state.any_data(node)
    rank = len(value.shape) + 1
    axes = state.settings(node, "axes", 1)
    if axes is None:
        raise Refusal("axes are not given, expected a list without the batch axis. Give the axes")
    gone = [axis + rank if axis < 0 else axis for axis in axes]
    if value.batch in gone:
        raise Refusal(f"axes are {axes}, expected the batch axis {value.batch} to stay")
    try:
        squeezed = np.squeeze(value.with_batch(), tuple(gone))
    except ValueError:
        raise Refusal(f"axes are {axes}, which do not fit the shape {value.with_batch().shape}") from None
    _relabel(node, state, value, squeezed, value.batch - sum(axis < value.batch for axis in gone))


def unsqueeze(node: Node, state: State) -> None:
    """Import an Unsqueeze node."""
    value = state.any_data(node)
    axes = state.settings(node, "axes", 1) or ()
    rank = len(value.shape) + 1 + len(axes)
    new = [axis + rank if axis < 0 else axis for axis in axes]
    kept = [axis for axis in range(rank) if axis not in new]
    if len(kept) != len(value.shape) + 1:
        raise Refusal(f"axes are {axes}, which do not fit the shape {value.with_batch().shape}")
    batch = kept[value.batch]
    if batch != value.batch and not value.batch:
        raise Refusal(f"axes are {axes}, expected the batch axis 0 to stay where it is")
    _relabel(node, state, value, np.expand_dims(value.with_batch(), tuple(new)), batch)
