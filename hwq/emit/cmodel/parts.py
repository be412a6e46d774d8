"""What the C of a layer is made of: calls of functions, their types, arrays and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval, Requant
from hwq.ir.types import TensorType
from hwq.ir.window import Window

Types = tuple[TensorType, ...]
Intervals = tuple[Interval, ...]

C_TYPES = {f"{sign}{bits}": f"{'' if sign == 's' else 'u'}int{bits}_t" for bits in (8, 16, 32, 64) for sign in "su"}
"""Types of C by the codes that are used here, ``s8`` to ``u64``."""
INT32 = (1 << 31) - 1
"""Values of at most this magnitude are computed in 32 bits, others in 64."""


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """Constants of a layer: integers of any shape, in elements of type `code`."""

    key: str
    values: NDArray[Any]
    code: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.values.size * bytes_of(self.code)


@dataclass(frozen=True, slots=True, eq=False)
class Struct:
    """Parameters of a layer: the fields of the struct that is called `kind` in templates/c."""

    key: str
    kind: str
    fields: Mapping[str, int | str | Array | Struct]


@dataclass(frozen=True, slots=True)
class Input:
    """The layer's input of this number."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """The layer's output."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Memory that a layer uses while it computes: `count` elements of type `code`."""

    code: str
    count: int


Argument = int | Array | Struct | Input | Output | Scratch


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call of a function of templates/c; `types` are the codes of the types that its text leaves open."""

    function: str
    types: Mapping[str, str]
    arguments: tuple[Argument, ...]


def bytes_of(code: str) -> int:
    """Bytes of an integer of type `code`.

    Examples
    --------
    >>> bytes_of("u16")
    2
    """
    return int(code[1:]) // 8


def code_of(type_: TensorType) -> str:
    """The type of a tensor's elements: the narrowest that holds them."""
    return f"{'s' if type_.signed else 'u'}{8 * type_.dtype.itemsize}"


def narrowest(values: NDArray[Any], *codes: str) -> str:
    """The first of signed types `codes`, by default all from 8 to 64 bits, that holds all of `values`."""
    low, high = int(values.min()), int(values.max())
    return next(
        code for code in codes or ("s8", "s16", "s32", "s64") if max(~low, high) < 1 << (8 * bytes_of(code) - 1)
    )


def sum_code(magnitude: int) -> str:
    """The type of sums and products whose magnitude is at most `magnitude`."""
    return "s32" if magnitude <= INT32 else "s64"


def wider(*codes: str) -> str:
    """The widest of signed types."""
    return max(codes, key=bytes_of)


def requant_code(requant: Requant, magnitude: int) -> str:
    """The type in which accumulators of at most `magnitude` are requantised."""
    product = requant.product_bound(magnitude) + abs(requant.zero_point)
    return wider(sum_code(magnitude), sum_code(product), bound_code(requant))


def bound_code(requant: Requant) -> str:
    """The type of the zero point and of the clamp."""
    return sum_code(max(abs(requant.zero_point), abs(requant.qmin), abs(requant.qmax)))


def factor_code(requant: Requant) -> str:
    """The type of the multipliers."""
    return "u16" if max(requant.multiplier) < 1 << 16 else "u32"


def requantisation(requant: Requant, key: str = "requant") -> Struct:
    """The parameters of rule R1."""
    return Struct(key, "requant", {
        "multiplier": Array(f"{key}_multiplier", np.array(requant.multiplier), factor_code(requant)),
        "step": int(len(requant.multiplier) > 1), "shift": requant.shift, "rounding": requant.rounding.name,
        "zero": requant.zero_point, "low": requant.qmin, "high": requant.qmax,
    })  # fmt: skip


def window_of(window: Window, x: TensorType, y: TensorType, pad: int, groups: int = 1) -> Struct:
    """The parameters of a window from a tensor of type `x` to one of type `y` (rule L4)."""
    top, left, _, _ = window.pads
    (kernel_h, kernel_w), (stride_h, stride_w), (dilation_h, dilation_w) = window.kernel, window.stride, window.dilation
    return Struct("window", "window", {
        "height": x.shape[0], "width": x.shape[1], "channels": x.channels,
        "rows": y.shape[0], "columns": y.shape[1], "outputs": y.channels,
        "kernel_h": kernel_h, "kernel_w": kernel_w, "stride_h": stride_h, "stride_w": stride_w,
        "dilation_h": dilation_h, "dilation_w": dilation_w, "top": top, "left": left, "pad": pad,
        "groups": groups,
    })  # fmt: skip


def elements(type_: TensorType) -> int:
    """Integers of one frame."""
    return type_.pixels * type_.channels
