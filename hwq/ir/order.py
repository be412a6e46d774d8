"""Orders of elements: which of them are nothing but a permutation of axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.int64]
"""For each position after, flat, the position before."""


@dataclass(frozen=True, slots=True)
class Axes:
    """An order of elements that is a permutation of axes: reshape to `dims`, then transpose by `perm`."""

    dims: tuple[int, ...]
    perm: tuple[int, ...]

    def order(self) -> Order:
        """Position before, for each position after (flat)."""
        return np.arange(int(np.prod(self.dims, dtype=np.int64))).reshape(self.dims).transpose(self.perm).ravel()


def axes_of(order: Order) -> Axes | None:
    """The fewest axes that make the permutation `order` (flat int64), or None where no permutation of axes does.

    Examples
    --------
    >>> axes_of(np.arange(12).reshape(4, 3).T.ravel())
    Axes(dims=(4, 3), perm=(1, 0))
    >>> axes_of(np.arange(6)), axes_of(np.array([1, 0, 2]))
    (Axes(dims=(6,), perm=(0,)), None)
    """
    found: list[tuple[int, int]] = []  # stride and size of each axis, innermost first
    rest = order
    while len(rest) > 1:
        stride = int(rest[1] - rest[0])
        breaks = np.flatnonzero(np.diff(rest) != stride)
        size = int(breaks[0]) + 1 if len(breaks) else len(rest)
        if len(rest) % size:
            return None
        found.append((stride, size))
        rest = rest[::size]
    outermost_first = found[::-1] or [(1, 1)]
    source = sorted(range(len(outermost_first)), key=lambda axis: -outermost_first[axis][0])
    axes = Axes(
        tuple(outermost_first[axis][1] for axis in source),
        tuple(source.index(axis) for axis in range(len(source))),
    )
    return axes if np.array_equal(axes.order(), order) else None


def stream_order(index: NDArray[np.int64], shape: tuple[int, int, int]) -> Order:
    """Positions in (channels, height, width) order, the `shape`, as positions in (height, width, channels) order."""
    channels, height, width = shape
    where = np.arange(channels * height * width).reshape(height, width, channels).transpose(2, 0, 1).ravel()
    order: Order = np.asarray(where[index], np.int64)
    return order


@dataclass(frozen=True, slots=True)
class Steps:
    """Positions that begin at `start` and move by a fixed step along each axis."""

    start: int
    along: tuple[int, ...]


def steps_of(index: NDArray[np.int64]) -> Steps | None:
    """The steps of positions `index`, an array of any shape but an empty one, or None where they vary.

    Axes of size 1 have step 0.

    Examples
    --------
    >>> steps_of(np.arange(12).reshape(4, 3).T)
    Steps(start=0, along=(1, 3))
    >>> steps_of(np.array([5, 3, 1])), steps_of(np.array([0, 1, 3]))
    (Steps(start=5, along=(-2,)), None)
    """
    start = int(index.flat[0])
    along = tuple(
        int(index[tuple(int(other == axis) for other in range(index.ndim))]) - start if size > 1 else 0
        for axis, size in enumerate(index.shape)
    )
    found = np.full(index.shape, start, np.int64)
    for axis, (step, size) in enumerate(zip(along, index.shape, strict=True)):
        found += step * np.arange(size).reshape(-1, *(1,) * (index.ndim - axis - 1))
    return Steps(start, along) if np.array_equal(found, index) else None
