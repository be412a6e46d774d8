"""Ports in ONNX: nodes between the user's array and the (height, width, channels) tensor of a program (rule T3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from hwq.ir.order import Order, axes_of
from hwq.ir.port import Port
from hwq.ir.types import Shape

Wiring = tuple[list[NodeProto], list[TensorProto]]
"""Nodes in order, and the initialisers that they read."""


def to_tensor(port: Port, shape: Shape, source: str, target: str, layout: str = "NHWC") -> Wiring:
    """Nodes from the user's array `source` (batch, ONNX shape) to the tensor `target`.

    Parameters
    ----------
    shape
        Height, width, channels of the tensor, whatever the layout.
    source, target
        Names in the graph; names of new tensors and initialisers begin with `target` and a double underscore.
    layout
        ``"NHWC"``, a program's own, or ``"NCHW"``, ONNX's: the axes of `target`, batch first.

    Returns
    -------
    tuple
        At least one node, in order, the last of which makes `target`; and their initialisers.  The element type is
        that of `source`, the batch axis is free.
    """
    order, sizes = _in_layout(port, shape, layout)
    return _wire(np.argsort(order.ravel()), port.index.shape, sizes, source, target)


def from_tensor(port: Port, shape: Shape, source: str, target: str, layout: str = "NHWC") -> Wiring:
    """Nodes from the tensor `source` to the user's array `target`; see `to_tensor`."""
    order, sizes = _in_layout(port, shape, layout)
    return _wire(order.ravel(), sizes, port.index.shape, source, target)


def _in_layout(port: Port, shape: Shape, layout: str) -> tuple[Order, Sequence[int]]:
    """For each element of the user's array its position in the tensor, and the tensor's sizes, in `layout`."""
    height, width, channels = shape
    if layout == "NHWC":
        return port.index, shape
    assert layout == "NCHW", layout
    planes = np.arange(port.index.size).reshape(channels, height, width).transpose(1, 2, 0).ravel()
    return planes[port.index], (channels, height, width)


def _wire(order: Order, before: Sequence[int], after: Sequence[int], source: str, target: str) -> Wiring:
    """Element i of `target`, of sizes `after`, is element order[i] of `source`, of sizes `before`."""
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []

    def constant(what: str, values: NDArray[np.int64]) -> str:
        constants.append(numpy_helper.from_array(values, f"{target}__{what}"))
        return constants[-1].name

    def add(op_type: str, what: str, *names: str, **attributes: Any) -> None:
        last = nodes[-1].output[0] if nodes else source
        node = helper.make_node(op_type, [last, *names], [f"{target}__{what}"], f"{target}__{what}", **attributes)
        nodes.append(node)

    def reshape(what: str, sizes: Sequence[int]) -> None:
        add("Reshape", what, constant(f"{what}_sizes", np.array((0, *sizes), np.int64)))  # 0 keeps the batch

    axes = axes_of(order)
    if axes is None:
        reshape("flat", (order.size,))
        add("Gather", "ordered", constant("order", order), axis=1)
        reshape("shaped", after)
    else:
        sizes = tuple(before)
        if len(axes.dims) > 1:
            if sizes != axes.dims:
                reshape("axes", axes.dims)
            add("Transpose", "transposed", perm=[0, *(axis + 1 for axis in axes.perm)])
            sizes = tuple(axes.dims[axis] for axis in axes.perm)
        if sizes != tuple(after):
            reshape("shaped", after)
    if not nodes:
        add("Identity", "same")
    nodes[-1].output[0] = target
    return nodes, constants
