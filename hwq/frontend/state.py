"""What the importer knows while it walks the model: constants, values, layouts, and layers to be built.

Every ONNX tensor that carries data is a `Value`: the hwq tensor that holds its elements and, for each
element, its position there. Reshape and Transpose only rearrange the positions. The canonical
(C, H, W) order of a model input is open until a layer needs one; then its `Layout` is fixed for all values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hwq.frontend.graph import FloatArray, Layer, Shape
from hwq.frontend.node import Node, Refusal
from hwq.ir.names import sanitize

Index = NDArray[np.int64]
Build = Callable[[str], Layer]


MAX_ELEMENTS = 2**24
"""The largest tensor of one sample that is accepted."""


def count_up(shape: Sequence[int]) -> Index:
    """Positions 0, 1, 2, ... in the given shape.

    Raises
    ------
    Refusal
        When there are more than `MAX_ELEMENTS`.
    """
    size = math.prod(shape)
    if size > MAX_ELEMENTS:
        raise Refusal(f"tensor of {size} elements a sample, expected at most {MAX_ELEMENTS}. Use a smaller input")
    return np.arange(size, dtype=np.int64).reshape(shape)


def natural_shape(shape: Sequence[int]) -> Shape:
    """(C, H, W) of a tensor whose ONNX shape without batch is `shape`: channels first, vectors (F, 1, 1)."""
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    if len(shape) == 2:
        return (shape[0], 1, shape[1])
    return (int(np.prod(shape, dtype=np.int64)), 1, 1)


@dataclass(slots=True, eq=False)
class Layout:
    """Where the elements of a tensor lie in (C, H, W); shared by tensors that only differ element by element.

    `position` maps an element's number at birth to its flat canonical position; None while it is open.
    """

    shape: Shape | None = None
    position: Index | None = None

    def fix(self, order: Index, shape: Shape) -> None:
        """Decide that the element with number ``order.ravel()[i]`` lies at canonical position i."""
        position = np.empty(order.size, np.int64)
        position[order.ravel()] = np.arange(order.size)
        self.shape, self.position = shape, position

    def place(self, index: Index) -> Index:
        """Canonical positions of the elements with the numbers in `index`; the layout must be fixed."""
        assert self.position is not None
        return np.asarray(self.position[index])


def canonical_layout(shape: Shape) -> Layout:
    """The layout of a layer's output: numbers and positions are the same."""
    return Layout(shape, count_up((math.prod(shape),)))


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An ONNX tensor with data in it; `index` has its shape without batch and holds element numbers."""

    tensor: str
    index: Index
    layout: Layout
    integer: bool = False
    end: str = ""
    """name of the operator that made it, when nothing may be computed after that operator"""
    host_ops: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """ONNX shape without batch."""
        return self.index.shape

    def settle(self) -> None:
        """Give an open layout the natural (C, H, W) of this value."""
        if self.layout.position is None:
            self.layout.fix(self.index, natural_shape(self.shape))

    def positions(self) -> Index:
        """Canonical positions of the elements, in the ONNX shape."""
        self.settle()
        return self.layout.place(self.index)

    def image(self) -> Shape:
        """(C, H, W) of a value that an operator takes as (C, H, W) or (C, W); fixes an open layout.

        Raises
        ------
        Refusal
            When the value has another rank, or its elements lie in another order.
        """
        if len(self.shape) not in (2, 3):
            raise Refusal(
                f"input has the shape [N{''.join(f',{size}' for size in self.shape)}], "
                "expected [N,C,H,W] or [N,C,W]. Reshape it in the model"
            )
        shape = natural_shape(self.shape)
        found = self.positions()
        if self.layout.shape != shape or not np.array_equal(found.ravel(), np.arange(found.size)):
            raise Refusal(
                f"input is {shape} (channels, height, width) made from {self.layout.shape} by Reshape or "
                "Transpose, expected the order in which the layer before it produces it. hwq keeps no "
                "buffer to reorder an image: remove the Reshape or Transpose"
            )
        return shape


@dataclass(slots=True, eq=False)
class State:
    """The importer's memory."""

    constants: dict[str, NDArray[np.generic]]
    opset: int
    batch: int | None
    """batch size that the model declares, None when it is free"""
    values: dict[str, Value] = field(default_factory=dict)
    layouts: dict[str, Layout] = field(default_factory=dict)
    builds: list[tuple[Node, str, Build]] = field(default_factory=list)
    vectors: list[Value] = field(default_factory=list)
    """values that a dense layer reads: their layout is a vector's if no other layer fixes it"""
    sources: dict[str, str] = field(default_factory=dict)

    def new_tensor(self, name: str, layout: Layout, source: str) -> str:
        """Register a tensor under a legal name made from `name`."""
        tensor = sanitize(name, self.layouts)
        self.layouts[tensor] = layout
        self.sources[tensor] = source
        return tensor

    def data(self, node: Node, position: int = 0) -> Value:
        """The value at an input, which must carry data that may still be computed with."""
        value = self.any_data(node, position)
        if value.end:
            raise Refusal(f"it follows {value.end}, expected {value.end} to be the last operator. Cut the model there")
        if value.integer:
            raise Refusal("input is of an integer type, expected float. Insert a Cast to float")
        return value

    def any_data(self, node: Node, position: int = 0) -> Value:
        """The value at an input, which must carry data."""
        if not node.has_input(position):
            raise Refusal(f"input {position} is absent, expected a tensor")
        name = node.inputs[position]
        if name in self.constants:
            raise Refusal(f"input {position} ('{name}') is constant, expected data that depends on the model's input")
        return self.values[name]

    def is_constant(self, node: Node, position: int) -> bool:
        """True when the input is given and constant."""
        return node.has_input(position) and node.inputs[position] in self.constants

    def constant(self, node: Node, position: int, what: str) -> NDArray[np.generic]:
        """The constant at an input; `what` names its role in messages."""
        name = node.inputs[position] if node.has_input(position) else ""
        if name not in self.constants:
            raise Refusal(f"{what} ('{name}') is computed at run time, expected a constant. Make it an initialiser")
        array = self.constants[name]
        if array.dtype.kind in "OSUc":
            raise Refusal(f"{what} ('{name}') is of the type {array.dtype}, expected real numbers. Re-export")
        return array

    def weights(self, node: Node, position: int, what: str) -> FloatArray:
        """A constant of finite numbers as float64."""
        array = np.asarray(self.constant(node, position, what), np.float64)
        if not np.isfinite(array).all():
            raise Refusal(f"{what} ('{node.inputs[position]}') holds NaN or infinity, expected finite numbers")
        return array

    def settings(self, node: Node, name: str, position: int) -> tuple[int, ...] | None:
        """Integers that older operator sets keep in an attribute and newer ones in an input."""
        if not node.has_input(position):
            return node.integers(name)
        return tuple(int(item) for item in np.ravel(np.asarray(self.constant(node, position, name), np.int64)))

    def only_first_output(self, node: Node, used: frozenset[str]) -> None:
        """Refuse a node of which another output than the first is used."""
        for name in node.outputs[1:]:
            if name in used:
                raise Refusal(f"its output '{name}' is used, expected only the first one to be")

    def relabel(self, node: Node, value: Value, index: Index) -> None:
        """The node's output is `value` with its elements rearranged."""
        self.values[node.outputs[0]] = replace(value, index=index)

    def add_layer(self, node: Node, layout: Layout, index: Index, build: Build, end: str = "") -> None:
        """The node's output is a new tensor; `build` makes its layer once every layout is fixed."""
        tensor = self.new_tensor(node.outputs[0], layout, node.label)
        self.values[node.outputs[0]] = Value(tensor, index, layout, end=end)
        self.builds.append((node, tensor, build))

    def add_image(self, node: Node, value: Value, shape: Shape, build: Build) -> None:
        """A new tensor of canonical `shape` whose ONNX shape has the rank of `value`."""
        index = count_up(shape if len(value.shape) == 3 else (shape[0], shape[2]))
        self.add_layer(node, canonical_layout(shape), index, build)
