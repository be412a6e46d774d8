"""Weights as codes of a few bits, where that takes less memory than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray
from hwq.emit.cmodel.parts import Array, Scratch, Struct, bytes_of, narrowest

BITS = (1, 2, 4, 8)
"""Of a code: a byte holds a whole number of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Codes (outputs, elements) of `bits` bits, and the weight of each: (1, entries), or (outputs, entries)."""

    codes: IntArray
    table: IntArray
    bits: int

    @property
    def row_bytes(self) -> int:
        """Bytes of the codes of an output, which begin at a byte."""
        return -(-int(self.codes.shape[1]) * self.bits // 8)

    def size(self, weight_bytes: int) -> int:
        """Bytes of codes and table, and of the memory that holds the weights of one output."""
        return len(self.codes) * self.row_bytes + int(self.table.size + self.codes.shape[1]) * weight_bytes

    def packed(self) -> IntArray:
        """The codes as bytes (outputs, `row_bytes`), the first in the lowest bits."""
        count = 8 // self.bits
        padded = np.pad(self.codes, ((0, 0), (0, -self.codes.shape[1] % count)))
        shifts = self.bits * np.arange(count)
        packed: IntArray = (padded.reshape(len(padded), -1, count) << shifts).sum(axis=2)
        return packed


def stored(weight: IntArray) -> tuple[dict[str, str], tuple[Array | Struct, ...], tuple[Scratch, ...]]:
    """How the weights of a layer, output first, are stored: types, arguments before the bias, and scratch memory.

    They are stored as they are, or as codes with one table or one for each output, whichever takes the least memory;
    the scratch memory that coded weights need is counted.
    """
    flat = weight.reshape(len(weight), -1)
    code = narrowest(weight, "s8", "s16")
    least, chosen = flat.size * bytes_of(code), None
    for coded in _ways(flat):
        if coded.size(bytes_of(code)) < least:
            least, chosen = coded.size(bytes_of(code)), coded
    types = {"weight_t": code}
    if chosen is None:
        return types, (Array("weight", weight, code),), ()
    step = chosen.table.shape[1] if len(chosen.table) > 1 else 0
    coding = Struct("coding", "coding", {"bits": chosen.bits, "bytes": chosen.row_bytes, "step": step})
    arrays = Array("codes", chosen.packed(), "u8"), Array("table", chosen.table, code), coding
    return types, arrays, (Scratch(code, flat.shape[1]),)


def _ways(flat: IntArray) -> Iterator[Codes]:
    """Codes of the values that occur in the layer, and of those of each output, where 256 entries hold them."""
    values, codes = np.unique(flat, return_inverse=True)
    if len(values) <= 1 << BITS[-1]:
        yield Codes(codes.reshape(flat.shape), values[None], _bits(len(values)))
    rows = [np.unique(row, return_inverse=True) for row in flat]
    most = max(len(row) for row, _ in rows)
    if len(flat) > 1 and most <= 1 << BITS[-1]:
        table = np.stack([np.pad(row, (0, most - len(row)), "edge") for row, _ in rows])
        yield Codes(np.stack([found for _, found in rows]), table, _bits(most))


def _bits(entries: int) -> int:
    """Bits of the number of an entry."""
    return next(bits for bits in BITS if entries <= 1 << bits)
