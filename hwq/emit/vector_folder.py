"""Folders of vectors for other people's testbenches, drivers and boards: what is in one, and reading one back.

docs/vectors.md describes the files and `manifest.json`.  A folder may also hold what a user's testbench has recorded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwq.arith import IntArray
from hwq.emit.vector_words import read_words
from hwq.errors import BadInput
from hwq.hw.fifo import beats
from hwq.ir.names import is_legal
from hwq.ir.npy import check_size, read_header
from hwq.ir.program import MAX_WIDE_BITS
from hwq.ir.types import TensorType

MANIFEST = "manifest.json"
VERSION = 1
"""Of the manifest's schema; a reader refuses others."""
MAX_MANIFEST = 1 << 26
"""Largest manifest that is read, in bytes."""
MAX_ELEMENTS = 1 << 30
"""Most integers that `read_vectors` returns: 8 GiB."""

_FILE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.(?:npy|mem)")


@dataclass(frozen=True, slots=True)
class VectorStream:
    """What passes for one tensor: `lanes` channels a beat, the last beat of a pixel filled up; `role` says where.

    `role` is ``input``, ``inner`` or ``output``.
    """

    tensor: str
    type: TensorType
    lanes: int
    role: str

    @property
    def beats(self) -> int:
        """Words of a frame."""
        return beats(self.type.pixels, self.type.channels, self.lanes)

    @property
    def word_bits(self) -> int:
        """Bits of a word that carry lanes."""
        return self.lanes * self.type.bits

    @property
    def dtype(self) -> np.dtype[Any]:
        """The narrowest type of numpy and C that holds the integers, little endian."""
        return self.type.dtype.newbyteorder("<")


def read_vectors(folder: Path) -> dict[str, IntArray]:
    """The integers of every stream in a folder of vectors.

    A stream is read from its ``.npy`` file or, where there is none, from its ``.mem`` file, which a testbench may have
    recorded.  A stream that has neither is left out.

    Returns
    -------
    dict
        Tensor name to int64 (frames, height, width, channels), in the order of the manifest.

    Raises
    ------
    BadInput
        When the manifest is missing, damaged or of another version, when no stream has a file, or when a file is not
        what the manifest says: its size, its hash (``.npy``), its type, a word that is unknown or too wide.
    """
    manifest = read_manifest(folder)
    frames = manifest["frames"]
    out: dict[str, IntArray] = {}
    for entry in manifest["streams"]:
        stream = _stream(entry)
        for kind, read in (("npy", _read_array), ("mem", read_words)):
            stored = entry["files"].get(kind)
            if stored is not None and (path := _inside(folder, stored["name"])) is not None:
                if kind == "npy":
                    _check_hash(path, stored.get("sha256"))
                out[stream.tensor] = read(path, stream.type, stream.lanes, frames)
                break
    if not out:
        raise BadInput(f"{folder}: holds no .npy and no .mem file of its {MANIFEST}, expected one for each stream.")
    return out


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder of vectors, as far as reading needs it, checked.

    Raises
    ------
    BadInput
        As `read_vectors`.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST:
            raise ValueError(f"{path.stat().st_size} bytes")
        manifest = json.loads(path.read_text("utf-8"))
        version = manifest["hwq_vectors"]
    except OSError as error:
        raise BadInput(
            f"{path}: {error.strerror}, expected a folder written by `hwq vectors`. Check the path."
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from None
    if version != VERSION:
        raise BadInput(f"{path}: format version {version!r:.40}, expected {VERSION}. Write the vectors again.")
    try:
        _check(manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from None
    return dict(manifest)


def _check(manifest: Mapping[str, Any]) -> None:
    """Raise KeyError, TypeError, AttributeError or ValueError unless streams and files are fit to be read."""
    frames = _whole(manifest["frames"], "frames")
    streams = [_stream(entry) for entry in manifest["streams"]]
    names = [stream.tensor.lower() for stream in streams]
    if not streams or len(set(names)) < len(names):
        raise ValueError("no streams, or two for one tensor")
    total = frames * sum(stream.type.pixels * stream.type.channels for stream in streams)
    if total > MAX_ELEMENTS:
        raise ValueError(f"{total} integers, expected at most {MAX_ELEMENTS}")
    for entry in manifest["streams"]:
        for kind in ("npy", "mem"):
            name = entry["files"].get(kind, {"name": f"a.{kind}"})["name"]
            if not _FILE.fullmatch(name) or not name.endswith(kind):
                raise ValueError(f"{name!r:.60} is no name of a {kind} file")


def _stream(entry: Mapping[str, Any]) -> VectorStream:
    """A stream of the manifest; ValueError where it is none."""
    tensor, (height, width, channels) = entry["tensor"], entry["shape"]
    if not isinstance(tensor, str) or not is_legal(tensor):
        raise ValueError(f"{tensor!r:.60} is no name of a tensor")
    shape = _whole(height, "height"), _whole(width, "width"), _whole(channels, "channels")
    bits, lanes = _whole(entry["bits"], "bits"), _whole(entry["lanes"], "lanes")
    if bits > MAX_WIDE_BITS or lanes > channels or not isinstance(entry["signed"], bool):
        raise ValueError(
            f"{tensor}: {bits} bits, {lanes} of {channels} channels a beat, signed {entry['signed']!r:.20}"
        )
    stream = VectorStream(tensor, TensorType(shape, bits, entry["signed"]), lanes, str(entry["role"]))
    if entry["beats"] != stream.beats:
        raise ValueError(f"{tensor}: {entry['beats']!r:.20} beats a frame, expected {stream.beats}")
    return stream


def _whole(value: object, what: str) -> int:
    if type(value) is not int or not 1 <= value <= MAX_ELEMENTS:
        raise ValueError(f"{what} {value!r:.40}, expected a whole number from 1 to {MAX_ELEMENTS}")
    return value


def _inside(folder: Path, name: str) -> Path | None:
    """The file `name` of `folder`; None where there is none."""
    path = folder / name
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BadInput(f"{path}: is a link or no file, expected a file. Copy its content there.")
    return path if path.exists() else None


def _check_hash(path: Path, expected: object) -> None:
    if expected is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise BadInput(
            f"{path}: its content does not match its hash in {MANIFEST}. Write the vectors again; for an array of your "
            "own, take its sha256 out of the manifest."
        )


def _read_array(path: Path, type_: TensorType, _lanes: int, frames: int) -> IntArray:
    """The integers of an ``.npy`` file, its header and range checked before and after it is read."""
    shape, (low, high) = (frames, *type_.shape), type_.range
    try:
        with path.open("rb") as file:
            check_size(read_header(file), path.stat().st_size)
        stored = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{path}: not a readable array ({reason:.120}). Write the vectors again.") from None
    if stored.shape != shape or stored.dtype.kind not in "iu":
        raise BadInput(
            f"{path}: holds {stored.dtype} {stored.shape}, expected integers {shape}. Write the vectors again."
        )
    values = np.asarray(stored, np.int64)
    if values.min() < low or values.max() > high:
        raise BadInput(f"{path}: spans {values.min()} to {values.max()}, expected {low} to {high} of {type_}.")
    return values


def _damaged(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path}: is damaged ({error!s:.200}). Write the vectors again.")
