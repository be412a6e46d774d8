"""Normalisation by statistics of the data itself: LayerNormalization and InstanceNormalization."""

from __future__ import annotations

import numpy as np

from hwq.frontend.graph import BatchNorm, FloatArray, Layer, Normalise
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Index, Value, canonical_layout, count_up


def layer_normalization(node: Node, state: State) -> None:
    """Import a LayerNormalization node over the last axis."""
    value = state.data(node)
    rank = len(value.shape) + 1
    axis = node.integer("axis", -1)
    if rank < 2 or (axis + rank if axis < 0 else axis) != rank - 1:
        raise Refusal(f"axis is {axis}, expected -1: the last axis alone. Reshape before and after")
    size = value.shape[-1]
    scale = _parameter(node, state, 1, "scale", size, np.ones(size))
    shift = _parameter(node, state, 2, "bias", size, np.zeros(size))
    order = np.moveaxis(value.index, -1, 0).reshape(size, -1, _width(value))
    made = _normalised(node, state, value, order.reshape(size, order.shape[1], order.shape[2]))
    channels = (size, *order.shape[1:])
    index = np.moveaxis(count_up((size, *value.shape[:-1])), 0, -1)
    _affine(node, state, made, (channels[0], channels[1], channels[2]), index, scale, shift)


def _width(value: Value) -> int:
    return value.shape[-2] if len(value.shape) > 1 else 1


def instance_normalization(node: Node, state: State) -> None:
    """Import an InstanceNormalization node: each channel over its pixels."""
    value = state.data(node)
    if len(value.shape) < 2:
        raise Refusal(f"input without batch is {value.shape}, expected channels and pixels")
    channels = value.shape[0]
    scale = _parameter(node, state, 1, "scale", channels, np.ones(channels))
    shift = _parameter(node, state, 2, "B", channels, np.zeros(channels))
    rows = value.index.reshape(channels, -1)
    made = _normalised(node, state, value, rows.T[:, None, :])
    places = made.index.reshape(rows.shape[1], channels).T  # numbers of the normalised elements, channels first
    height = value.shape[1] if len(value.shape) > 2 else 1
    shape = (channels, height, rows.shape[1] // height)
    back = state.arranged(node, made, places.reshape(shape))
    there = Value(back, count_up(shape), state.layouts[back])
    _affine(node, state, there, shape, count_up(value.shape), scale, shift)


def _parameter(node: Node, state: State, position: int, what: str, size: int, default: FloatArray) -> FloatArray:
    if not node.has_input(position):
        return default
    found = state.weights(node, position, what)
    if found.size != size:
        raise Refusal(f"{what} has the shape {found.shape}, expected ({size},)")
    return found.ravel()


def _normalised(node: Node, state: State, value: Value, order: Index) -> Value:
    source, epsilon = state.arranged(node, value, order), node.real("epsilon", 1e-5)
    if epsilon < 0.0:
        raise Refusal(f"epsilon is {epsilon:g}, expected no number below zero. Check the trained model")

    def build(name: str) -> Layer:
        return Normalise(name=name, inputs=(source,), source=node.label, epsilon=epsilon)

    return state.inner_layer(node, "normal", (order.shape[0], order.shape[1], order.shape[2]), build)


def _affine(
    node: Node,
    state: State,
    value: Value,
    shape: tuple[int, int, int],
    index: Index,
    scale: FloatArray,
    shift: FloatArray,
) -> None:
    """The output: a factor and a term for each channel."""

    def build(name: str) -> Layer:
        return BatchNorm(name=name, inputs=(value.tensor,), source=node.label, scale=scale, shift=shift)

    state.add_layer(node, canonical_layout(shape), index, build)
