"""Gemm and MatMul: a dense layer, a 1x1 convolution when pixels are left apart, or a product of two activations."""

from __future__ import annotations

import math

import numpy as np

from hwq.frontend.graph import Conv, Dense, FloatArray, Layer, MatMul
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Index, Value, canonical_layout, count_up


def gemm(node: Node, state: State) -> None:
    """Import a Gemm node: y = alpha * x . B + beta * C."""
    value = state.data(node)
    if len(value.shape) != 1:
        raise Refusal(f"input has {len(value.shape) + 1} axes, expected 2. Put a Flatten before it")
    if node.integer("transA", 0):
        raise Refusal("transA is 1, expected 0. Remove the transposition of the data")
    weight = state.weights(node, 1, "weight") * node.real("alpha", 1.0)
    if node.integer("transB", 0):
        weight = weight.T
    _check(value, weight)
    bias = np.zeros(weight.shape[1])
    if node.has_input(2):
        given = state.weights(node, 2, "bias") * node.real("beta", 1.0)
        try:
            bias = np.broadcast_to(given, (1, weight.shape[1]))[0].copy()
        except ValueError:
            raise Refusal(f"bias has the shape {given.shape}, expected ({weight.shape[1]},)") from None
    _add_dense(node, state, value, weight, bias)


def matmul(node: Node, state: State) -> None:
    """Import a MatMul node: with constant weights at its right, or of two activations."""
    if state.is_constant(node, 0):
        raise Refusal("the constant is at the left, expected it at the right. Transpose the product")
    value = state.data(node)
    if not state.is_constant(node, 1):
        _of_two(node, state, value, state.data(node, 1))
        return
    weight = state.weights(node, 1, "weight")
    _check(value, weight)
    if len(value.shape) == 1:
        _add_dense(node, state, value, weight, np.zeros(weight.shape[1]))
    else:
        _add_pixelwise(node, state, value, weight)


def _check(value: Value, weight: FloatArray) -> None:
    if weight.ndim != 2 or not value.shape or weight.shape[0] != value.shape[-1]:
        raise Refusal(f"weight {weight.shape} does not fit an input of {value.shape} (without batch)")


def _add_dense(node: Node, state: State, value: Value, weight: FloatArray, bias: FloatArray) -> None:
    filters = weight.shape[1]
    state.vectors.append(value)

    def build(name: str) -> Layer:
        canonical = np.empty((filters, value.index.size))
        canonical[:, value.positions()] = weight.T
        assert value.layout.shape is not None
        return Dense(
            name=name,
            inputs=(value.tensor,),
            source=node.label,
            weight=canonical.reshape(filters, *value.layout.shape),
            bias=bias,
        )

    state.add_layer(node, canonical_layout((filters, 1, 1)), count_up((filters,)), build)


def _add_pixelwise(node: Node, state: State, value: Value, weight: FloatArray) -> None:
    order = _channels_first(np.moveaxis(value.index, -1, 0))
    source, shape = state.arranged(node, value, order), order.shape
    filters = weight.shape[1]

    def build(name: str) -> Layer:
        return Conv(
            name=name,
            inputs=(source,),
            source=node.label,
            weight=weight.T.reshape(filters, shape[0], 1, 1),
            bias=np.zeros(filters),
        )

    index = np.moveaxis(count_up((filters, *value.shape[:-1])), 0, -1)
    state.add_layer(node, canonical_layout((filters, shape[1], shape[2])), index, build)


def _channels_first(index: Index) -> Index:
    """(C, ...) as (C, H, W), with the last axis as width."""
    height = math.prod(index.shape[1:-1])
    return index.reshape(index.shape[0], height, index.shape[-1] if index.ndim > 1 else 1)


def _of_two(node: Node, state: State, first: Value, second: Value) -> None:
    """A product for each of the leading axes, the heads, which become the height."""
    heads = first.shape[:-2]
    if min(len(first.shape), len(second.shape)) < 2 or second.shape[:-2] != heads:
        raise Refusal(
            f"inputs without batch are {first.shape} and {second.shape}, expected two or more axes each, the leading "
            "ones equal. Reshape them"
        )
    if first.shape[-1] != second.shape[-2]:
        raise Refusal(f"inputs without batch are {first.shape} and {second.shape}, which do not fit each other")
    rows = state.arranged(node, first, _channels_first(np.moveaxis(first.index, -1, 0)))
    columns = state.arranged(node, second, _channels_first(np.moveaxis(second.index, -2, 0)))
    count, size = first.shape[-2], second.shape[-1]
    shape = (size, math.prod(heads), count)

    def build(name: str) -> Layer:
        return MatMul(name=name, inputs=(rows, columns), source=node.label)

    index = np.moveaxis(count_up((size, *heads, count)), 0, -1)
    state.add_layer(node, canonical_layout(shape), index, build)
