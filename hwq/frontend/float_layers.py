"""Layers beside convolutions and pools as nodes of a float ONNX model on (N, C, H, W) tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from hwq.frontend.expression import Expr
from hwq.frontend.float_nodes import Nodes
from hwq.frontend.layers import (
    Cell,
    Concat,
    Const,
    ElementAffine,
    Extremum,
    Function,
    Gather,
    Layer,
    MatMul,
    Mul,
    Normalise,
    PRelu,
    Recurrent,
    Softmax,
    TopK,
)


def write_layer(to: Nodes, layer: Layer) -> None:
    """Append the nodes of one layer to `to`.

    Raises
    ------
    TypeError
        When the layer has no form here.
    """
    write = _WRITE.get(type(layer))
    if write is None:
        raise TypeError(f"{layer.name}: no ONNX form of {type(layer).__name__}")
    write(to, layer)


def _element_affine(to: Nodes, layer: ElementAffine) -> None:
    scale, shift = (to.constant(f"{layer.name}:{what}", getattr(layer, what)) for what in ("scale", "shift"))
    to.node("Add", [to.node("Mul", [layer.inputs[0], scale], f"{layer.name}:scaled"), shift], layer.name)


def _function(to: Nodes, layer: Function) -> None:
    found: dict[Expr, str] = {}
    steps = list(layer.expr.steps())
    for number, step in enumerate(steps):
        name = layer.name if number == len(steps) - 1 else f"{layer.name}:step{number}"
        if step in found and number < len(steps) - 1:
            continue
        if step.op == "x":
            found[step] = layer.inputs[0]
        elif step.op == "number":
            found[step] = to.constant(name, step.value)
        else:
            found[step] = to.node(step.op, [found[arg] for arg in step.args], name, **dict(step.attributes))


def _prelu(to: Nodes, layer: PRelu) -> None:
    slopes = to.constant(f"{layer.name}:slopes", layer.slopes.reshape(-1, 1, 1))
    to.node("PRelu", [layer.inputs[0], slopes], layer.name)


def _mul(to: Nodes, layer: Mul) -> None:
    to.node("Mul", layer.inputs, layer.name)


def _extremum(to: Nodes, layer: Extremum) -> None:
    to.node("Max" if layer.largest else "Min", layer.inputs, layer.name)


def _concat(to: Nodes, layer: Concat) -> None:
    to.node("Concat", layer.inputs, layer.name, axis=layer.axis + 1)


def _gather(to: Nodes, layer: Gather) -> None:
    index, source = layer.index.ravel(), to.node("Flatten", layer.inputs, f"{layer.name}:flat")
    if (index < 0).any():
        pads = to.integers(f"{layer.name}:pads", [0, 0, 0, 1])
        source = to.node("Pad", [source, pads, to.constant(f"{layer.name}:value", layer.value)], f"{layer.name}:padded")
    places = to.integers(f"{layer.name}:index", index)  # -1 is the last element, the one that was added
    flat = to.node("Gather", [source, places], f"{layer.name}:gathered", axis=1)
    to.node("Reshape", [flat, to.integers(f"{layer.name}:shape", [0, *layer.index.shape])], layer.name)


def _const(to: Nodes, layer: Const) -> None:
    batch = to.node("Shape", [to.batch_of], f"{layer.name}:batch", start=0, end=1)
    shape = to.node("Concat", [batch, to.integers(f"{layer.name}:rest", layer.values.shape)], f"{layer.name}:shape",
                    axis=0)  # fmt: skip
    to.node("Expand", [to.constant(f"{layer.name}:values", layer.values[None]), shape], layer.name)


def _matmul(to: Nodes, layer: MatMul) -> None:
    a, b = layer.inputs
    rows = to.node("Transpose", [a], f"{layer.name}:rows", perm=[0, 2, 3, 1])
    columns = to.node("Transpose", [b], f"{layer.name}:columns", perm=[0, 2, 1, 3])
    product = to.node("MatMul", [rows, columns], f"{layer.name}:product")
    scaled = to.node("Mul", [product, to.constant(f"{layer.name}:scale", layer.scale)], f"{layer.name}:scaled")
    to.node("Transpose", [scaled], layer.name, perm=[0, 3, 1, 2])


def _softmax(to: Nodes, layer: Softmax) -> None:
    to.node("Softmax", layer.inputs, layer.name, axis=1)


def _normalise(to: Nodes, layer: Normalise) -> None:
    mean = to.node("ReduceMean", layer.inputs, f"{layer.name}:mean", axes=[1])
    centred = to.node("Sub", [layer.inputs[0], mean], f"{layer.name}:centred")
    square = to.node("Mul", [centred, centred], f"{layer.name}:square")
    variance = to.node("ReduceMean", [square], f"{layer.name}:variance", axes=[1])
    safe = to.node("Add", [variance, to.constant(f"{layer.name}:epsilon", layer.epsilon)], f"{layer.name}:safe")
    spread = to.node("Sqrt", [safe], f"{layer.name}:spread")
    to.node("Div", [centred, spread], layer.name)


def _recurrent(to: Nodes, layer: Recurrent) -> None:
    """The operator of ONNX, whose input weights put the gates into its own order."""
    gates, units = layer.cell.gates, layer.weight.shape[1]
    order = np.argsort(layer.cell.rows(units))
    weight = to.constant(f"{layer.name}:input", np.eye(gates * units)[order][None])
    state = to.constant(f"{layer.name}:state", layer.weight[order][None])
    bias = np.zeros(2 * gates * units)
    attributes: dict[str, Any] = {"hidden_size": units}
    if layer.cell is Cell.GRU_AFTER:
        bias[-units:] = layer.bias
        attributes["linear_before_reset"] = 1
    steps = to.node("Squeeze", [layer.inputs[0], to.integers(f"{layer.name}:row", [2])], f"{layer.name}:signal")
    first = to.node("Transpose", [steps], f"{layer.name}:steps", perm=[2, 0, 1])
    op = layer.cell.name.removesuffix("_AFTER")
    inputs = [first, weight, state, to.constant(f"{layer.name}:bias", bias[None])]
    made = to.node(op, inputs, f"{layer.name}:states", **attributes)
    last = to.node("Transpose", [made], f"{layer.name}:turned", perm=[2, 3, 1, 0])
    to.node("Identity", [last], layer.name)


def _topk(to: Nodes, layer: TopK) -> None:
    count = to.integers(f"{layer.name}:k", [layer.k])
    to.node("TopK", [layer.inputs[0], count], f"{layer.name}:largest", f"{layer.name}:index", axis=1)
    to.node("Cast", [f"{layer.name}:index"], layer.name, to=TensorProto.FLOAT)


_WRITE: dict[type[Layer], Callable[[Nodes, Any], None]] = {
    Concat: _concat, Const: _const, ElementAffine: _element_affine, Extremum: _extremum, Function: _function,
    Gather: _gather, MatMul: _matmul, Mul: _mul, Normalise: _normalise, PRelu: _prelu, Recurrent: _recurrent,
    Softmax: _softmax, TopK: _topk,
}  # fmt: skip
