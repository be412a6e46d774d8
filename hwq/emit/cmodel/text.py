"""Pieces of C text: comments, and definitions of constants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from hwq.emit.cmodel.parts import C_TYPES, Array, Struct

_ROW = 24
"""Integers in a line."""


def comment(text: str) -> str:
    r"""Any text as part of a comment: ASCII, on one line, without what ends or begins a comment, and no trigraph.

    Examples
    --------
    >>> print(comment('a*/b /* ??/ "c" \n é'))
    a*\/b /\* ?\?/ "c" \n \u00e9
    """
    plain = json.dumps(text)[1:-1].replace('\\"', '"')
    return plain.replace("*/", "*\\/").replace("/*", "/\\*").replace("??", "?\\?")


def array(name: str, constants: Array) -> str:
    """The definition of an array."""
    flat = constants.values.ravel().tolist()
    rows = [", ".join(map(str, flat[i : i + _ROW])) for i in range(0, len(flat), _ROW)]
    body = rows[0] if len(rows) == 1 else "\n  " + ",\n  ".join(rows) + "\n"
    return f"static const {C_TYPES[constants.code]} {name}[{len(flat)}] = {{{body}}};\n"


def struct(name: str, type_: str, made: Struct, named: Callable[[str], str]) -> str:
    """The definition of parameters of type `type_`; `named` gives the name of an array."""
    return f"static const {type_} {name} = {_fields(made, named)};\n"


def _fields(made: Struct, named: Callable[[str], str]) -> str:
    def written(value: int | str | Array | Struct) -> str:
        match value:
            case Array():
                return named(value.key)
            case Struct():
                return _fields(value, named)
        return str(value)

    return "{" + ", ".join(f".{field} = {written(value)}" for field, value in made.fields.items()) + "}"


def arrays_of(made: Struct) -> Iterator[Array]:
    """The arrays that parameters point to."""
    for value in made.fields.values():
        if isinstance(value, Array):
            yield value
        elif isinstance(value, Struct):
            yield from arrays_of(value)
