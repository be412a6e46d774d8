"""Functions of single values, which hardware takes from a table, and leaky rectifiers."""

from __future__ import annotations

import math

import numpy as np

from hwq.frontend.expression import OPERATORS, Expr, X, number
from hwq.frontend.graph import FloatArray, Function, Layer, PRelu
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Value, by_channel, canonical_layout, count_up, natural_shape


def unary(node: Node, state: State) -> None:
    """Import an operator of one input that `expression.OPERATORS` knows, with its attributes."""
    attributes = tuple((name, float(node.real(name, 0.0))) for name in sorted(node.attributes))
    assert node.op in OPERATORS
    _add(node, state, Expr(node.op, (X,), attributes=attributes))


def gelu(node: Node, state: State) -> None:
    """Import a Gelu node, exact or by tanh."""
    half = Expr("Mul", (X, number(0.5)))
    if node.text("approximate", "none") == "tanh":
        cube = Expr("Mul", (X, Expr("Mul", (X, X))))
        inner = Expr("Add", (X, Expr("Mul", (cube, number(0.044715)))))
        curve = Expr("Tanh", (Expr("Mul", (inner, number(math.sqrt(2.0 / math.pi)))),))
    else:
        curve = Expr("Erf", (Expr("Div", (X, number(math.sqrt(2.0)))),))
    _add(node, state, Expr("Mul", (half, Expr("Add", (curve, number(1.0))))))


def mish(node: Node, state: State) -> None:
    """Import a Mish node."""
    _add(node, state, Expr("Mul", (X, Expr("Tanh", (Expr("Softplus", (X,)),)))))


def power(node: Node, state: State) -> None:
    """Import a Pow node with a constant number as exponent."""
    exponent = state.weights(node, 1, "exponent")
    if exponent.size != 1:
        raise Refusal(f"exponent has the shape {exponent.shape}, expected one number")
    _add(node, state, Expr("Pow", (X, number(exponent.ravel()[0]))))


def _add(node: Node, state: State, expr: Expr) -> None:
    value = state.data(node)

    def build(name: str) -> Layer:
        return Function(name=name, inputs=(value.tensor,), source=node.label, expr=expr)

    state.add_layer(node, value.layout, value.index, build)


def prelu(node: Node, state: State) -> None:
    """Import a PRelu node with one slope, or one for each channel."""
    value = state.data(node)
    slopes = state.weights(node, 1, "slope")
    try:
        each = np.broadcast_to(slopes, (1, *value.shape))[0]
    except ValueError:
        raise Refusal(f"slope of shape {slopes.shape} does not broadcast to its input {value.shape}") from None
    _add_slopes(node, state, value, each)


def leaky_relu(node: Node, state: State) -> None:
    """Import a LeakyRelu node."""
    value = state.data(node)
    _add_slopes(node, state, value, np.full(value.shape, node.real("alpha", 0.01)))


def _add_slopes(node: Node, state: State, value: Value, each: FloatArray) -> None:
    """Slopes of the value's ONNX shape; the axis along which they differ becomes the channels."""
    if not np.isfinite(each).all():
        raise Refusal("its slope is infinite, expected finite numbers. Check the trained model")
    axes = [axis for axis in range(each.ndim) if (each.max(axis=axis) != each.min(axis=axis)).any()]
    if len(axes) > 1:
        raise Refusal("its slope differs from pixel to pixel, expected one number a channel")
    source, layout, index, slopes = value.tensor, value.layout, value.index, each.ravel()[:1]
    if axes:
        (axis,), order = axes, by_channel(value, axes[0])
        source, layout = state.arranged(node, value, order), canonical_layout(natural_shape(order.shape))
        index = np.moveaxis(count_up((len(order), *value.shape[:axis], *value.shape[axis + 1 :])), 0, axis)
        slopes = np.moveaxis(each, axis, 0).reshape(len(order), -1)[:, 0]

    def build(name: str) -> Layer:
        channels = np.broadcast_to(slopes, layout.settled[:1]).copy()
        return PRelu(name=name, inputs=(source,), source=node.label, slopes=channels)

    state.add_layer(node, layout, index, build)
