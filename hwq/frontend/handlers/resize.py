"""Resize and Upsample: nearest at any factor, and linear at integer factors, which a convolution computes."""

from __future__ import annotations

import math

import numpy as np

from hwq.frontend.graph import Conv, FloatArray, Layer
from hwq.frontend.handlers.transposed import Axis, spread
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Index, Value

_MODES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn")
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resize(node: Node, state: State) -> None:
    """Import a Resize or Upsample node with constant scales or sizes."""
    value = state.data(node)
    mode = node.text("mode", "nearest")
    where, rounding = _coordinates(node, state)
    scales = _scales(node, state, value)
    if scales[0] != 1.0:
        raise Refusal(f"scales are {scales}, expected 1 for the batch")
    if mode == "nearest":
        index = value.index
        for axis, scale in enumerate(scales[1:]):
            size = value.shape[axis]
            index = np.take(index, _nearest(size, math.floor(size * scale + 1e-9), scale, where, rounding), axis)
        state.select(node, value, index)
    elif mode == "linear":
        _linear(node, state, value, scales[1:], where)
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


def _scales(node: Node, state: State, value: Value) -> list[float]:
    """Factor of each axis, the batch's first."""
    rank = len(value.shape) + 1
    position = 1 if node.op == "Upsample" or state.opset < 11 else 2
    axes = list(node.integers("axes") or range(rank))
    given: list[float] = []
    if node.has_input(3) and position == 2:
        sizes = np.ravel(np.asarray(state.constant(node, 3, "sizes"), np.int64))
        shape = (1, *value.shape)
        given = [int(size) / shape[axis] for size, axis in zip(sizes, axes, strict=False)]
    elif node.has_input(position):
        given = [float(scale) for scale in np.ravel(state.weights(node, position, "scales"))]
    elif "scales" in node.attributes:
        given = [float(scale) for scale in node.attributes["scales"]]
    if len(given) != len(axes) or not all(scale > 0.0 for scale in given):
        raise Refusal(f"scales are {given}, expected a positive number for each of {len(axes)} axes")
    scales = [1.0] * rank
    for axis, scale in zip(axes, given, strict=True):
        scales[axis % rank] = scale
    return scales


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
