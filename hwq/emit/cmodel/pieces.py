"""The functions and structs of templates/c, with the types of a layer in place of those that they leave open.

Each file there is C that stands alone and defines one name, its own.  Lines that begin with # say which others it
needs, and are not written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from hwq.emit.cmodel.parts import C_TYPES
from hwq.emit.render import TEMPLATES

OPEN_TYPES = (
    "in_t", "other_t", "weight_t", "bias_t", "entry_t", "index_t", "acc_t", "wide_t", "bound_t", "factor_t", "out_t",
)  # fmt: skip
"""Names that stand for a layer's own types; files use those of types.h, so that a compiler reads them alone."""
_COMMON = {"bound_t": "s32", "factor_t": "u16"}
"""Types that a layer need not name, and that names of pieces leave out."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file: the others that it needs, its text, and the open types of its text and theirs."""

    name: str
    needs: tuple[str, ...]
    text: str
    types: tuple[str, ...]

    @property
    def is_type(self) -> bool:
        """Whether it defines a type rather than a function."""
        return f"}} {self.name};" in self.text


@cache
def piece(name: str) -> Piece:
    """The file ``templates/c/<name>.h``."""
    lines = (TEMPLATES / "c" / f"{name}.h").read_text("utf-8").splitlines()
    found = [re.fullmatch(r'#include "(\w+)\.h"', line) for line in lines]
    needs = tuple(match[1] for match in found if match and match[1] != "types")
    text = "\n".join(line for line in lines if not line.startswith("#")).strip("\n") + "\n"
    used = {word for word in re.findall(r"\w+", text) if word in OPEN_TYPES}
    used |= {word for other in needs for word in piece(other).types}
    return Piece(name, needs, text, tuple(word for word in OPEN_TYPES if word in used))


def called(name: str, types: Mapping[str, str]) -> str:
    """What a piece is called for these types: its name, and the code of each of them."""
    codes = ((word, (_COMMON | dict(types))[word]) for word in piece(name).types)
    return "_".join((name, *(code for word, code in codes if code != _COMMON.get(word))))


class Pieces:
    """The pieces that a file needs, each once for the same types, those first that others need."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def need(self, name: str, types: Mapping[str, str]) -> str:
        """Add a piece and what it needs; what it is called."""
        own = called(name, types)
        if own not in self._texts:
            for other in piece(name).needs:
                self.need(other, types)
            self._texts[own] = _written(name, types)
        return own

    @property
    def texts(self) -> tuple[str, ...]:
        """Their texts, in order."""
        return tuple(self._texts.values())


def _written(name: str, types: Mapping[str, str]) -> str:
    """The text of a piece for these types; calls and types of other pieces by what they are called."""
    text = piece(name).text
    for word in piece(name).types:
        text = re.sub(rf"\b{word}\b", C_TYPES[(_COMMON | dict(types))[word]], text)
    for other in (name, *piece(name).needs, *_indirect(name)):
        end = r"\b" if piece(other).is_type else r"(?=\()"
        text = re.sub(rf"\b{other}{end}", called(other, types), text)
    return text


def _indirect(name: str) -> tuple[str, ...]:
    """What the needs of a piece need, and so on."""
    direct = piece(name).needs
    return tuple(dict.fromkeys(x for other in direct for x in (*piece(other).needs, *_indirect(other))))
