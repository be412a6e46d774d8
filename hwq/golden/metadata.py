"""The program inside a golden file: JSON in `metadata_props`, which refers to initialisers for weights and biases."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.ir.codec import decode, encode
from hwq.ir.order import Axes, axes_of
from hwq.ir.program import Program
from hwq.ir.serial import digest
from hwq.ir.storage import parse_text

VERSION = 2
"""Of the file's content: it changes with the functions, too."""
PREFIX = "hwq."
KEYS = ("version", "digest", "float", "program")
"""Entries of `metadata_props`, each after `PREFIX`."""
MAX_ELEMENTS = 1 << 27
"""Largest port, in elements: a text of a few bytes must not fill the memory."""
INITIALISERS = ("weight", "bias", "entries", "index", "values", "recurrent")
"""Fields of operations whose arrays are inputs of their functions."""

_STORED = [field.name for field in fields(Program) if field.name != "samples"]

Arrays = Mapping[str, NDArray[Any]]


def describe(program: Program, real: bool) -> dict[str, str]:
    """The entries of `metadata_props` for `program`; all of it but the samples.

    Parameters
    ----------
    real
        The file takes and gives real values (`--float`).
    """
    arrays: dict[str, np.ndarray] = {}
    body = {key: encode(getattr(program, key), arrays, key) for key in _STORED}
    table = {path: _reference(program, path, array) for path, array in arrays.items()}
    text = json.dumps({**body, "arrays": table}, sort_keys=True)
    values = (str(VERSION), digest(program), str(real).lower(), text)
    return {PREFIX + key: value for key, value in zip(KEYS, values, strict=True)}


def rebuild(text: str, initializers: Arrays) -> Program:
    """The program of the entry ``hwq.program``, not verified.

    Raises
    ------
    ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError
        When the text is damaged or an initialiser is missing.
    """
    body = parse_text(text)
    arrays = {path: _resolve(reference, initializers) for path, reference in body["arrays"].items()}
    program = Program(**{key: decode(body[key], arrays) for key in _STORED})
    if not isinstance(program.info, dict):
        raise ValueError("info is no object")
    for port in (*program.inputs, *program.outputs):
        if port.tensor in program.types and port.index.size != math.prod(program.types[port.tensor].shape):
            raise ValueError(f"{port.name!r:.80} and its tensor differ in size")
    return program


def _reference(program: Program, path: str, array: NDArray[Any]) -> dict[str, Any]:
    """Where the array at `path` of the program is: an initialiser, a permutation of axes, or the text itself."""
    where, number, *fields = path.split(".")
    if where == "ops" and fields[0] != "coding" and fields[-1] in INITIALISERS:
        return {"initializer": ".".join((program.ops[int(number)].name, *fields))}
    axes = axes_of(array.ravel()) if fields[-1] == "index" else None
    if axes is not None:
        return {"dims": axes.dims, "perm": axes.perm, "shape": array.shape}
    return {"values": array.ravel().tolist(), "shape": array.shape}


def _resolve(reference: dict[str, Any], initializers: Arrays) -> NDArray[np.int64]:
    if "initializer" in reference:
        return initializers[reference["initializer"]].astype(np.int64)
    if "values" in reference:
        return np.array(reference["values"], np.int64).reshape(reference["shape"])
    axes = Axes(tuple(reference["dims"]), tuple(reference["perm"]))
    if not all(isinstance(size, int) and size > 0 for size in axes.dims) or math.prod(axes.dims) > MAX_ELEMENTS:
        raise ValueError(f"axes of sizes {axes.dims!r:.80}, expected at most {MAX_ELEMENTS} elements")
    return axes.order().reshape(reference["shape"])
