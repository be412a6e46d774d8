"""Values to JSON and back: dataclasses by name from a closed list, arrays by reference into a table."""

from __future__ import annotations

import dataclasses
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np

from hwq.arith import Requant, Rounding
from hwq.ir.op import REGISTRY, Op
from hwq.ir.port import LEFT_OUT, Port
from hwq.ir.types import Format, TensorType
from hwq.ir.window import Window

VALUES: dict[str, type] = {cls.__name__: cls for cls in (Requant, Window, TensorType, Format, Port)}
"""Plain values that a text may name."""

ValueType = TypeVar("ValueType", bound=type)


def register_value(cls: ValueType) -> ValueType:
    """Class decorator: add a dataclass to `VALUES`."""
    VALUES[cls.__name__] = cls
    return cls


def encode(value: Any, arrays: dict[str, np.ndarray], path: str) -> Any:
    """JSON form of `value`; arrays go to `arrays` under their path, float64 as int64 of the same bits."""
    if isinstance(value, Op):
        return {"op": value.kind, **_fields(value, arrays, path)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"value": type(value).__name__, **_fields(value, arrays, path)}
    if isinstance(value, np.ndarray):
        arrays[path] = value.view(np.int64) if value.dtype == np.float64 else value
        return {"array": path} | ({"real": True} if value.dtype == np.float64 else {})
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, tuple | list):
        return [encode(item, arrays, f"{path}.{i}") for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: encode(item, arrays, f"{path}.{key}") for key, item in value.items()}
    return value


def _fields(value: Any, arrays: dict[str, np.ndarray], path: str) -> dict[str, Any]:
    found = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if not _left_out(f, value)}
    return {name: encode(item, arrays, f"{path}.{name}") for name, item in found.items()}


def _left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    """Whether a text does without the field: files from before it existed stay the same."""
    return field.metadata == LEFT_OUT and getattr(value, field.name) is field.default


def decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The inverse of `encode`; lists become tuples.

    Raises
    ------
    KeyError, TypeError, ValueError
        When the text names an unknown operation, value, field or array.
    """
    if isinstance(value, list):
        return tuple(decode(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        array = arrays[value["array"]]
        return np.ascontiguousarray(array).view(np.float64) if value.get("real") else array
    for tag, table in (("op", REGISTRY), ("value", VALUES)):
        if tag in value:
            fields = {key: decode(item, arrays) for key, item in value.items() if key != tag}
            if "rounding" in fields:
                fields["rounding"] = Rounding[fields["rounding"]]
            return table[value[tag]](**fields)
    return {key: decode(item, arrays) for key, item in value.items()}
