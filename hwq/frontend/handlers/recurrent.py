"""LSTM, GRU and RNN: the product with the input of all steps is a convolution, the rest a cell that keeps its state."""

from __future__ import annotations

import numpy as np

from hwq.frontend.graph import Cell, Concat, Conv, FloatArray, Layer, Recurrent
from hwq.frontend.node import Node, Refusal
from hwq.frontend.state import State
from hwq.frontend.value import Index, Value, natural_shape

_ACTIVATIONS = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}
_STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}
"""Inputs that hold initial states."""


def recurrent(node: Node, state: State) -> None:
    """Import an LSTM, GRU or RNN node, forward, backward or both, its state zero at the start."""
    value = state.any_data(node)
    batch_first = bool(node.integer("layout", 0))
    expected = 0 if batch_first else 1
    if len(value.shape) != 2 or value.batch != expected or value.end or value.integer:
        raise Refusal(
            f"input without batch is {value.shape}, batch axis {value.batch}, expected (steps, features) of floats and "
            f"axis {expected}. Transpose it"
        )
    cell = _cell(node)
    weight, loop, bias, directions = _weights(node, state, cell, value.shape[1])
    _refuse_settings(node, state, cell, value.shape[0], directions)
    units, steps = loop.shape[2], value.shape[0]
    outputs = []
    for number, backward in enumerate(directions):
        order = value.index[::-1] if backward else value.index
        suffix = ("_forward", "_backward")[backward] if len(directions) > 1 else ""
        source = state.arranged(node, value, order.T[:, None, :])
        found = _direction(node, state, source, cell, (weight[number], loop[number], bias[number]), steps, suffix)
        outputs.append(_turned(node, state, found) if backward else found)
    joined = outputs[0] if len(outputs) == 1 else _joined(node, state, outputs)
    states = joined.index.reshape(len(directions), units, steps)
    _deliver(node, state, joined, states, directions, batch_first)


def _cell(node: Node) -> Cell:
    if node.op == "GRU":
        return Cell.GRU_AFTER if node.integer("linear_before_reset", 0) else Cell.GRU
    return Cell[node.op]


def _weights(
    node: Node, state: State, cell: Cell, features: int
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[bool, ...]]:
    """Weights of input and state, biases (directions, gates * units, 2), and which directions run backward."""
    weight, loop = state.weights(node, 1, "W"), state.weights(node, 2, "R")
    named = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    direction = node.text("direction", "forward")
    if direction not in named:
        raise Refusal(f"direction is {direction!r}, expected one of {', '.join(named)}")
    count, units = len(named[direction]), loop.shape[-1] if loop.ndim else 0
    rows = cell.gates * units
    if weight.shape != (count, rows, features) or loop.shape != (count, rows, units):
        raise Refusal(f"W {weight.shape} and R {loop.shape} do not fit {features} features and {direction}")
    bias = np.zeros((count, 2 * rows))
    if node.has_input(3):
        bias = state.weights(node, 3, "B")
        if bias.shape != (count, 2 * rows):
            raise Refusal(f"B has the shape {bias.shape}, expected ({count}, {2 * rows})")
    return weight, loop, bias.reshape(count, 2, rows).transpose(0, 2, 1), named[direction]


def _refuse_settings(node: Node, state: State, cell: Cell, steps: int, directions: tuple[bool, ...]) -> None:
    """Whatever would compute something else than the plain cell."""
    wanted = _ACTIVATIONS[node.op] * len(directions)
    given = tuple(item.decode("utf-8", "replace").lower() for item in node.attributes.get("activations", ()))
    if given and given != wanted:
        raise Refusal(f"activations are {given}, expected {wanted}. Retrain with these")
    if "clip" in node.attributes or node.integer("input_forget", 0):
        raise Refusal("clip or input_forget is set, expected neither. Export it without")
    if node.has_input(4) and (np.asarray(state.constant(node, 4, "sequence_lens")) != steps).any():
        raise Refusal(f"sequence_lens differ from {steps}, expected all steps to count")
    for position in _STATES[node.op]:
        if node.has_input(position) and state.weights(node, position, "initial state").any():
            raise Refusal("its initial state is not zero, expected zeros. The state starts at zero with each frame")
    if cell is Cell.LSTM and node.has_input(7) and state.weights(node, 7, "P").any():
        raise Refusal("P holds peephole weights, expected none or zeros")


def _direction(
    node: Node,
    state: State,
    source: str,
    cell: Cell,
    weights: tuple[FloatArray, FloatArray, FloatArray],
    steps: int,
    suffix: str,
) -> Value:
    """Input product and cell of one direction."""
    weight, loop, bias = weights
    gates, units = cell.gates, loop.shape[1]
    order = cell.rows(units)
    inside = bias[:, 1].copy()
    after = np.zeros(units)
    if cell is Cell.GRU_AFTER:
        after, inside[2 * units :] = inside[2 * units :].copy(), 0.0
    total = (bias[:, 0] + inside)[order]

    def product(name: str) -> Layer:
        kernel = weight[order].reshape(gates * units, -1, 1, 1)
        return Conv(name=name, inputs=(source,), source=node.label, weight=kernel, bias=total)

    made = state.inner_layer(node, f"inputs{suffix}", (gates * units, 1, steps), product)

    def run(name: str) -> Layer:
        return Recurrent(
            name=name, inputs=(made.tensor,), source=node.label, cell=cell, weight=loop[order], bias=after
        )  # fmt: skip

    return state.inner_layer(node, f"states{suffix}", (units, 1, steps), run)


def _turned(node: Node, state: State, value: Value) -> Value:
    """The same with its steps in the order of the input."""
    tensor = state.arranged(node, value, value.index[:, :, ::-1])
    return Value(tensor, value.index, state.layouts[tensor])


def _joined(node: Node, state: State, parts: list[Value]) -> Value:
    names = tuple(part.tensor for part in parts)
    units, _, steps = parts[0].index.shape

    def build(name: str) -> Layer:
        return Concat(name=name, inputs=names, source=node.label, axis=0)

    return state.inner_layer(node, "both", natural_shape((len(parts) * units, 1, steps)), build)


def _deliver(
    node: Node, state: State, value: Value, states: Index, directions: tuple[bool, ...], batch_first: bool
) -> None:
    """Y with all steps, and Y_h with the last one of each direction; `states` is (directions, units, steps)."""
    every = states.transpose(2, 0, 1)
    last = np.stack([found[:, 0 if backward else -1] for found, backward in zip(states, directions, strict=True)])
    names = (*node.outputs, "", "", "")
    if names[0]:
        state.values[names[0]] = Value(value.tensor, every, value.layout, batch=0 if batch_first else 2)
    if names[1]:
        state.select(node, value, last, names[1])
        state.values[names[1]] = _with_batch(state.values[names[1]], 0 if batch_first else 1)


def _with_batch(value: Value, batch: int) -> Value:
    return Value(value.tensor, value.index, value.layout, batch=batch)
