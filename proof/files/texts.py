"""Changes of JSON and TOML: any value in any place, and text that parsers trip over."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import tomli_w
import wild

Change = Callable[[Any, Random], Any]
Place = tuple[Any, ...]


def places(value: Any, path: Place = ()) -> list[Place]:
    """The ways to every value of a tree, without the root."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in ((*path, key), *places(inner, (*path, key)))]


def _at(tree: Any, path: Place) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _spot(tree: Any, rng: Random) -> tuple[Any, Any]:
    """A container and a key of it."""
    *way, last = rng.choice(places(tree))
    return _at(tree, tuple(way)), last


def _value(tree: Any, rng: Random) -> Any:
    where, key = _spot(tree, rng)
    where[key] = wild.anything(rng)
    return tree


def _alike(tree: Any, rng: Random) -> Any:
    """A value of the type that was there."""
    where, key = _spot(tree, rng)
    old = where[key]
    if isinstance(old, bool):
        where[key] = not old
    elif isinstance(old, int):
        where[key] = rng.choice((old + 1, old - 1, -old, old * 2, wild.integer(rng)))
    elif isinstance(old, float):
        where[key] = rng.choice((old * 2, -old, wild.real(rng)))
    elif isinstance(old, str):
        texts = [text for path in places(tree) if isinstance(text := _at(tree, path), str)]
        where[key] = rng.choice((wild.text(rng), rng.choice(texts)))
    elif isinstance(old, list):
        _list(old, rng)
    else:
        where[key] = wild.anything(rng)
    return tree


def _list(items: list[Any], rng: Random) -> None:
    choice = rng.randrange(5)
    if choice == 0:
        items.append(wild.anything(rng))
    elif choice == 1 and items:
        del items[rng.randrange(len(items))]
    elif choice == 2 and items:
        items.append(copy.deepcopy(rng.choice(items)))
    elif choice == 3:
        rng.shuffle(items)
    else:
        items.clear()


def _remove(tree: Any, rng: Random) -> Any:
    where, key = _spot(tree, rng)
    del where[key]
    return tree


def _add(tree: Any, rng: Random) -> Any:
    where, _ = _spot(tree, rng)
    if isinstance(where, dict):
        keys = [path[-1] for path in places(tree) if isinstance(path[-1], str)]
        where[rng.choice((wild.text(rng), rng.choice([*keys, "x"])))] = wild.anything(rng)
    else:
        where.append(wild.anything(rng))
    return tree


def _swap(tree: Any, rng: Random) -> Any:
    """What stands in one place also stands in another."""
    (to, key), (other, from_key) = _spot(tree, rng), _spot(tree, rng)
    to[key] = copy.deepcopy(other[from_key])
    return tree


def _deep(tree: Any, rng: Random) -> Any:
    where, key = _spot(tree, rng)
    made: Any = []
    for _ in range(rng.choice((3, 60, 400))):
        made = [made] if rng.random() < 0.5 else {"a": made}
    where[key] = made
    return tree


def _rename(tree: Any, rng: Random) -> Any:
    where, key = _spot(tree, rng)
    if isinstance(where, dict):
        where[wild.text(rng)] = where.pop(key)
    return tree


def _little(tree: Any, rng: Random) -> Any:
    """A number a little different, or a text as it stands elsewhere: what may still be accepted."""
    leaves = [path for path in places(tree) if type(_at(tree, path)) in (int, float, str, bool)]
    *way, last = rng.choice(leaves)
    where = _at(tree, tuple(way))
    old = where[last]
    if isinstance(old, bool):
        where[last] = not old
    elif isinstance(old, str):
        where[last] = rng.choice([_at(tree, path) for path in leaves if path[-1] == last])
    elif isinstance(old, int):
        where[last] = old + rng.choice((-2, -1, 1, 2, 8))
    else:
        where[last] = old * rng.choice((0.5, 0.9, 1.25, 2.0))
    return tree


TREES: Mapping[str, Change] = {
    "little": _little, "value": _value, "alike": _alike, "remove": _remove, "add": _add, "swap": _swap, "deep": _deep,
    "rename": _rename,
}  # fmt: skip
"""Changes of the tree, by name."""
RAW = ("brackets", "braces", "number", "twice", "bom", "utf16", "comment", "surrogate", "float", "nul")
"""Changes of the text, by name."""


def raw(data: bytes, name: str, rng: Random) -> bytes:
    """Text that no writer of trees would make."""
    place = rng.randrange(len(data) + 1)
    before, after = data[:place], data[place:]
    return {
        "brackets": before + b"[" * rng.choice((10, 900, 100_000)) + after,
        "braces": b'{"a":' * rng.choice((10, 900, 100_000)) + data,
        "number": before + b"9" * rng.choice((30, 5000)) + after,
        "twice": data + data,
        "bom": b"\xef\xbb\xbf" + data,
        "utf16": data.decode("utf-8", "replace").encode("utf-16"),
        "comment": before + rng.choice((b"//", b"/*", b"#", b"'", b'"""')) + after,
        "surrogate": before + b"\\ud800" + after,
        "float": before + rng.choice((b"NaN", b"1e999", b"-Infinity", b"0x10", b"1_000", b"inf")) + after,
        "nul": before + b"\0" + after,
    }[name]


def change(data: bytes, name: str, rng: Random) -> bytes:
    """JSON or TOML after one change."""
    if name in RAW:
        return raw(data, name, rng)
    toml = not data.lstrip().startswith((b"{", b"["))
    tree = TREES[name](tomllib.loads(data.decode()) if toml else json.loads(data), rng)
    return tomli_w.dumps(tree).encode() if toml else json.dumps(tree).encode()
