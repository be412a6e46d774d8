"""Pad: a constant border around an image, or one made of the image's own elements."""

from __future__ import annotations

import numpy as np

from hwq.frontend.graph import Layer, Pad
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import check_size

MODES = ("constant", "reflect", "edge", "wrap")


def pad(node: Node, state: State) -> None:
    """Import a Pad node of any mode on any axes but the batch; negative amounts cut off."""
    value = state.data(node)
    mode = node.text("mode", "constant")
    if mode not in MODES:
        raise Refusal(f"mode is {mode!r}, expected one of {', '.join(MODES)}")
    before, after = _amounts(node, state, len(value.shape) + 1)
    if before[0] or after[0]:
        raise Refusal(f"pads are {(*before, *after)}, expected none on the batch axis")
    before, after = before[1:], after[1:]
    if not any(before) and not any(after):
        state.relabel(node, value, value.index)
        return
    border = _border(node, state)
    on_image = len(value.shape) in (2, 3) and not before[0] and not after[0] and min(before + after) >= 0
    if mode == "constant" and on_image:
        _add_border(node, state, before, after, border)
        return
    cut = tuple(slice(-min(b, 0), size + min(a, 0)) for b, a, size in zip(before, after, value.shape, strict=True))
    index = value.index[cut]
    sides = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    beyond = mode == "reflect" and any(max(side) >= n for side, n in zip(sides, index.shape, strict=True))
    if index.size == 0 or beyond:
        raise Refusal(f"pads are {(*before, *after)}, expected less than the size {value.shape} of the input")
    check_size([size + sum(side) for size, side in zip(index.shape, sides, strict=True)])
    if mode == "constant":
        spread = np.pad(index, sides, constant_values=-1)
    else:
        spread = np.pad(index, sides, mode=mode)  # type: ignore[call-overload]
    state.select(node, value, spread, fill=border)


def _amounts(node: Node, state: State, rank: int) -> tuple[list[int], list[int]]:
    """Elements added before and after each axis, the batch's included."""
    amounts = state.settings(node, "pads", 1) or ()
    axes = list(range(rank))
    if node.has_input(3):
        axes = [int(axis) for axis in np.ravel(state.weights(node, 3, "axes"))]
        axes = [axis + rank if axis < 0 else axis for axis in axes]
    if len(amounts) != 2 * len(axes) or not set(axes) <= set(range(rank)):
        raise Refusal(f"pads are {amounts}, expected two numbers for each of the axes {axes} of {rank}")
    before, after = [0] * rank, [0] * rank
    for position, axis in enumerate(axes):
        before[axis], after[axis] = amounts[position], amounts[position + len(axes)]
    return before, after


def _border(node: Node, state: State) -> float:
    if node.has_input(2):
        return float(state.weights(node, 2, "constant_value").ravel()[0])
    return node.real("value", 0.0)


def _add_border(node: Node, state: State, before: list[int], after: list[int], border: float) -> None:
    """A constant border around height and width."""
    source, shape = state.image(node)
    top, left = before[1:] if len(before) == 3 else (0, before[1])
    bottom, right = after[1:] if len(after) == 3 else (0, after[1])

    def build(name: str) -> Layer:
        return Pad(name=name, inputs=(source,), source=node.label, pads=(top, left, bottom, right), value=border)

    state.add_image(node, (shape[0], shape[1] + top + bottom, shape[2] + left + right), build)
