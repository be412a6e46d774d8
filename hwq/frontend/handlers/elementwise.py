"""Operators on single elements: normalisation, arithmetic with constants, addition, and clipping."""

from __future__ import annotations

import math

import numpy as np

from hwq.frontend.graph import Activation, Add, BatchNorm, Clip, FloatArray, Layer
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State, Value

_FLOAT_LIMIT = 3.4e38
"""Clip bounds from here on are no bounds: exporters write the largest float32 for infinity."""


def batch_normalization(node: Node, state: State) -> None:
    """Import a BatchNormalization node in inference form."""
    value = state.data(node)
    if node.integer("training_mode", 0):
        raise Refusal("training_mode is 1, expected 0. Export the model in evaluation mode")
    gamma, beta, mean, variance = (
        state.weights(node, position, what) for position, what in enumerate(("scale", "B", "mean", "var"), start=1)
    )
    if not value.shape or any(item.shape != (value.shape[0],) for item in (gamma, beta, mean, variance)):
        raise Refusal(f"parameters have the shape {gamma.shape}, expected one number for each of the channels")
    spread = variance + node.real("epsilon", 1e-5)
    if (spread <= 0).any():
        raise Refusal("variance plus epsilon is not positive, expected a positive number. Check the trained model")
    scale = gamma / np.sqrt(spread)
    column = (-1, *(1,) * (len(value.shape) - 1))
    _add_affine(node, state, value, scale.reshape(column), (beta - mean * scale).reshape(column))


def arithmetic(node: Node, state: State) -> None:
    """Import Add, Sub, Mul or Div: with a constant, or the addition of two tensors."""
    if state.is_constant(node, 0):
        _with_constant(node, state, state.data(node, 1), _operand(node, state, 0), reverse=True)
    elif state.is_constant(node, 1):
        _with_constant(node, state, state.data(node, 0), _operand(node, state, 1), reverse=False)
    elif node.op == "Add":
        _add_two(node, state, state.data(node, 0), state.data(node, 1))
    else:
        raise Refusal("both inputs depend on the model's input, expected one of them constant. Only Add takes two")


def _operand(node: Node, state: State, position: int) -> FloatArray:
    return state.weights(node, position, "operand")


def _with_constant(node: Node, state: State, value: Value, other: FloatArray, *, reverse: bool) -> None:
    full = (1, *value.shape)
    try:
        other = np.broadcast_to(other, full)[0]
    except ValueError:
        raise Refusal(f"constant of shape {other.shape} does not broadcast to its input {full}") from None
    one, zero = np.ones_like(other), np.zeros_like(other)
    if node.op == "Add":
        scale, shift = one, other
    elif node.op == "Sub":
        scale, shift = (-one, other) if reverse else (one, -other)
    elif node.op == "Mul":
        scale, shift = other, zero
    elif reverse:
        raise Refusal("a constant is divided by data, expected data divided by a constant")
    else:
        if (other == 0).any():
            raise Refusal("divisor holds a zero, expected numbers other than zero. Check the trained model")
        scale, shift = 1 / other, zero
    _add_affine(node, state, value, scale, shift)


def _add_affine(node: Node, state: State, value: Value, scale: FloatArray, shift: FloatArray) -> None:
    """x * scale + shift, where both broadcast to the value's shape and must be constant over each channel."""

    def build(name: str) -> Layer:
        return BatchNorm(
            name=name,
            inputs=(value.tensor,),
            source=node.label,
            scale=_per_channel(value, scale),
            shift=_per_channel(value, shift),
        )

    state.add_layer(node, value.layout, value.index, build)


def _per_channel(value: Value, array: FloatArray) -> FloatArray:
    flat = np.empty(value.index.size)
    flat[value.positions()] = np.broadcast_to(array, value.shape)
    assert value.layout.shape is not None
    rows = flat.reshape(value.layout.shape[0], -1)
    if (rows != rows[:, :1]).any():
        raise Refusal("its constant differs from pixel to pixel, expected one number a channel. Take it out")
    return rows[:, 0].copy()


def _add_two(node: Node, state: State, first: Value, second: Value) -> None:
    if first.shape != second.shape:
        raise Refusal(f"inputs without batch are {first.shape} and {second.shape}, expected equal shapes")
    if first.tensor == second.tensor and np.array_equal(first.index, second.index):
        _add_affine(node, state, first, np.full(first.shape, 2.0), np.zeros(first.shape))
        return
    _align(first, second)
    if first.layout.shape != second.layout.shape or not np.array_equal(first.positions(), second.positions()):
        raise Refusal(
            f"inputs are {first.layout.shape} and {second.layout.shape} (channels, height, width) in "
            "different orders, expected the same order. Remove the Reshape or Transpose before one of them"
        )

    def build(name: str) -> Layer:
        return Add(name=name, inputs=(first.tensor, second.tensor), source=node.label)

    state.add_layer(node, first.layout, first.index, build)


def _align(first: Value, second: Value) -> None:
    """Fix the open layouts of two values so that equal elements lie at equal positions."""
    if first.layout.position is None and second.layout.position is None:
        first.settle()
    for this, other in ((first, second), (second, first)):
        if this.layout.position is None:
            assert other.layout.shape is not None
            order = np.empty(this.index.size, np.int64)
            order[other.positions().ravel()] = this.index.ravel()
            this.layout.fix(order, other.layout.shape)


def relu(node: Node, state: State) -> None:
    """Import a Relu node."""
    _add_activation(node, state, Clip(0.0, math.inf))


def clip(node: Node, state: State) -> None:
    """Import a Clip node with its bounds in attributes or in inputs."""
    low = _bound(node, state, "min", 1, -math.inf)
    high = _bound(node, state, "max", 2, math.inf)
    _add_activation(node, state, Clip(low, high))


def extremum(node: Node, state: State) -> None:
    """Import Min or Max with a constant scalar, which are halves of a Clip."""
    if len(node.inputs) != 2 or not (state.is_constant(node, 0) or state.is_constant(node, 1)):
        raise Refusal(f"inputs are two tensors of data, expected one tensor and one constant number in {node.op}")
    position = 0 if state.is_constant(node, 0) else 1
    bound = _number(node, state, position, "bound")
    _add_activation(node, state, Clip(low=bound) if node.op == "Max" else Clip(high=bound), 1 - position)


def _bound(node: Node, state: State, name: str, position: int, default: float) -> float:
    if node.has_input(position):
        return _number(node, state, position, name)
    return _unbounded(node.real(name, default))


def _number(node: Node, state: State, position: int, what: str) -> float:
    array = np.asarray(state.constant(node, position, what), np.float64)
    if array.size != 1 or np.isnan(array).any():
        raise Refusal(f"{what} has the shape {array.shape}, expected one number. Use the same bound for all channels")
    return _unbounded(float(array.ravel()[0]))


def _unbounded(bound: float) -> float:
    return math.copysign(math.inf, bound) if abs(bound) >= _FLOAT_LIMIT else bound


def _add_activation(node: Node, state: State, bounds: Clip, position: int = 0) -> None:
    value = state.data(node, position)
    if not bounds.low <= bounds.high or bounds.low == math.inf or bounds.high == -math.inf:
        raise Refusal(f"bounds are {bounds.low} and {bounds.high}, expected the lower one first")
    if bounds.is_identity:
        state.relabel(node, value, value.index)
        return

    def build(name: str) -> Layer:
        return Activation(name=name, inputs=(value.tensor,), source=node.label, clip=bounds)

    state.add_layer(node, value.layout, value.index, build)
