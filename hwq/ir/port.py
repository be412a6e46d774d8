"""Port: an input or output of a program as the user of the model knows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Rounding
from hwq.ir.order import Axes, axes_of
from hwq.ir.types import Format, TensorType

LEFT_OUT = {"left out": True}
"""Metadata of a field that files and digests have only where it holds something else than its default."""


@dataclass(frozen=True, eq=False)
class Port:
    """An input or output as the user of the model knows it.

    `index` has the ONNX shape (without batch) and holds, for each element, its flat position in the
    (height, width, channels) tensor.  `host_ops` are operators of the model left to the host.

    Of an input, `rounding` says how the host rounds real values.  Of an output, `scale` and `offset` are float64 of the
    ONNX shape and give each element a real value of its own; where they are None, the format's scale and 0 stand for
    them (rule T2).
    """

    name: str
    tensor: str
    dtype: str
    index: NDArray[np.int64]
    host_ops: tuple[str, ...] = ()
    rounding: Rounding = field(default=Rounding.HALF_UP, metadata=LEFT_OUT)
    scale: NDArray[np.float64] | None = field(default=None, metadata=LEFT_OUT)
    offset: NDArray[np.float64] | None = field(default=None, metadata=LEFT_OUT)

    @cached_property
    def _axes(self) -> Axes | None:
        """From tensor to ONNX shape, where that takes no more than a permutation of axes."""
        return axes_of(self.index.ravel())

    def to_tensor(self, x: NDArray[Any], type_: TensorType) -> NDArray[Any]:
        """User's array (batch, ONNX shape) as (batch, height, width, channels)."""
        if self._axes:
            back = np.argsort(self._axes.perm) + 1
            sizes = (self._axes.dims[axis] for axis in self._axes.perm)
            return x.reshape(len(x), *sizes).transpose(0, *back).reshape(len(x), *type_.shape)
        flat = np.empty((len(x), self.index.size), x.dtype)
        flat[:, self.index.ravel()] = x.reshape(len(x), -1)
        return flat.reshape(len(x), *type_.shape)

    def from_tensor(self, x: NDArray[Any]) -> NDArray[Any]:
        """(batch, height, width, channels) as the user's array (batch, ONNX shape)."""
        if self._axes:
            axes = (axis + 1 for axis in self._axes.perm)
            return x.reshape(len(x), *self._axes.dims).transpose(0, *axes).reshape(len(x), *self.index.shape)
        return x.reshape(len(x), -1)[:, self.index.ravel()].reshape(len(x), *self.index.shape)

    def real(self, tensor: NDArray[Any], form: Format) -> NDArray[Any]:
        """Integers (batch, height, width, channels) as real values (batch, ONNX shape) in the port's own type."""
        real = self.from_tensor(tensor).astype(np.float64) - form.zero_point
        real *= form.scale if self.scale is None else self.scale
        if self.offset is not None:
            real += self.offset
        return real.astype(self.dtype, copy=False)

    @property
    def own_rounding(self) -> str:
        """The name of `rounding`, or nothing where it is the common one."""
        return "" if self.rounding is Rounding.HALF_UP else self.rounding.name.lower()

    @property
    def by_element(self) -> dict[str, NDArray[np.float64]]:
        """`scale` and `offset`, those that the port has."""
        found = {"scale": self.scale, "offset": self.offset}
        return {what: values for what, values in found.items() if values is not None}

    def formula(self, form: Format) -> str:
        """The real value of an integer q as text; `scale` and `offset` stand for the arrays of these names."""
        scale = form.scale if self.scale is None else "scale[e]"
        return f"(q - {form.zero_point}) * {scale}" + ("" if self.offset is None else " + offset[e]")

    def of_input(self) -> Iterator[str]:
        """What an input may not have."""
        if self.by_element:
            yield f"{self.name}: has {' and '.join(self.by_element)} by element, expected those at outputs only"

    def of_output(self) -> Iterator[str]:
        """What an output may not have."""
        if self.own_rounding:
            yield f"{self.name}: rounds {self.own_rounding}, expected a rounding at inputs only"
        for what, values in self.by_element.items():
            if values.dtype != np.float64:
                yield f"{self.name}: its {what} holds {values.dtype}, expected float64"
            elif values.shape != self.index.shape:
                yield f"{self.name}: its {what} has the shape {values.shape}, expected {self.index.shape}"
            elif not np.isfinite(values).all() or (what == "scale" and not values.all()):
                yield f"{self.name}: its {what} holds {_odd(values)}, expected finite numbers{_NOT_ZERO[what]}"


_NOT_ZERO = {"scale": " other than zero", "offset": ""}


def _odd(values: NDArray[np.float64]) -> float:
    """The first of `values` that is not finite, or 0."""
    return next((float(value) for value in values.ravel() if not np.isfinite(value)), 0.0)
