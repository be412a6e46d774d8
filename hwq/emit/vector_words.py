"""Words of ``.mem`` files back to integers: the inverse of `hwq.hw.pack.stream_words`, for files of any testbench."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from hwq.arith import IntArray
from hwq.errors import BadInput
from hwq.hw.fifo import beats
from hwq.hw.fold import ceil_div
from hwq.ir.types import TensorType

_BLOCK_BITS = 1 << 22
"""Bits that are spread at once."""
_COMMENT = re.compile(r"//[^\n]*")
_UNKNOWN = re.compile(r"[xXzZ]")
_HEX = re.compile(r"[0-9a-fA-F]+")


def lane_values(words: Sequence[str], lanes: int, bits: int, signed: bool) -> IntArray:
    """The integers (words, lanes) of hexadecimal words, lane 0 in the lowest bits.

    Raises
    ------
    ValueError
        When a word is not hexadecimal, or has bits set beyond its lanes.

    Examples
    --------
    >>> lane_values(["f1", "32"], 2, 4, True).tolist()
    [[1, -1], [2, 3]]
    """
    width, size = lanes * bits, ceil_div(lanes * bits, 8)
    out = np.empty((len(words), lanes), np.int64)
    step = max(1, _BLOCK_BITS // width)
    for start in range(0, len(words), step):
        block = [word.zfill(2 * size) for word in words[start : start + step]]
        if any(len(word) > 2 * size for word in block):
            block = [word.lstrip("0").zfill(2 * size) for word in block]
        raw = np.frombuffer(bytes.fromhex("".join(block)), np.uint8)
        if raw.size != len(block) * size:
            raise ValueError("a word is too wide")
        spread = np.unpackbits(raw.reshape(-1, size)[:, ::-1], axis=1, bitorder="little")
        if spread[:, width:].any():
            raise ValueError("a word is too wide")
        out[start : start + step] = spread[:, :width].reshape(-1, lanes, bits) @ (1 << np.arange(bits))
    return out - ((out >> (bits - 1)) << bits) if signed else out


def read_words(path: Path, type_: TensorType, lanes: int, frames: int) -> IntArray:
    """The tensor (frames, height, width, channels) whose beats a ``.mem`` file holds, as `$readmemh` would read it.

    Words may have leading zeros, underscores, and comments that begin with ``//`` beside them.  Lanes beyond the
    channels, in the last beat of a pixel, are ignored and may be unknown.

    Raises
    ------
    BadInput
        When the file cannot be read, when the number of words is another, or when a word is unknown, not hexadecimal
        or too wide; it names the line.
    """
    count = frames * beats(type_.pixels, type_.channels, lanes)
    digits = 2 * ceil_div(lanes * type_.bits, 8)
    most = count * (2 * digits + 80) + 4096
    try:
        size = path.stat().st_size
        text = path.read_text("ascii") if size <= most else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as text ({error!s:.120}), expected hexadecimal words.") from None
    bare = _COMMENT.sub("", text).replace("_", "")
    words = bare.split()
    if size > most or len(words) != count:
        found = f"{len(words)} words" if size <= most else f"{size} bytes"
        raise BadInput(f"{path}: holds {found}, expected {count} words: {frames} frames of {count // frames} beats.")
    if _UNKNOWN.search(bare):
        words = _without_idle(path, text, words, type_, lanes)
    try:
        values = lane_values(words, lanes, type_.bits, type_.signed)
    except ValueError:
        raise _bad_word(path, text, words, lanes * type_.bits) from None
    pixels = values.reshape(frames * type_.pixels, -1)[:, : type_.channels]
    return np.ascontiguousarray(pixels).reshape(frames, *type_.shape)


def _without_idle(path: Path, text: str, words: list[str], type_: TensorType, lanes: int) -> list[str]:
    """`words` with zeros for unknown digits that belong to no channel; refuse others."""
    each = ceil_div(type_.channels, lanes)
    last = type_.channels - (each - 1) * lanes
    known = []
    for number, word in enumerate(words):
        used = ceil_div((last if number % each == each - 1 else lanes) * type_.bits, 4)
        if _UNKNOWN.search(word[-used:]):
            raise BadInput(
                f"{path}, line {_line(text, number)}: the word {word:.80} has unknown bits (x or z), expected known "
                "ones. Record a beat when tvalid and tready are high, and after the reset."
            )
        known.append(_UNKNOWN.sub("0", word))
    return known


def _bad_word(path: Path, text: str, words: list[str], width: int) -> BadInput:
    """The refusal of the first of `words` that is no hexadecimal number of `width` bits."""
    bad = (i for i, word in enumerate(words) if not _HEX.fullmatch(word) or int(word, 16) >> width)
    number = next(bad)
    return BadInput(
        f"{path}, line {_line(text, number)}: {words[number]!r:.80} is no word of {width} bits, expected hexadecimal "
        "digits, one word for each beat and in their order."
    )


def _line(text: str, number: int) -> int:
    """Line, from 1, of word `number`, from 0."""
    lines = (line for line, content in enumerate(text.splitlines(), 1) for _ in _COMMENT.sub("", content).split())
    return next(islice(lines, number, None))
