"""Operators on single elements of one or two tensors: normalisation, arithmetic, and clipping."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hwq.frontend.expression import Expr, X
from hwq.frontend.graph import (
    Activation,
    Add,
    BatchNorm,
    Clip,
    ElementAffine,
    Extremum,
    FloatArray,
    Function,
    Layer,
    Mul,
)
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Value, count_up, natural_shape

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
    add_affine(node, state, value, scale.reshape(column), (beta - mean * scale).reshape(column))


def arithmetic(node: Node, state: State) -> None:
    """Import Add, Sub, Mul or Div: with a constant, or of two tensors, one of which may be broadcast."""
    if state.is_constant(node, 0):
        _with_constant(node, state, state.data(node, 1), _operand(node, state, 0), reverse=True)
    elif state.is_constant(node, 1):
        _with_constant(node, state, state.data(node, 0), _operand(node, state, 1), reverse=False)
    else:
        _of_two(node, state)


def _operand(node: Node, state: State, position: int) -> FloatArray:
    return state.weights(node, position, "operand")


def _with_constant(node: Node, state: State, value: Value, other: FloatArray, *, reverse: bool) -> None:
    other = broadcast(value, other)
    one, zero = np.ones_like(other), np.zeros_like(other)
    if node.op == "Add":
        scale, shift = one, other
    elif node.op == "Sub":
        scale, shift = (-one, other) if reverse else (one, -other)
    elif node.op == "Mul":
        scale, shift = other, zero
    elif reverse:
        value, scale, shift = _reciprocal(node, state, value), other, zero
    else:
        if (other == 0).any():
            raise Refusal("divisor holds a zero, expected numbers other than zero. Check the trained model")
        scale, shift = 1 / other, zero
    add_affine(node, state, value, scale, shift)


def broadcast(value: Value, other: FloatArray) -> FloatArray:
    """A constant as large as one sample of `value`."""
    full = (1, *value.shape)
    try:
        return np.asarray(np.broadcast_to(other, full)[0], np.float64)
    except ValueError:
        raise Refusal(f"constant of shape {other.shape} does not broadcast to its input {full}") from None


def _reciprocal(node: Node, state: State, value: Value) -> Value:
    def build(name: str) -> Layer:
        return Function(name=name, inputs=(value.tensor,), source=node.label, expr=Expr("Reciprocal", (X,)))

    made = state.inner_layer(node, "reciprocal", value.layout.settled, build)
    return replace(made, index=value.positions())


def add_affine(node: Node, state: State, value: Value, scale: FloatArray, shift: FloatArray) -> None:
    """x * scale + shift, where both broadcast to the value's shape."""
    scale, shift = (np.broadcast_to(array, value.shape) for array in (scale, shift))
    if value.layout.position is None:
        open_by_constant(value, scale, shift)

    def build(name: str) -> Layer:
        scales, shifts = canonical(value, scale), canonical(value, shift)
        if all((array == array[:, :1, :1]).all() for array in (scales, shifts)):
            scales, shifts = scales[:, 0, 0].copy(), shifts[:, 0, 0].copy()
            return BatchNorm(name=name, inputs=(value.tensor,), source=node.label, scale=scales, shift=shifts)
        return ElementAffine(name=name, inputs=(value.tensor,), source=node.label, scale=scales, shift=shifts)

    state.add_layer(node, value.layout, value.index, build)


def open_by_constant(value: Value, *arrays: FloatArray) -> None:
    """Fix an open layout so that what differs along one axis alone differs from channel to channel."""
    axes = [axis for axis in range(len(value.shape)) if any(np.ptp(array, axis=axis).any() for array in arrays)]
    if len(axes) == 1 and len(value.shape) <= 3:
        order = np.moveaxis(value.index, axes[0], 0)
        value.layout.takes(order.reshape(natural_shape(order.shape)))


def canonical(value: Value, array: FloatArray) -> FloatArray:
    """A constant of the value's ONNX shape as (C, H, W)."""
    flat = np.empty(value.index.size)
    flat[value.positions()] = array
    return flat.reshape(value.layout.settled)


def _of_two(node: Node, state: State) -> None:
    first, second = state.data(node, 0), state.data(node, 1)
    if node.op == "Div":
        second = _reciprocal(node, state, second)
    if node.op == "Add" and first.tensor == second.tensor and np.array_equal(first.index, second.index):
        add_affine(node, state, first, np.full(first.shape, 2.0), np.zeros(first.shape))
        return
    names, like = aligned(node, state, first, second)

    def build(name: str) -> Layer:
        if node.op in ("Add", "Sub"):
            return Add(name=name, inputs=names, source=node.label, signs=(1, -1 if node.op == "Sub" else 1))
        if node.op in ("Max", "Min"):
            return Extremum(name=name, inputs=names, source=node.label, largest=node.op == "Max")
        return Mul(name=name, inputs=names, source=node.label)

    state.add_layer(node, like.layout, like.index, build)


def aligned(node: Node, state: State, first: Value, second: Value) -> tuple[tuple[str, str], Value]:
    """Tensors of two values in one order, the smaller one repeated as it is broadcast, and a value in that order."""
    if len(first.shape) != len(second.shape):
        raise Refusal(
            f"inputs without batch are {first.shape} and {second.shape}, expected the same number of axes. "
            "Unsqueeze one of them"
        )
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise Refusal(f"inputs without batch are {first.shape} and {second.shape}, which do not broadcast") from None
    full = [value for value in (first, second) if value.shape == shape]
    if not full:
        return _both_spread(node, state, first, second, shape)
    like = next((value for value in full if value.layout.position is not None), full[0])
    like.layout.settle()
    order = np.empty(like.index.size, np.int64)

    def in_order(value: Value) -> str:
        order[like.positions().ravel()] = np.broadcast_to(value.index, shape).ravel()
        return state.arranged(node, value, order.reshape(like.layout.settled))

    return (in_order(first), in_order(second)), like


def _both_spread(
    node: Node, state: State, first: Value, second: Value, shape: tuple[int, ...]
) -> tuple[tuple[str, str], Value]:
    names = [
        state.arranged(node, value, np.broadcast_to(value.index, shape).reshape(natural_shape(shape)))
        for value in (first, second)
    ]
    made = Value(names[0], count_up(shape), state.layouts[names[0]])
    return (names[0], names[1]), made


def negate(node: Node, state: State) -> None:
    """Import a Neg node."""
    value = state.data(node)
    add_affine(node, state, value, np.full(value.shape, -1.0), np.zeros(value.shape))


def relu(node: Node, state: State) -> None:
    """Import a Relu node."""
    _add_activation(node, state, Clip(0.0, math.inf))


def clip(node: Node, state: State) -> None:
    """Import a Clip node with its bounds in attributes or in inputs."""
    low = _bound(node, state, "min", 1, -math.inf)
    high = _bound(node, state, "max", 2, math.inf)
    _add_activation(node, state, Clip(low, high))


def extremum(node: Node, state: State) -> None:
    """Import Min or Max: with a constant number, which is half of a Clip, with a constant tensor, or of two tensors."""
    if len(node.inputs) != 2:
        raise Refusal(f"has {len(node.inputs)} inputs, expected 2. Use one {node.op} after the other")
    fixed = next((position for position in range(2) if state.is_constant(node, position)), None)
    if fixed is None:
        _of_two(node, state)
        return
    bounds = state.constant(node, fixed, "bound")
    if bounds.size == 1:
        bound = _number(node, state, fixed, "bound")
        _add_activation(node, state, Clip(low=bound) if node.op == "Max" else Clip(high=bound), 1 - fixed)
        return
    value = state.data(node, 1 - fixed)
    values = canonical(value, broadcast(value, state.weights(node, fixed, "bound")))
    other = state.constant_layer(node, "bounds", values)

    def build(name: str) -> Layer:
        return Extremum(name=name, inputs=(value.tensor, other.tensor), source=node.label, largest=node.op == "Max")

    state.add_layer(node, value.layout, value.index, build)


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
