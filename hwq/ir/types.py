"""What a tensor of a program is: a shape, an integer type, and the real values that its integers stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Interval, Rounding, dequantise, int_range, quantise

Shape = tuple[int, int, int]
"""Height, width, channels: the order in which a stream carries them."""

_DTYPES: dict[bool, tuple[np.dtype[np.integer[Any]], ...]] = {
    False: (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32)),
    True: (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32)),
}


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape (height, width, channels) and integer type of a tensor, without the batch axis."""

    shape: Shape
    bits: int
    signed: bool

    @property
    def range(self) -> Interval:
        """Lowest and highest integer of the type."""
        return int_range(self.bits, self.signed)

    @property
    def dtype(self) -> np.dtype[np.integer[Any]]:
        """The narrowest type of numpy that holds every integer of the type: 8, 16 or 32 bits."""
        return _DTYPES[self.signed][(self.bits > 8) + (self.bits > 16)]

    @property
    def pixels(self) -> int:
        """Height times width."""
        return self.shape[0] * self.shape[1]

    @property
    def channels(self) -> int:
        """Size of the last axis."""
        return self.shape[2]

    def check_holds(self, what: str, value: int) -> None:
        """Refuse an integer that the type lacks.

        Raises
        ------
        ValueError
            With `what` it is.
        """
        low, high = self.range
        if not low <= value <= high:
            raise ValueError(f"{what} {value} is outside of {self}")

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Format:
    """Real value of an integer q: (q - zero_point) * scale (rule T2)."""

    scale: float
    zero_point: int = 0

    def quantise(self, x: np.ndarray, type_: TensorType, rounding: Rounding = Rounding.HALF_UP) -> IntArray:
        """Integers of type `type_` for the real values `x`, rounded by `rounding`."""
        return quantise(x, self.scale, self.zero_point, *type_.range, rounding)

    def dequantise(self, q: NDArray[Any]) -> np.ndarray:
        """Real values (float64) of the integers `q`."""
        return dequantise(q, self.scale, self.zero_point)

    def __str__(self) -> str:
        exponent = np.log2(self.scale)
        scale = f"2^{int(exponent)}" if exponent == int(exponent) else f"{self.scale:.6g}"
        return scale + (f" z={self.zero_point}" if self.zero_point else "")
