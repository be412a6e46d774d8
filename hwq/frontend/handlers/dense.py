"""Gemm and MatMul with constant weights: a dense layer, or a 1x1 convolution when pixels are left apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwq.frontend.graph import Conv, Dense, FloatArray, Layer
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State, Value, canonical_layout, count_up


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
    """Import a MatMul node with constant weights at its right."""
    if state.is_constant(node, 0):
        raise Refusal("the constant is at the left, expected it at the right. Transpose the product")
    value = state.data(node)
    if not state.is_constant(node, 1):
        raise Refusal(
            "both inputs depend on the model's input (as in attention), expected constant weights. "
            "hwq has no product of two activations"
        )
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
    shape = replace(value, index=np.moveaxis(value.index, -1, 0)).image()
    filters = weight.shape[1]

    def build(name: str) -> Layer:
        return Conv(
            name=name,
            inputs=(value.tensor,),
            source=node.label,
            weight=weight.T.reshape(filters, shape[0], 1, 1),
            bias=np.zeros(filters),
        )

    index = np.moveaxis(count_up((filters, *value.shape[:-1])), 0, -1)
    state.add_layer(node, canonical_layout((filters, *shape[1:])), index, build)
