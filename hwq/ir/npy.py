"""Headers of stored arrays, read with care: what an array takes is known, and fits its data, before it is made."""

from __future__ import annotations

import io
import struct
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

MAX_HEADER = 1 << 16
"""Largest header of an array, in bytes; numpy writes about a hundred."""
_READERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}
_BROKEN = (TypeError, EOFError, SyntaxError, RuntimeError, MemoryError, struct.error, tokenize.TokenError)
"""What numpy raises, beside ValueError, on a header that is damaged or made to harm."""


@dataclass(frozen=True, slots=True)
class Header:
    """Type and shape of a stored array; its data begin at `offset`, and `fortran` means that they are column-major."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    offset: int

    @property
    def nbytes(self) -> int:
        """Size of the data."""
        return prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes]) -> Header:
    """Read only so much that a header made to harm fills no memory.

    Raises
    ------
    ValueError
        When it is damaged.
    """
    start = io.BytesIO(stream.read(MAX_HEADER))
    try:
        version = npy.read_magic(start)
        if version not in _READERS:
            raise ValueError(f"array format {version}")
        shape, fortran, dtype = _READERS[version](start)
    except _BROKEN as error:
        raise ValueError(f"no header of an array ({error!s:.80})") from None
    if any(size < 0 for size in shape):
        raise ValueError(f"shape {shape}")
    return Header(dtype, shape, fortran, start.tell())


def check_size(header: Header, size: int) -> None:
    """Refuse, with a ValueError, pickled objects, and a file of another size than the header says."""
    if header.dtype.hasobject:
        raise ValueError("an array of Python objects, which are never unpickled")
    found = size - header.offset
    if found != header.nbytes:
        what = "is cut short" if found < header.nbytes else "holds more than one array"
        raise ValueError(f"it {what}: {found} bytes of data, expected {header.nbytes}")


def parse_array(data: bytes) -> NDArray[Any]:
    """The array that the bytes of an npy file hold, or a ValueError."""
    header = read_header(io.BytesIO(data))
    check_size(header, len(data))
    flat = np.frombuffer(data, header.dtype, prod(header.shape), header.offset)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")
