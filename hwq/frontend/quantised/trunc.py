"""Trunc: integers of which the lowest bits are dropped, as QONNX has it behind the sum of a pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Interval
from hwq.frontend.node import Node, Refusal
from hwq.frontend.quantised.quantiser import (
    ROUNDINGS,
    Affine,
    Reals,
    check_scale,
    fixed_inputs,
    limits_of,
    rounding_of,
    whole,
)


@dataclass(frozen=True, slots=True, eq=False)
class Trunc:
    """y = rounding((round(x / scale) + zero) / 2**dropped), within `limits`; `form` says what integers stand for."""

    scale: np.float32
    zero_point: int
    dropped: int
    rounding: str
    limits: Interval
    form: Affine
    varies: bool = False

    @classmethod
    def of(cls, node: Node, constants: Mapping[str, NDArray[np.generic]]) -> Trunc:
        """The rule of a node, with five inputs of QONNX 1 or six of QONNX 2.

        Raises
        ------
        Refusal
            When an input is no constant, or no one number.
        """
        scale, *others = fixed_inputs(node, constants, 5, 6)
        check_scale(scale)
        if scale.size != 1:
            raise Refusal(f"{scale.size} scales for data, expected one")
        unit, zero = np.float32(scale.ravel()[0]), whole("zero point", others[0])
        rounding = rounding_of(node, "FLOOR")
        bits = whole("output bit width", others[-1])
        if len(others) == 3:
            dropped = whole("input bit width", others[1]) - bits
            limits = (-(1 << bits), (1 << bits) - 1)
            form = Affine(1, -zero, float(unit))
        else:
            dropped = round(float(np.log2(others[2].ravel()[0] / unit)))
            limits = limits_of(bits, bool(node.integer("signed", 1)), bool(node.integer("narrow", 0)))
            form = Affine(1, -(zero >> max(0, dropped)), float(others[2].ravel()[0]))
            if dropped > 0 and zero % (1 << dropped):
                raise Refusal(f"zero point {zero} is no multiple of {1 << dropped}, expected one. Use zero point 0")
        if dropped < 0:
            raise Refusal(f"drops {dropped} bits, expected 0 or more. Export it again")
        return cls(unit, zero, dropped, rounding, limits, form)

    def integers(self, x: Reals) -> IntArray:
        """The integers of real values of any shape."""
        y = np.round(x / x.dtype.type(self.scale) + x.dtype.type(self.zero_point))
        y = ROUNDINGS[self.rounding](y / x.dtype.type(2.0**self.dropped))
        return np.asarray(np.clip(y, *self.limits), np.int64)
