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
