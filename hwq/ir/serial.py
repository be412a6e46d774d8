"""NET.hwq: a program in one file, a zip of one JSON text and plain numpy arrays; the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from hwq.errors import BadInput
from hwq.ir.codec import decode, encode
from hwq.ir.program import Program
from hwq.ir.storage import EPOCH, write_atomically

VERSION = 2
MAX_MEMBER = 1 << 31
"""Largest unpacked size of one member, in bytes: a zip bomb is refused."""

_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile, json and numpy raise on files that are damaged or made to harm, and what an absurd program makes of its
own checks."""
_CORE = ("name", "inputs", "outputs", "ops", "input_types", "formats")


def digest(program: Program) -> str:
    """SHA-256 (hexadecimal) over everything that defines the integers; samples and info take no part."""
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps({key: encode(getattr(program, key), arrays, key) for key in _CORE}, sort_keys=True)
    state = hashlib.sha256(text.encode())
    for path in sorted(arrays):
        array = np.ascontiguousarray(arrays[path], np.int64)
        state.update(f"{path}{array.shape}".encode() + array.tobytes())
    return state.hexdigest()


def save(program: Program, path: Path) -> None:
    """Write `program` to `path`; an existing file is replaced as a whole or not at all."""
    arrays: dict[str, np.ndarray] = {}
    keys = (*_CORE, "samples", "info")
    body = {key: encode(getattr(program, key), arrays, key) for key in keys}
    text = json.dumps({"hwq": VERSION, "digest": digest(program), **body}, sort_keys=True, indent=1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("program.json", EPOCH), text, zipfile.ZIP_DEFLATED)
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, _narrow(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), member.getvalue(), zipfile.ZIP_DEFLATED)
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> Program:
    """Read and verify a program.

    Raises
    ------
    BadInput
        When the file is missing, damaged, of another version, or holds a program that does not verify.
    """
    try:
        program, claimed = _read(path)
    except BadInput:
        raise
    except _BROKEN as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else f"not a readable program ({error!r:.200})"
        raise BadInput(
            f"{path}: {what}, expected a file written by `hwq quantize`. Quantise the model again."
        ) from None
    try:
        program.verify()
        actual = digest(program)
    except _BROKEN as error:
        raise BadInput(f"{path}: the program inside is damaged ({error!r:.200}). Quantise the model again.") from None
    if actual != claimed:
        raise BadInput(f"{path}: its content does not match its digest. Quantise the model again.")
    return program


def _read(path: Path) -> tuple[Program, str]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > MAX_MEMBER:
                raise BadInput(f"{path}: member {member.filename!r:.80} unpacks to {member.file_size} bytes, too large")
        text: dict[str, Any] = json.loads(archive.read("program.json"))
        if text.get("hwq") != VERSION:
            raise BadInput(
                f"{path}: format version {text.get('hwq')!r:.40}, expected {VERSION}. Quantise the model again."
            )
        arrays = {}
        for name in archive.namelist():
            if name.endswith(".npy"):
                stored = np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                if stored.dtype.kind != "i":
                    raise ValueError(f"{name} holds {stored.dtype}, expected integers")
                arrays[name.removesuffix(".npy")] = stored.astype(np.int64)
    fields = {key: decode(text[key], arrays) for key in (*_CORE, "samples", "info")}
    return Program(**fields), str(text["digest"])


def _narrow(array: np.ndarray) -> np.ndarray:
    """The same integers in the smallest signed type."""
    if array.size == 0:
        return array.astype(np.int8)
    low, high = int(array.min()), int(array.max())
    fits = (t for t in (np.int8, np.int16, np.int32) if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return array.astype(next(fits, np.int64))
