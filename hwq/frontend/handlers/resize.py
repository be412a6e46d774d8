"""Resize and Upsample: nearest at any factor, and linear at integer factors, which a convolution computes."""

from __future__ import annotations

import math

import numpy as np

from hwq.frontend.graph import Conv, FloatArray, Layer
from hwq.frontend.handlers.transposed import Axis, spread
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Index, Value, check_size

_MODES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn")
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(node: Node, state: State) -> None:
    """Import a Resize or Upsample node with constant scales or sizes."""
    value = state.data(node)
    mode = node.text("mode", "nearest")
    where, rounding = _coordinates(node, state)
    scales, sizes = _factors(node, state, value)
    if mode == "nearest":
        index = value.index
        for axis, (scale, size) in enumerate(zip(scales, sizes, strict=True)):
            index = np.take(index, _nearest(value.shape[axis], size, scale, where, rounding), axis)
        state.select(node, value, index)
    elif mode == "linear":
        _linear(node, state, value, scales, where)
    else:
        raise Refusal(f"mode is {mode!r}, expected 'nearest' or 'linear'. Use one of these")


def _coordinates(node: Node, state: State) -> tuple[str, str]:
    if node.op == "Upsample" or state.opset < 11:
        return "asymmetric", "floor"
    where = node.text("coordinate_transformation_mode", "half_pixel")
    rounding = node.text("nearest_mode", "round_prefer_floor")
    if where not in _MODES or rounding not in _ROUNDINGS:
        raise Refusal(
            f"coordinates are {where!r} and rounding {rounding!r}, expected one of {', '.join(_MODES)} and of "
            f"{', '.join(_ROUNDINGS)}"
        )
    return where, rounding


def _factors(node: Node, state: State, value: Value) -> tuple[list[float], list[int]]:
    """Factor and resulting size of each axis but the batch; sizes are rounded in float32, as runtimes do it."""
    shape = (1, *value.shape)
    rank = len(shape)
    position = 1 if node.op == "Upsample" or state.opset < 11 else 2
    by_size = node.has_input(3) and position == 2
    given: list[float] = []
    if by_size:
        policy = node.text("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            raise Refusal(f"keep_aspect_ratio_policy is {policy!r}, expected 'stretch'. Give the sizes that it makes")
        given = [float(size) for size in np.ravel(np.asarray(state.constant(node, 3, "sizes"), np.int64))]
    elif node.has_input(position):
        given = [float(scale) for scale in np.ravel(state.weights(node, position, "scales"))]
    elif "scales" in node.attributes:
        given = [float(scale) for scale in node.attributes["scales"]]
    axes = [axis + rank if axis < 0 else axis for axis in node.integers("axes") or range(rank)]
    if len(given) != len(axes) or not all(number > 0.0 for number in given) or not set(axes) <= set(range(rank)):
        raise Refusal(
            f"scales or sizes are {given} for the axes {axes}, expected a positive number for each of {rank} axes"
        )
    scales, sizes = [1.0] * rank, list(shape)
    for axis, number in zip(axes, given, strict=True):
        scales[axis] = number / shape[axis] if by_size else number
        sizes[axis] = int(number) if by_size else math.floor(np.float32(shape[axis]) * np.float32(number))
    if scales[0] != 1.0:
        raise Refusal(f"scales are {scales}, expected 1 for the batch")
    check_size(sizes)
    return scales[1:], sizes[1:]


def _origins(size: int, count: int, scale: float, where: str) -> FloatArray:
    """The place in the input of each of `count` outputs, in float32 as runtimes compute it."""
    at, factor = np.arange(count, dtype=np.float32), np.float32(scale)
    half = np.float32(0.5)
    if where == "asymmetric":
        return np.asarray(at / factor, np.float64)
    if where == "align_corners":
        return np.asarray(at * np.float32(size - 1) / np.float32(max(1, count - 1)), np.float64)
    if where == "tf_half_pixel_for_nn":
        return np.asarray((at + half) / factor, np.float64)
    if where == "pytorch_half_pixel" and count == 1:
        return np.zeros(1)
    return np.asarray((at + half) / factor - half, np.float64)


def _nearest(size: int, count: int, scale: float, where: str, rounding: str) -> Index:
    if count < 1:
        raise Refusal(f"scale {scale:g} leaves nothing of an axis of {size}, expected at least one element")
    origin = _origins(size, count, scale, where)
    if rounding.startswith("round"):
        origin = np.ceil(origin - 0.5) if rounding.endswith("floor") else np.floor(origin + 0.5)
    whole = np.ceil(origin) if rounding == "ceil" else np.floor(origin)
    places: Index = np.clip(whole, 0, size - 1).astype(np.int64)
    return places


def _linear(node: Node, state: State, value: Value, scales: list[float], where: str) -> None:
    """Each output is a mean of three neighbours of its input, with weights that repeat with the factor."""
    if where not in ("half_pixel", "pytorch_half_pixel", "asymmetric") or any(s < 1 or s % 1 for s in scales):
        raise Refusal(f"linear at scales {scales} with {where}, expected whole numbers, and half_pixel or asymmetric")
    if len(value.shape) not in (2, 3) or scales[0] != 1.0:
        raise Refusal(f"linear at scales {scales}, expected height and width alone to grow")
    channels = value.shape[0]
    sizes = (1, value.shape[1]) if len(value.shape) == 2 else (value.shape[1], value.shape[2])
    factors = (1, int(scales[1])) if len(scales) == 2 else (int(scales[1]), int(scales[2]))
    order = value.index.reshape(channels, *sizes)
    edges = [(int(factor > 1),) * 2 for factor in factors]
    source = state.arranged(node, value, np.pad(order, [(0, 0), *edges], mode="edge"))
    sides = [_weights(factor, where) for factor in factors]
    kernel = np.einsum("at,bu->abtu", *sides).reshape(-1, 1, *(side.shape[1] for side in sides))
    weight = np.tile(kernel, (channels, 1, 1, 1))
    phases = len(kernel)

    def build(name: str) -> Layer:
        return Conv(
            name=name,
            inputs=(source,),
            source=node.label,
            weight=weight,
            bias=np.zeros(len(weight)),
            groups=channels,
        )

    made = state.inner_layer(node, "phases", (channels * phases, *sizes), build)
    axes = [Axis(size, factor, 1, 0, size * factor) for size, factor in zip(sizes, factors, strict=True)]
    index = spread(made.index, np.arange(channels * phases).reshape(channels, phases), (axes[0], axes[1]))
    state.select(node, made, index if len(value.shape) == 3 else index[:, 0])


def _weights(factor: int, where: str) -> FloatArray:
    """Weights (phases, 3) of the neighbours before, at, and after the input of each phase."""
    if factor == 1:
        return np.ones((1, 1))
    place = np.arange(factor) / factor if where == "asymmetric" else (np.arange(factor) + 0.5) / factor - 0.5
    before, after = np.maximum(-place, 0.0), np.maximum(place, 0.0)
    return np.stack([before, 1.0 - before - after, after], axis=1)
