"""Changes of bytes that know nothing of the format: flipped bits, cuts, splices, lengths that lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

Change = Callable[[bytes, Random, bytes], bytes]
"""Bytes, the source of chance and the bytes of another file of that kind, to bytes."""


def _place(data: bytes, rng: Random) -> int:
    """Headers and directories stand at the ends: they are hit more often."""
    spread = rng.random()
    if spread < 0.2:
        return rng.randrange(min(len(data), 64) + 1)
    if spread < 0.4:
        return len(data) - rng.randrange(min(len(data), 128) + 1)
    return rng.randrange(len(data) + 1)


def _flip(data: bytes, rng: Random, _other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = _place(data, rng)
        if place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set(data: bytes, rng: Random, _other: bytes) -> bytes:
    place = _place(data, rng)
    return data[:place] + bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))]) + data[place + 1 :]


def _cut(data: bytes, rng: Random, _other: bytes) -> bytes:
    return data[: _place(data, rng)]


def _remove(data: bytes, rng: Random, _other: bytes) -> bytes:
    place = _place(data, rng)
    return data[:place] + data[place + rng.choice((1, 2, 4, 16, 100)) :]


def _insert(data: bytes, rng: Random, _other: bytes) -> bytes:
    place = _place(data, rng)
    return data[:place] + rng.randbytes(rng.choice((1, 2, 4, 16))) + data[place:]


def _repeat(data: bytes, rng: Random, _other: bytes) -> bytes:
    place, size = _place(data, rng), rng.choice((1, 4, 16, 100, 1000))
    return data[:place] + data[place : place + size] * rng.choice((2, 3, 50)) + data[place + size :]


def _splice(data: bytes, rng: Random, other: bytes) -> bytes:
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def _number(data: bytes, rng: Random, _other: bytes) -> bytes:
    """A little endian number at the end of its range."""
    place, size = _place(data, rng), rng.choice((2, 4, 8))
    value = rng.choice((0, 1, (1 << 8 * size - 1) - 1, 1 << 8 * size - 1, (1 << 8 * size) - 1))
    return data[:place] + value.to_bytes(size, "little") + data[place + size :]


def _varint(data: bytes, rng: Random, _other: bytes) -> bytes:
    """A length or number of protobuf that is as long as one may be, or longer."""
    place = _place(data, rng)
    huge = rng.choice(
        (b"\xff" * 9 + b"\x01", b"\xff" * 12, b"\xff\xff\xff\xff\x07", b"\x80\x00", b"\x80" * 9 + b"\x01")
    )
    return data[:place] + huge + data[place + 1 :]


def _groups(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Groups of protobuf, which few readers know, one inside the other."""
    place, depth = _place(data, rng), rng.choice((1, 50, 2000))
    return data[:place] + b"\x3b" * depth + b"\x3c" * depth + data[place:]


def _start(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Another kind of file from its first bytes on."""
    first = (
        b"PK\x03\x04",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x09\x00",
        b"\x1f\x8b",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"#!/bin/sh\n",
    )
    return rng.choice(first) + data[rng.choice((0, 4, 8)) :]


def _empty(_data: bytes, _rng: Random, _other: bytes) -> bytes:
    return b""


CHANGES: Mapping[str, Change] = {
    "flip": _flip, "set": _set, "cut": _cut, "remove": _remove, "insert": _insert, "repeat": _repeat,
    "splice": _splice, "number": _number, "varint": _varint, "groups": _groups, "start": _start, "empty": _empty,
}  # fmt: skip
"""By name."""
