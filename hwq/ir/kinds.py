"""Values of the types that their dataclasses declare, and of sane size: what is checked before anything is computed."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

MAX_INTEGER = 1 << 62
"""Larger ones are nowhere in a program."""
_LIMITS = {"bits": 64, "acc_bits": 64, "weight_bits": 64, "shift": 64, "kernel": 1 << 16, "stride": 1 << 16}
_LIMITS |= {"dilation": 1 << 16, "pads": 1 << 16}
"""Fields whose size decides how much memory and time a check takes, and bounds far above what the checks admit."""


def mistakes(value: Any, where: str = "") -> Iterator[str]:
    """Every field of the dataclass `value`, and of those within it, that holds something else than it declares.

    Examples
    --------
    >>> from hwq.ir.types import TensorType
    >>> list(mistakes(TensorType((1, 1, "4"), 8, True), "input_types.x."))
    ["input_types.x.shape is (1, 1, '4'), expected tuple[int, int, int]"]
    """
    hints = get_type_hints(type(value))
    for field in dataclasses.fields(value):
        found, hint, here = getattr(value, field.name), hints[field.name], f"{where}{field.name}"
        if not _is(found, hint):
            shown = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
            yield f"{here} is {found!r:.60}, expected {re.sub(r'[a-z_]+[.]', '', shown)}"
        elif any(abs(one) > _LIMITS.get(field.name, MAX_INTEGER) for one in _integers(found)):
            yield f"{here} is {found!r:.60}, out of all bounds"
        for name, inner in _within(found):
            yield from mistakes(inner, f"{here}{name}.")


def _is(value: Any, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_is(value, one) for one in args)
    if origin is tuple:
        kinds = args[:1] * len(value) if isinstance(value, tuple) and args[-1] is Ellipsis else args
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_is, value, kinds))
    if origin is dict:
        return isinstance(value, dict) and all(_is(k, args[0]) and _is(one, args[1]) for k, one in value.items())
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype == get_args(args[1])[0]
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if hint is Any:
        return True
    return type(value) is hint if hint in (int, bool, str) else isinstance(value, hint)


def _within(value: Any) -> Iterator[tuple[str, Any]]:
    """Dataclasses in a field, and what to add to the name of the field."""
    if dataclasses.is_dataclass(value):
        yield "", value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, tuple) else ()
    yield from ((f".{key}", one) for key, one in items if dataclasses.is_dataclass(one))


def _integers(value: Any) -> Iterator[int]:
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, int):
            yield one
