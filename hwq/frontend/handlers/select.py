"""Operators whose output is made of elements of one tensor: parts of it, repeated, or in another order of axes."""

from __future__ import annotations

import numpy as np

from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Value, check_size


def _axis(node: Node, value: Value, axis: int) -> int:
    """An axis of the operator as one of the value, which has no batch."""
    rank = len(value.shape) + 1
    found = axis + rank if axis < 0 else axis
    if not 1 <= found < rank:
        raise Refusal(f"axis is {axis}, expected one of 1 to {rank - 1}. The batch axis must stay whole")
    return found - 1


def slice_(node: Node, state: State) -> None:
    """Import a Slice node with constant bounds."""
    value = state.data(node)
    starts, ends = state.settings(node, "starts", 1), state.settings(node, "ends", 2)
    if starts is None or ends is None:
        raise Refusal("starts or ends are not given, expected both. Export it again")
    axes = state.settings(node, "axes", 3) or tuple(range(len(starts)))
    steps = state.settings(node, "steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Refusal(f"starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit each other")
    index = value.index
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if axis in (0, -len(value.shape) - 1):
            if start in (0, -1) and end >= 1 and step == 1:
                continue
            raise Refusal(f"axes are {axes}, expected none to be the batch axis. It must stay whole")
        kept = [slice(None)] * index.ndim
        last: int | None = end
        if step < 0 and end < -index.shape[_axis(node, value, axis)]:
            last = None
        kept[_axis(node, value, axis)] = slice(start, last, step)
        index = index[tuple(kept)]
    state.select(node, value, index)


def split(node: Node, state: State) -> None:
    """Import a Split node."""
    value = state.data(node)
    axis = _axis(node, value, node.integer("axis", 0))
    sizes = state.settings(node, "split", 1)
    if sizes is None:
        count = node.integer("num_outputs", len(node.outputs))
        each = -(-value.shape[axis] // count)
        sizes = tuple(min(each, value.shape[axis] - each * n) for n in range(count))
    if sum(sizes) != value.shape[axis] or len(sizes) != len(node.outputs) or min(sizes) < 1:
        raise Refusal(f"sizes are {sizes} for an axis of {value.shape[axis]} and {len(node.outputs)} outputs")
    starts = np.cumsum([0, *sizes])
    for name, start, end in zip(node.outputs, starts[:-1], starts[1:], strict=True):
        if name:
            state.select(node, value, np.take(value.index, range(start, end), axis), name)


def gather(node: Node, state: State) -> None:
    """Import a Gather node with constant indices."""
    value = state.data(node)
    axis = _axis(node, value, node.integer("axis", 0))
    chosen = np.asarray(state.constant(node, 1, "indices"), np.int64)
    size = value.shape[axis]
    if chosen.size and (chosen.min() < -size or chosen.max() >= size):
        raise Refusal(f"indices reach from {chosen.min()} to {chosen.max()}, expected them within an axis of {size}")
    check_size((chosen.size, value.index.size // size))
    state.select(node, value, np.take(value.index, chosen, axis))


def expand(node: Node, state: State) -> None:
    """Import an Expand node with a constant shape."""
    value = state.data(node)
    shape = [int(size) for size in np.ravel(np.asarray(state.constant(node, 1, "shape"), np.int64))]
    try:
        index = np.broadcast_to(value.with_batch(), np.broadcast_shapes(value.with_batch().shape, shape))
    except ValueError:
        raise Refusal(f"shape {shape} does not fit the input {value.with_batch().shape}") from None
    if index.ndim != len(value.shape) + 1 or index.shape[0] != 1:
        raise Refusal(f"one sample becomes {index.shape}, expected the batch to stay the first axis")
    state.select(node, value, index[0])


def tile(node: Node, state: State) -> None:
    """Import a Tile node with constant repeats."""
    value = state.data(node)
    repeats = [int(count) for count in np.ravel(np.asarray(state.constant(node, 1, "repeats"), np.int64))]
    if len(repeats) != len(value.shape) + 1 or repeats[0] != 1 or min(repeats) < 1:
        raise Refusal(f"repeats are {repeats}, expected one number for each axis, and 1 for the batch")
    check_size((*repeats, value.index.size))
    state.select(node, value, np.tile(value.index, repeats[1:]))


def depth_to_space(node: Node, state: State) -> None:
    """Import a DepthToSpace node."""
    value, block = _blocks(node, state)
    channels, height, width = value.shape
    if channels % block**2:
        raise Refusal(f"{channels} channels, expected a multiple of {block} x {block}")
    if node.text("mode", "DCR") == "CRD":
        split_ = value.index.reshape(channels // block**2, block, block, height, width).transpose(0, 3, 1, 4, 2)
    else:
        split_ = value.index.reshape(block, block, channels // block**2, height, width).transpose(2, 3, 0, 4, 1)
    state.select(node, value, split_.reshape(channels // block**2, height * block, width * block))


def space_to_depth(node: Node, state: State) -> None:
    """Import a SpaceToDepth node."""
    value, block = _blocks(node, state)
    channels, height, width = value.shape
    if height % block or width % block:
        raise Refusal(f"image of {height} by {width}, expected multiples of {block}")
    split_ = value.index.reshape(channels, height // block, block, width // block, block).transpose(2, 4, 0, 1, 3)
    state.select(node, value, split_.reshape(channels * block**2, height // block, width // block))


def _blocks(node: Node, state: State) -> tuple[Value, int]:
    value, block = state.data(node), node.integer("blocksize", 1)
    if len(value.shape) != 3 or block < 1:
        raise Refusal(f"input without batch is {value.shape} and blocksize {block}, expected [C,H,W] and at least 1")
    return value, block
