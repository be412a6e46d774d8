"""Weights: which integers a layer of a quantised model multiplies by, wherever its handler has moved them.

Handlers of layers read weights as arrays of floats, and reorder them.  They are given numbers instead, one for each
weight, by which integers and scales are found again in the layer that they build.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.frontend import graph as fg
from hwq.frontend.node import Refusal
from hwq.ir.program import MAX_TENSOR_BITS

FloatArray = NDArray[np.float64]
TOO_LARGE = 1 << (MAX_TENSOR_BITS - 1)
"""Magnitude from which on an integer is no weight."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A constant tensor of quantised values: integers, and the scale of each."""

    integers: IntArray
    scale: FloatArray


@dataclass(slots=True, eq=False)
class Weights:
    """Numbers that stand for weights; 0 is a weight of zero that a handler has put in."""

    _integers: list[IntArray] = field(default_factory=lambda: [np.zeros(1, np.int64)])
    _scales: list[FloatArray] = field(default_factory=lambda: [np.full(1, np.nan)])
    _count: int = 1

    def numbers(self, grid: Grid) -> FloatArray:
        """Numbers in the shape of `grid`."""
        first, size = self._count, grid.integers.size
        self._integers.append(grid.integers.ravel())
        self._scales.append(np.broadcast_to(grid.scale, grid.integers.shape).ravel())
        self._count += size
        return np.arange(first, first + size, dtype=np.float64).reshape(grid.integers.shape)

    def of(self, layer: fg.Conv | fg.Dense) -> tuple[IntArray, FloatArray]:
        """Integers in the shape of the weights of `layer`, and the scale of each output (M,).

        Raises
        ------
        Refusal
            When weights were not quantised, or an output has several scales.
        """
        numbers = np.rint(layer.weight).astype(np.int64)
        if (numbers != layer.weight).any() or numbers.min() < 0 or numbers.max() >= self._count:
            raise Refusal("multiplies its weights by a factor, expected alpha 1. Fold it into their scale")
        integers = np.concatenate(self._integers)[numbers]
        scales = np.concatenate(self._scales)[numbers].reshape(len(numbers), -1)
        scale = np.nanmax(np.where(np.isnan(scales), 0.0, scales), axis=1)
        scale[scale == 0] = 1.0
        if (np.nan_to_num(scales, nan=-1.0) != np.where(np.isnan(scales), -1.0, scale[:, None])).any():
            raise Refusal("the scale of its weights differs within an output, expected one for each output")
        if np.abs(integers).max() >= TOO_LARGE:
            raise Refusal(f"weights have more than {MAX_TENSOR_BITS} bits, expected fewer. Use fewer bits")
        return integers, scale


def grid_of_whole(array: NDArray[np.generic]) -> Grid | None:
    """A constant of whole numbers as weights of scale 1; None where it holds others."""
    real = np.asarray(array, np.float64)
    integers = np.rint(real).astype(np.int64)
    if (integers != real).any() or np.abs(integers).max(initial=0) >= TOO_LARGE:
        return None
    return Grid(integers, np.ones(real.shape))
