"""Quant, BipolarQuant, Sign: the integers of real values, in the float32 arithmetic of the qonnx executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Interval
from hwq.frontend.node import Node, Refusal
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import Format

Float32 = NDArray[np.float32]
MULTI_THRESHOLD = "MultiThreshold"
OPERATORS = ("Quant", "IntQuant", "BipolarQuant", MULTI_THRESHOLD)
"""Operators by which a model that is quantised already is told."""


def _away(x: Float32) -> Float32:
    return np.asarray(np.sign(x) * np.ceil(np.abs(x)))


def _half_away(x: Float32) -> Float32:
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))


def _half_to_zero(x: Float32) -> Float32:
    return np.asarray(np.sign(x) * np.ceil(np.abs(x) - 0.5))


ROUNDINGS: dict[str, Callable[[Float32], Float32]] = {
    "ROUND": np.round, "HALF_EVEN": np.round, "CEIL": np.ceil, "FLOOR": np.floor, "UP": _away, "DOWN": np.fix,
    "HALF_UP": _half_away, "HALF_DOWN": _half_to_zero,
}  # fmt: skip
"""What each `rounding_mode` of QONNX does with a fraction."""


@dataclass(frozen=True, slots=True)
class Affine:
    """The real value of an integer q: (factor * q + offset) * unit, exact in float32 as the unit is a power of two."""

    factor: int
    offset: int
    unit: float

    def of(self, integers: IntArray) -> Float32:
        """The real values of integers."""
        whole = (self.factor * integers + self.offset).astype(np.float32)
        return np.asarray(whole * np.float32(self.unit))

    @property
    def format(self) -> Format:
        """What a program says about the integers; the offset of even multiples is left out."""
        return Format(self.factor * self.unit, -self.offset if self.factor == 1 else 0)


@dataclass(frozen=True, slots=True, eq=False)
class Quantiser:
    """A Quant node without its input; a bipolar one gives -1 and 1.

    `scale` is float32, one for the tensor or with an axis for each of its axes.
    """

    scale: Float32
    zero_point: int
    bits: int
    signed: bool
    limits: Interval
    rounding: str
    bipolar: bool

    @classmethod
    def of(cls, node: Node, constants: Mapping[str, NDArray[np.generic]]) -> Quantiser:
        """The quantiser of a node whose inputs but the first are constants.

        Raises
        ------
        Refusal
            When one is not, or when the node does something that hwq does not do.
        """
        missing = [name for name in node.inputs[1:] if name not in constants]
        if missing:
            raise Refusal(f"its input '{missing[0]}' is computed, expected a constant. Export a fixed quantiser")
        scale, *others = (np.asarray(constants[name], np.float32) for name in node.inputs[1:])
        if not (scale > 0).all():
            raise Refusal(f"scale is {scale.min()}, expected numbers above 0. Export it again")
        if node.op == "BipolarQuant":
            return cls(scale, 0, 1, True, (-1, 1), "FLOOR", True)
        zero, bits = (_whole(what, array) for what, array in zip(("zero point", "bit width"), others, strict=True))
        signed, narrow = bool(node.integer("signed", 1)), bool(node.integer("narrow", 1))
        rounding = node.text("rounding_mode", "ROUND").upper()
        if not 1 <= bits <= MAX_TENSOR_BITS:
            raise Refusal(f"bit width is {bits}, expected 1 to {MAX_TENSOR_BITS}")
        if rounding not in ROUNDINGS:
            raise Refusal(f"rounding_mode is {rounding}, expected {', '.join(ROUNDINGS)}")
        if signed and bits == 1:
            if zero:
                raise Refusal(f"zero point is {zero} with one signed bit, expected 0")
            return cls(scale, 0, 1, True, (-1, 1), rounding, True)
        top = (1 << (bits - signed)) - 1
        limits = (-top - (not narrow), top) if signed else (0, top - narrow)
        return cls(scale, zero, bits, signed, limits, rounding, False)

    @property
    def form(self) -> Affine:
        """The real values of its integers, for -1 and 1 those of 0 and 1."""
        scale = float(self.scale.ravel()[0])
        return Affine(2, -1, scale) if self.bipolar else Affine(1, -self.zero_point, scale)

    def integers(self, x: Float32) -> IntArray:
        """The integers of real values of any shape: -1 and 1, or those that clamping and then rounding gives."""
        y = x / self.scale + np.float32(self.zero_point)
        if self.bipolar:
            return np.where(y >= 0, np.int64(1), np.int64(-1))
        low, high = map(np.float32, self.limits)
        return ROUNDINGS[self.rounding](np.clip(y, low, high)).astype(np.int64)


def _whole(what: str, array: Float32) -> int:
    if array.size != 1 or array.ravel()[0] != np.rint(array.ravel()[0]):
        raise Refusal(f"{what} is {array.tolist()}, expected one whole number")
    return int(array.ravel()[0])
