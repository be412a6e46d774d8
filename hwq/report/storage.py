"""Storage: what the weights of a layer take in memory, as floats, as plain integers and as they are stored."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray
from hwq.ops import Codebook, Linear
from hwq.ops.coding import codes

FLOAT_BITS = 32
CHUNK = 1 << 20
"""Fields that are packed at once, a multiple of 8."""


@dataclass(frozen=True, slots=True)
class Storage:
    """`weights` of a layer, or of many, in memory; biases and multipliers are not counted.

    `plain_bits` is what integers of the same `weight_bits` would take, `stored_bits` what the coding takes, tables
    included.  The bytes are those of gzip, level 9, for each layer alone: all fields without gaps, output channel
    first, tables behind the weights.  `coded` tells whether any weights are stored otherwise than as plain integers.
    """

    weights: int = 0
    float_bits: int = 0
    plain_bits: int = 0
    stored_bits: int = 0
    plain_gzip_bytes: int = 0
    stored_gzip_bytes: int = 0
    coded: bool = False

    def __add__(self, other: Storage) -> Storage:
        return Storage(
            self.weights + other.weights,
            self.float_bits + other.float_bits,
            self.plain_bits + other.plain_bits,
            self.stored_bits + other.stored_bits,
            self.plain_gzip_bytes + other.plain_gzip_bytes,
            self.stored_gzip_bytes + other.stored_gzip_bytes,
            self.coded or other.coded,
        )


def storage(op: Linear) -> Storage:
    """What the weights of `op` take."""
    plain = pack(op.weight, op.weight_bits)
    stored = stored_bytes(op)
    zipped = len(gzip.compress(plain, mtime=0))
    return Storage(
        weights=op.weight.size,
        float_bits=op.weight.size * FLOAT_BITS,
        plain_bits=op.weight.size * op.weight_bits,
        stored_bits=op.rom_bits,
        plain_gzip_bytes=zipped,
        stored_gzip_bytes=zipped if stored == plain else len(gzip.compress(stored, mtime=0)),
        coded=op.coding is not None,
    )


def stored_bytes(op: Linear) -> bytes:
    """The weights as they are stored, and the tables of a codebook behind them."""
    if op.coding is None:
        return pack(op.weight, op.weight_bits)
    stored = pack(codes(op.weight, op.coding.values(op.weight_bits), op.weight_bits), op.stored_bits)
    tables = pack(op.coding.entries, op.weight_bits) if isinstance(op.coding, Codebook) else b""
    return stored + tables


def pack(fields: IntArray, bits: int) -> bytes:
    """The lowest `bits` bits (at most 16) of each integer one after the other, the first in the lowest bits.

    Examples
    --------
    >>> pack(np.array([1, -1, 2]), 4).hex()
    'f102'
    """
    flat = fields.ravel()
    return b"".join(_packed(flat[start : start + CHUNK], bits) for start in range(0, flat.size, CHUNK))


def _packed(fields: IntArray, bits: int) -> bytes:
    halves = fields.astype("<u2").view(np.uint8).reshape(-1, 2)
    return np.packbits(np.unpackbits(halves, axis=1, bitorder="little")[:, :bits], bitorder="little").tobytes()


def weights_text(op: Linear) -> str:
    """How the weights are stored, in few characters: ``s8``, ``16 of s8`` (a table), ``2 powers of s8``."""
    values = f"s{op.weight_bits}"
    if op.coding is None:
        return values
    if isinstance(op.coding, Codebook):
        return f"{op.coding.entries.shape[-1]} of {values}"
    return f"{op.coding.terms} power{'s' if op.coding.terms > 1 else ''} of {values}"
