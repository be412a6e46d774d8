"""Quantisers of a model: the integers of real values, in the floating-point arithmetic of whoever runs the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Interval, Rounding, signed_bits
from hwq.frontend.node import Node, Refusal
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import Format

Float32 = NDArray[np.float32]
Reals = NDArray[Any]
"""float32, or float64 where float32 would round sums."""


def _away(x: Reals) -> Reals:
    return np.asarray(np.sign(x) * np.ceil(np.abs(x)))


def _half_away(x: Reals) -> Reals:
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))


def _half_to_zero(x: Reals) -> Reals:
    return np.asarray(np.sign(x) * np.ceil(np.abs(x) - 0.5))


MOST_BITS = 32
"""Of a quantised constant, such as a bias."""
ROUNDINGS: dict[str, Callable[[Reals], Reals]] = {
    "ROUND": np.round, "HALF_EVEN": np.round, "CEIL": np.ceil, "FLOOR": np.floor, "UP": _away, "DOWN": np.fix,
    "HALF_UP": _half_away, "HALF_DOWN": _half_to_zero,
}  # fmt: skip
"""What each `rounding_mode` of QONNX does with a fraction."""
_HOST = {"ROUND": Rounding.HALF_EVEN, "HALF_EVEN": Rounding.HALF_EVEN, "FLOOR": Rounding.FLOOR,
         "HALF_UP": Rounding.HALF_AWAY}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Affine:
    """The real value of an integer q: (factor * q + offset) * unit."""

    factor: int
    offset: int
    unit: float

    def of(self, integers: IntArray) -> Float32:
        """The real values of integers, rounded to float32 once."""
        whole = (self.factor * integers + self.offset).astype(np.float32)
        return np.asarray(whole * np.float32(self.unit))

    @property
    def format(self) -> Format:
        """What a program says about the integers; the offset of even multiples is left out."""
        return Format(self.factor * self.unit, -self.offset if self.factor == 1 else 0)


class Rule(Protocol):
    """What makes integers of real values.

    `limits` are the least and the greatest of them, `form` says what they stand for where the model dequantises them
    by the same node.
    """

    @property
    def limits(self) -> Interval:
        """The least and the greatest integer."""
        ...

    @property
    def form(self) -> Affine:
        """What the integers stand for."""
        ...

    @property
    def varies(self) -> bool:
        """Whether channels differ."""
        ...

    def integers(self, x: Reals) -> IntArray:
        """The integers of real values of any shape."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Quantiser:
    """A Quant, BipolarQuant or QuantizeLinear node without its input.

    `scale` is float32, one for the tensor or with an axis for each of its axes.  QONNX adds the zero point and then
    rounds; QuantizeLinear, where `zero_last` is true, rounds first: ties to even differ where it is odd.  The values
    of a bipolar one are -1 and 1.
    """

    scale: Float32
    zero_point: int
    limits: Interval
    rounding: str
    bipolar: bool = False
    zero_last: bool = False

    @classmethod
    def of(cls, node: Node, constants: Mapping[str, NDArray[np.generic]]) -> Quantiser:
        """The quantiser of a node of QONNX whose inputs but the first are constants.

        Raises
        ------
        Refusal
            When one is not, or when the node does something that hwq does not do.
        """
        scale, *others = fixed_inputs(node, constants, 2 if node.op == "BipolarQuant" else 4)
        check_scale(scale)
        if node.op == "BipolarQuant":
            return cls(scale, 0, (-1, 1), "FLOOR", bipolar=True)
        zero, bits = (whole(what, array) for what, array in zip(("zero point", "bit width"), others, strict=True))
        signed, narrow = bool(node.integer("signed", 1)), bool(node.integer("narrow", 1))
        if not 1 <= bits <= MOST_BITS:
            raise Refusal(f"bit width is {bits}, expected 1 to {MOST_BITS}")
        rounding = rounding_of(node, "ROUND")
        if signed and bits == 1:
            if zero:
                raise Refusal(f"zero point is {zero} with one signed bit, expected 0")
            return cls(scale, 0, (-1, 1), rounding, bipolar=True)
        return cls(scale, zero, limits_of(bits, signed, narrow), rounding)

    @property
    def form(self) -> Affine:
        """The real values of its integers, for -1 and 1 those of 0 and 1."""
        scale = float(self.scale.ravel()[0])
        return Affine(2, -1, scale) if self.bipolar else Affine(1, -self.zero_point, scale)

    @property
    def varies(self) -> bool:
        """Never; scales of channels are those of weights."""
        return False

    @property
    def host_rounding(self) -> Rounding | None:
        """How a host rounds that makes the same integers of an input; None where none does (rule T2)."""
        found = None if self.bipolar or self.scale.size != 1 else _HOST.get(self.rounding)
        if self.zero_last or self.zero_point == 0 or found is Rounding.FLOOR:
            return found
        return found if found is Rounding.HALF_EVEN and self.zero_point % 2 == 0 else None

    def narrowed(self, low: float, high: float) -> Quantiser:
        """The same with its integers clipped further."""
        least, most = self.limits
        kept = (int(max(least, np.ceil(low), -(1 << 20))), int(min(most, np.floor(high), 1 << 20)))
        return replace(self, limits=(min(kept[0], most), max(kept[1], least)))

    def values(self, x: Reals) -> IntArray:
        """The integers that weights are multiplied as: -1 and 1 of a bipolar quantiser."""
        y = x / x.dtype.type(self.scale) if self.scale.size == 1 else x / self.scale.astype(x.dtype)
        if self.bipolar:
            return np.where(y >= 0, np.int64(1), np.int64(-1))
        low, high = self.limits
        if self.zero_last:
            y = ROUNDINGS[self.rounding](y) + y.dtype.type(self.zero_point)
            return np.asarray(np.clip(y, low, high), np.int64)
        y = np.clip(y + y.dtype.type(self.zero_point), low, high)
        return np.asarray(ROUNDINGS[self.rounding](y), np.int64)

    def integers(self, x: Reals) -> IntArray:
        """The integers that data is carried as: 0 and 1 of a bipolar quantiser."""
        y = self.values(x)
        return (y + 1) >> 1 if self.bipolar else y


@dataclass(frozen=True, slots=True)
class Signs:
    """A Sign node: -1, 0 and 1."""

    limits: Interval = (-1, 1)
    form: Affine = Affine(1, 0, 1.0)
    varies: bool = False

    def integers(self, x: Reals) -> IntArray:
        """The signs."""
        return np.sign(x).astype(np.int64)


def limits_of(bits: int, signed: bool, narrow: bool) -> Interval:
    """The least and the greatest integer of a QONNX type."""
    top = (1 << (bits - signed)) - 1
    return (-top - (not narrow), top) if signed else (0, top - narrow)


def type_of(limits: Interval) -> tuple[int, bool]:
    """Bits and sign of the narrowest type of integers within `limits`."""
    return (signed_bits(limits), True) if limits[0] < 0 else (max(1, limits[1].bit_length()), False)


def codes_of(rule: Rule) -> Interval:
    """The least and the greatest integer as data carries them: 0 and 1 of a bipolar quantiser."""
    return (0, 1) if isinstance(rule, Quantiser) and rule.bipolar else rule.limits


def fixed_inputs(node: Node, constants: Mapping[str, NDArray[np.generic]], *counts: int) -> list[Float32]:
    """The inputs of a quantiser but the first, which must be constants, as float32; it has one of `counts` inputs."""
    given = [name for name in node.inputs if name]
    if len(given) not in counts:
        raise Refusal(f"has {len(given)} inputs, expected {' or '.join(map(str, counts))}. Export it again")
    missing = [name for name in node.inputs[1:] if name and name not in constants]
    if missing:
        raise Refusal(f"its input '{missing[0]}' is computed, expected a constant. Export a fixed quantiser")
    return [np.asarray(constants[name], np.float32) for name in node.inputs[1:] if name]


def check_scale(scale: Float32) -> None:
    """Refuse what is no scale."""
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise Refusal(f"scale is {scale.min()}, expected numbers above 0. Export it again")


def check_data(limits: Interval) -> None:
    """Refuse integers of data that hardware is not built for."""
    bits, _ = type_of(limits)
    if bits > MAX_TENSOR_BITS:
        raise Refusal(f"bit width is {bits}, expected 1 to {MAX_TENSOR_BITS}. Use fewer bits")


def rounding_of(node: Node, usual: str) -> str:
    """The rounding mode of a node of QONNX."""
    rounding = node.text("rounding_mode", usual).upper()
    if rounding not in ROUNDINGS:
        raise Refusal(f"rounding_mode is {rounding}, expected {', '.join(ROUNDINGS)}")
    return rounding


def whole(what: str, array: Float32) -> int:
    """The one whole number in an array."""
    if array.size != 1 or array.ravel()[0] != np.rint(array.ravel()[0]):
        raise Refusal(f"{what} is {array.tolist()}, expected one whole number")
    return int(array.ravel()[0])
