"""Writing files so that a reader sees the old content or the new one, never half."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.errors import BadInput
from hwq.ir.names import MAX_PORTABLE
from hwq.ir.temporary import new_beside, remove_leftovers

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every member of an archive: equal content gives equal bytes."""


def check_writable(path: Path, *sources: Path) -> None:
    """Refuse a file that could not be written, before the work whose result it is to hold.

    What killed processes have left of the same file is removed.

    Parameters
    ----------
    path
        The file.
    sources
        Files that the work reads.

    Raises
    ------
    BadInput
        When the folder is missing or read-only, or the path is a folder, a device or one of the sources.
    """
    if path.is_dir():
        raise BadInput(f"{path}: is a folder, expected a file or nothing. Choose another output.")
    _refuse_special(path)
    for source in sources:
        if path.exists() and source.exists() and path.samefile(source):
            raise BadInput(f"{path}: is read by the same command, expected another file. Choose another output.")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: {path.parent} is not a folder. Create it, or choose another output.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from None
    remove_leftovers(path)


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive does, damaged or not: a program, a recording or samples."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an npz archive that `numpy.load` reads without pickle.

    `numpy.savez` would not do: it takes some array names for its own parameters.  Compression is light: five times as
    fast, for files 10 to 20 % larger.

    Raises
    ------
    BadInput
        As `write_atomically`.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), member.getvalue(), zipfile.ZIP_DEFLATED, 1)
    write_atomically(path, buffer.getvalue())


def unpack(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member of an archive, no more of it than the archive says: `ZipFile.read` unpacks gigabytes, and then looks."""
    entry = archive.getinfo(name)
    with archive.open(entry) as member:
        return member.read(entry.file_size)


def parse_text(text: str | bytes) -> Any:
    """The value of a JSON text from a file that nobody vouches for.

    Raises
    ------
    RecursionError, ValueError
        When it is no JSON, or holds a name that is too long to be printed.
    """
    value = json.loads(text)
    longest = max(_texts(value), key=len, default="")
    if len(longest) > MAX_PORTABLE:
        raise ValueError(f"{longest!r:.40}... has {len(longest)} characters, expected at most {MAX_PORTABLE}")
    return value


def _texts(value: Any) -> Iterator[str]:
    """Every string in a tree, keys too."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` by way of a temporary file in the same folder.

    Raises
    ------
    BadInput
        When the folder is missing or read-only, the path is a folder, or the disk is full.
    """
    _refuse_special(path)
    try:
        with new_beside(path) as temporary:
            temporary.write_bytes(data)
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from None


def _refuse_special(path: Path) -> None:
    """A device or a pipe would be replaced by a file."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BadInput(f"{path}: is no regular file, expected a file or nothing. Choose another output.")


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(f"{path}: cannot be written ({error.strerror}). Choose another output or free the disk.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
