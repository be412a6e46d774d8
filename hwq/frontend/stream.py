"""Array files of any size: what they hold from their headers alone, and their arrays in pieces.

A piece is read with plain reads, not through a memory map: a file that is cut while it is read gives a message
instead of a crash, and what was read does not stay in memory.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from hwq.errors import BadInput
from hwq.ir.npy import Header, check_size, read_header

Array = NDArray[np.generic]
ONLY = "x"
"""Name of the one array of an npy file."""
_MAGIC = b"\x93NUMPY"
_BROKEN = (
    ValueError,
    EOFError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    lzma.LZMAError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What numpy and zipfile raise on files that are damaged or made to harm."""


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """An npy or npz file: the names of all arrays, and the headers of those that were asked for."""

    path: Path
    names: tuple[str, ...]
    headers: Mapping[str, Header]

    def pieces(
        self, names: Sequence[str], size: int, wanted: Callable[[int], bool] = lambda _first: True
    ) -> Iterator[tuple[int, dict[str, Array]]]:
        """Read some arrays side by side, `size` entries of the first axis at a time.

        Parameters
        ----------
        names
            Arrays of equally many entries; their headers are there.
        wanted
            Is given the number of the first entry of a piece, and tells whether to read it or pass over it.

        Yields
        ------
        tuple of int and dict
            Number of the first entry, and name to array (read-only, C order).

        Raises
        ------
        BadInput
            When the file is cut short, damaged or no longer what its header said.
        """
        count = self.headers[names[0]].shape[0]
        with readable(self.path), ExitStack() as stack:
            archive = None if self.names == (ONLY,) and _is_npy(self.path) else stack.enter_context(_archive(self.path))
            readers = {
                name: stack.enter_context(_Reader(self.path, archive, name, self.headers[name])) for name in names
            }
            for first in range(0, count, size):
                length = min(size, count - first)
                if wanted(first):
                    yield first, {name: reader.take(length) for name, reader in readers.items()}
                else:
                    for reader in readers.values():
                        reader.skip(length)


def survey(path: Path, names: Sequence[str]) -> ArrayFile:
    """Read the headers of the arrays `names` of an npy or npz file, and no data.

    An npy file has one array, called `ONLY`.

    Raises
    ------
    BadInput
        When the file is missing, no archive of plain arrays, or its members do not fit their headers.
    """
    with readable(path):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise BadInput(f"{path}: is a device or a pipe, expected a file. Save the samples to a file first")
        if _is_npy(path):
            with path.open("rb") as file:
                header = read_header(file)
            check_size(header, path.stat().st_size)
            return ArrayFile(path, (ONLY,), {ONLY: header})
        with _archive(path) as archive:
            members = [(entry.filename.removesuffix(".npy"), entry) for entry in archive.infolist()]
            headers = {}
            for name, entry in members:
                if name not in names:
                    continue
                if name in headers:
                    raise BadInput(f"{path}: holds two arrays '{name}', expected one. Save it with numpy.savez")
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"compression of '{name}' is number {entry.compress_type}")
                with archive.open(entry) as member:
                    headers[name] = read_header(member)
                check_size(headers[name], entry.file_size)
            return ArrayFile(path, tuple(name for name, _ in members), headers)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what goes wrong in reading `path` into `BadInput`."""
    kind, how = ("npy file", "numpy.save") if path.suffix == ".npy" else ("npz archive", "numpy.savez")
    try:
        yield
    except OSError as error:
        reason = error.strerror or "cut short"
        raise BadInput(f"{path}: {reason}, expected a readable {kind}. Check the path") from None
    except _BROKEN as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{path}: not an {kind} of plain arrays ({reason}). Save it with {how}") from None


class _Reader:
    """One array of a file, from its first entry to its last."""

    def __init__(self, path: Path, archive: zipfile.ZipFile | None, name: str, header: Header) -> None:
        self._stream: IO[bytes] = path.open("rb") if archive is None else archive.open(_member(archive, name))
        self._header, self._name = header, name
        self._bytes = prod(header.shape[1:]) * header.dtype.itemsize
        self._whole: Array | None = None
        self._next = 0

    def __enter__(self) -> _Reader:
        self._stream.read(self._header.offset)
        if self._header.fortran:
            # Entries are scattered over the whole of the data.
            self._whole = self._read(self._header.nbytes).reshape(self._header.shape, order="F")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def take(self, count: int) -> Array:
        """The next `count` entries."""
        self._next += count
        if self._whole is not None:
            return np.ascontiguousarray(self._whole[self._next - count : self._next])
        return self._read(count * self._bytes).reshape(count, *self._header.shape[1:])

    def skip(self, count: int) -> None:
        """Pass over the next `count` entries."""
        self._next += count
        if self._whole is None:
            self._stream.seek(count * self._bytes, io.SEEK_CUR)

    def _read(self, size: int) -> Array:
        data = self._stream.read(size)
        if len(data) < size:
            raise ValueError(f"array '{self._name}' is cut short")
        return np.frombuffer(data, self._header.dtype)


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _archive(path: Path) -> zipfile.ZipFile:
    if not zipfile.is_zipfile(path):
        raise BadInput(f"{path}: not an npz archive, expected one. Save it with numpy.savez")
    return zipfile.ZipFile(path)


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    return next(entry for entry in archive.infolist() if entry.filename.removesuffix(".npy") == name)
