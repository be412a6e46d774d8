"""What the importer knows while it walks the model: constants, values, and layers to be built."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hwq.frontend.graph import Const, FloatArray, Gather, Layer, Shape
from hwq.frontend.node import Node, Refusal
from hwq.frontend.value import Index, Layout, Value, canonical_layout, check_size, count_up, natural_shape
from hwq.ir.names import sanitize

Build = Callable[[str], Layer]


@dataclass(slots=True, eq=False)
class State:
    """The importer's memory."""

    constants: dict[str, NDArray[np.generic]]
    opset: int
    batch: int | None
    """batch size that the model declares, None when it is free"""
    terminal: frozenset[str] = frozenset()
    """tensors that only reach outputs of the model, by operators that move elements, or an ArgMax"""
    values: dict[str, Value] = field(default_factory=dict)
    layouts: dict[str, Layout] = field(default_factory=dict)
    builds: list[tuple[Node, str, Build]] = field(default_factory=list)
    vectors: list[Value] = field(default_factory=list)
    """values that a dense layer reads: their layout is a vector's if no other layer fixes it"""
    sources: dict[str, str] = field(default_factory=dict)
    _gathered: dict[tuple[str, Shape, bytes], str] = field(default_factory=dict)

    def new_tensor(self, name: str, layout: Layout, source: str) -> str:
        """Register a tensor under a legal name made from `name`."""
        tensor = sanitize(name, self.layouts)
        self.layouts[tensor] = layout
        self.sources[tensor] = source
        return tensor

    def data(self, node: Node, position: int = 0) -> Value:
        """The value at an input, which must carry data that may still be computed with, batch first."""
        value = self.any_data(node, position)
        if value.batch:
            raise Refusal(f"the batch is axis {value.batch} of its input, expected axis 0. Transpose it back before")
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

    def relabel(self, node: Node, value: Value, index: Index, batch: int = 0) -> None:
        """The node's output is `value` with its elements rearranged."""
        self.values[node.outputs[0]] = replace(value, index=index, batch=batch)

    def add_layer(self, node: Node, layout: Layout, index: Index, build: Build, end: str = "") -> None:
        """The node's output is a new tensor; `build` makes its layer once every layout is fixed."""
        tensor = self.new_tensor(node.outputs[0], layout, node.label)
        self.values[node.outputs[0]] = Value(tensor, index, layout, end=end)
        self.builds.append((node, tensor, build))

    def inner_layer(self, node: Node, suffix: str, shape: Shape, build: Build) -> Value:
        """A new tensor within the node, of canonical `shape`, called after the node's output and `suffix`."""
        layout = canonical_layout(shape)
        first = next(name for name in node.outputs if name)
        tensor = self.new_tensor(f"{first}_{suffix}", layout, node.label)
        self.builds.append((node, tensor, build))
        return Value(tensor, count_up(shape), layout)

    def constant_layer(self, node: Node, suffix: str, values: FloatArray) -> Value:
        """A tensor of constant `values` (C, H, W)."""
        shape = (values.shape[0], values.shape[1], values.shape[2])

        def build(name: str) -> Layer:
            return Const(name=name, inputs=(), source=node.label, values=values)

        return self.inner_layer(node, suffix, shape, build)

    def arranged(self, node: Node, value: Value, order: Index) -> str:
        """The tensor that holds the elements of `value` in `order`, (C, H, W) of their numbers.

        It is the value's own where its layout takes that order, else one that a `Gather` makes.
        """
        if value.layout.takes(order):
            return value.tensor
        places = value.layout.place(order)
        shape = natural_shape(order.shape)
        key = (value.tensor, shape, places.tobytes())
        if key not in self._gathered:
            self._gathered[key] = self.gather_layer(node, value.tensor, places).tensor
        return self._gathered[key]

    def gather_layer(self, node: Node, source: str, places: Index, fill: float = 0.0) -> Value:
        """A new tensor of the canonical positions `places` (C, H, W) of `source`, and `fill` where they are -1."""

        def build(name: str) -> Layer:
            return Gather(name=name, inputs=(source,), source=node.label, index=places, value=fill)

        return self.inner_layer(node, "order", natural_shape(places.shape), build)

    def select(self, node: Node, value: Value, index: Index, output: str = "", fill: float = 0.0) -> None:
        """The output of `node` (its first, or `output`) has the elements `index`, in its ONNX shape; -1 is `fill`.

        What keeps its place in (C, H, W), as a slice does, keeps the order too.
        """
        output = output or node.outputs[0]
        check_size(index.shape)
        if index.size == 0:
            raise Refusal(f"makes a tensor of shape {index.shape}, expected at least one element. Remove it")
        if index.size == value.index.size and np.array_equal(
            np.sort(index, axis=None), np.sort(value.index, axis=None)
        ):
            self.values[output] = replace(value, index=index)
            return
        places = np.where(index < 0, -1, value.layout.place(index))
        kept = np.unique(places)
        sides = [np.unique(side) for side in np.unravel_index(kept, value.layout.settled)] if kept[0] >= 0 else []
        if sides and kept.size == places.size == math.prod(len(side) for side in sides):
            shape = natural_shape([len(side) for side in sides])
            made = self.gather_layer(node, value.tensor, kept.reshape(shape), fill)
            numbers = np.searchsorted(kept, places)
        else:
            made = self.gather_layer(node, value.tensor, places.reshape(natural_shape(index.shape)), fill)
            numbers = count_up(index.shape)
        self.values[output] = replace(made, index=numbers)

    def image(self, node: Node, position: int = 0) -> tuple[str, Shape]:
        """The tensor at an input as (C, H, W) of its own axes [N,C,H,W] or [N,C,W], and its shape.

        Raises
        ------
        Refusal
            When the value has another rank.
        """
        value = self.data(node, position)
        if len(value.shape) not in (2, 3):
            raise Refusal(
                f"input has the shape [N{''.join(f',{size}' for size in value.shape)}], "
                "expected [N,C,H,W] or [N,C,W]. Reshape it in the model"
            )
        shape = natural_shape(value.shape)
        return self.arranged(node, value, value.index.reshape(shape)), shape

    def add_image(self, node: Node, shape: Shape, build: Build) -> None:
        """A new tensor of canonical `shape` whose ONNX shape has the rank of the node's input."""
        rank = len(self.values[node.inputs[0]].shape)
        index = count_up(shape if rank == 3 else (shape[0], shape[2]))
        self.add_layer(node, canonical_layout(shape), index, build)
