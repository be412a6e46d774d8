"""Values: where the elements of each ONNX tensor with data in it lie.

A `Value` is the hwq tensor that holds an ONNX tensor's elements and, for each element, its position there. Reshape and
Transpose only rearrange the positions. The canonical (C, H, W) order of a model input is open until a layer needs one;
then its `Layout` is fixed for all values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwq.frontend.graph import Shape
from hwq.frontend.node import Refusal

Index = NDArray[np.int64]

MAX_ELEMENTS = 2**24
"""The largest tensor of one sample that is accepted."""


def check_size(shape: Sequence[int]) -> None:
    """Refuse a tensor of more than `MAX_ELEMENTS`, before any of it is made."""
    size = math.prod(shape)
    if size > MAX_ELEMENTS:
        raise Refusal(f"tensor of {size} elements a sample, expected at most {MAX_ELEMENTS}. Use a smaller input")


def count_up(shape: Sequence[int]) -> Index:
    """Positions 0, 1, 2, ... in the given shape, which `check_size` accepts."""
    check_size(shape)
    return np.arange(math.prod(shape), dtype=np.int64).reshape(shape)


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

    `birth` is the ONNX shape, without batch, in which its elements were numbered.  `position` maps an element's number
    to its flat canonical position; None while it is open.
    """

    birth: tuple[int, ...]
    shape: Shape | None = None
    position: Index | None = None

    def fix(self, order: Index, shape: Shape) -> None:
        """Decide that the element with number ``order.ravel()[i]`` lies at canonical position i."""
        position = np.empty(order.size, np.int64)
        position[order.ravel()] = np.arange(order.size)
        self.shape, self.position = shape, position

    def settle(self) -> None:
        """Give an open layout the natural (C, H, W) of its birth."""
        if self.position is None:
            self.fix(count_up(self.birth), natural_shape(self.birth))

    @property
    def settled(self) -> Shape:
        """(C, H, W); fixes an open layout."""
        self.settle()
        assert self.shape is not None
        return self.shape

    def place(self, index: Index) -> Index:
        """Canonical positions of the elements with the numbers in `index`; fixes an open layout."""
        self.settle()
        assert self.position is not None
        return np.asarray(self.position[index])

    def takes(self, order: Index) -> bool:
        """Whether the elements lie in `order`, (C, H, W) of their numbers; an open layout is fixed so if it can be."""
        shape = natural_shape(order.shape)
        every = order.size == math.prod(self.birth)
        if self.position is None and every and np.array_equal(np.sort(order.ravel()), np.arange(order.size)):
            self.fix(order, shape)
        return every and self.shape == shape and np.array_equal(self.place(order).ravel(), np.arange(order.size))


def canonical_layout(shape: Shape) -> Layout:
    """The layout of a layer's output: numbers and positions are the same."""
    return Layout(shape, shape, count_up((math.prod(shape),)))


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An ONNX tensor with data in it; `index` has its shape without batch and holds each element's number once.

    `batch` is the axis of the batch.
    """

    tensor: str
    index: Index
    layout: Layout
    integer: bool = False
    end: str = ""
    """name of the operator that made it, when nothing may be computed after that operator"""
    host_ops: tuple[str, ...] = ()
    batch: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """ONNX shape without batch."""
        return self.index.shape

    def with_batch(self) -> Index:
        """The element numbers with an axis of one sample."""
        return np.expand_dims(self.index, self.batch)

    def positions(self) -> Index:
        """Canonical positions of the elements, in the ONNX shape."""
        return self.layout.place(self.index)


def by_channel(value: Value, axis: int) -> Index:
    """The numbers of a value as (C, H, W) with `axis` as channels and the last of the others as width."""
    moved = np.moveaxis(value.index, axis, 0)
    width = moved.shape[-1] if moved.ndim > 1 else 1
    return moved.reshape(moved.shape[0], -1, width)
