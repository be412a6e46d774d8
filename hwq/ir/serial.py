"""NET.hwq: a program in one file, a zip of one JSON text and plain numpy arrays; the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hwq.errors import BadInput, refuse_all
from hwq.ir.codec import decode, encode
from hwq.ir.kinds import mistakes
from hwq.ir.npy import parse_array
from hwq.ir.program import Program
from hwq.ir.storage import EPOCH, parse_text, unpack, write_atomically

VERSION = 2
MAX_MEMBER = 1 << 31
"""Largest unpacked size of one array, in bytes: a zip bomb is refused."""
MAX_TEXT = 1 << 26
"""Largest unpacked size of the text, in bytes."""
MAX_ELEMENTS = 1 << 29
"""Largest number of elements of all arrays, and of one tensor: eight bytes each in memory."""

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
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile, json and numpy raise on files that are damaged or made to harm, and what an absurd program makes of its
own checks."""
_CORE = ("name", "inputs", "outputs", "ops", "input_types", "formats")
_KEYS = (*_CORE, "samples", "info")
_NOTES = ("options", "source", "sqnr_db")
_TEXT = "program.json"
_AGAIN = "Quantise the model again, or take another copy of the file."


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
    body = {key: encode(getattr(program, key), arrays, key) for key in _KEYS}
    text = json.dumps({"hwq": VERSION, "digest": digest(program), **body}, sort_keys=True, indent=1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_TEXT, EPOCH), text, zipfile.ZIP_DEFLATED)
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
        When the file is missing, damaged, of another version, was changed by hand, or holds a program that does not
        verify.
    """
    try:
        text, arrays = _read(path)
        program = Program(**{key: decode(text[key], arrays) for key in _KEYS})
    except BadInput as error:
        raise BadInput("\n".join(f"{path}: {line}. {_AGAIN}" for line in str(error).splitlines())) from None
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file, expected a file written by `hwq quantize`. Check the path.") from None
    except _BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else f"{error!r:.200}"
        raise BadInput(
            f"{path}: not a readable program ({reason}), expected a file written by `hwq quantize`. {_AGAIN}"
        ) from None
    damaged = f"{path}: the program inside is damaged, or was changed by hand. {_AGAIN}"
    try:
        with np.errstate(all="ignore"):
            check(program)
        actual = digest(program)
    except BadInput as error:
        raise BadInput("\n  ".join([damaged, *str(error).splitlines()])) from None
    except _BROKEN as error:
        raise BadInput(f"{damaged}\n  {error!r:.200}") from None
    if actual != text["digest"]:
        raise BadInput(
            f"{path}: its content does not match its digest: the file says {text['digest']!r:.18}, its content gives "
            f"{actual[:16]!r}. Something was changed by hand or by damage after hwq wrote it. {_AGAIN}"
        )
    return program


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The text, and the arrays that it names; sizes are checked before anything is unpacked."""
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise BadInput("not a readable program (no zip archive), expected a file written by `hwq quantize`")
        with zipfile.ZipFile(file) as archive:
            names = [member.filename for member in archive.infolist()]
            for member in archive.infolist():
                if member.file_size > (MAX_TEXT if member.filename == _TEXT else MAX_MEMBER):
                    raise BadInput(f"member {member.filename!r:.80} unpacks to {member.file_size} bytes, too large")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise BadInput(f"member {member.filename!r:.80} is packed in a way that hwq does not use")
            twice = sorted(name for name, count in Counter(names).items() if count > 1)
            if twice:
                raise BadInput(f"holds {twice[0]!r:.80} more than once")
            if _TEXT not in names:
                raise BadInput(
                    f"not a readable program (it holds no {_TEXT}), expected a file written by `hwq quantize`"
                )
            text = parse_text(unpack(archive, _TEXT))
            if not isinstance(text, dict):
                raise BadInput(f"not a readable program ({_TEXT} is no object)")
            if text.get("hwq") != VERSION:
                raise BadInput(f"format version {text.get('hwq')!r:.40}, expected {VERSION}, that of this hwq")
            wanted = {f"{name}.npy" for name in _arrays_named([text.get(key) for key in _KEYS])}
            refusals = [f"{_TEXT} lacks {key!r}" for key in ("digest", *_KEYS) if key not in text]
            refusals += [f"lacks {name!r:.80}, which {_TEXT} names" for name in sorted(wanted - set(names))]
            refusals += [
                f"holds {name!r:.80}, which is no part of it" for name in names if name not in wanted | {_TEXT}
            ]
            refuse_all(refusals)
            return text, _unpack(archive, sorted(wanted))


def _arrays_named(value: Any) -> Iterator[str]:
    """Names of all arrays that a text refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("array"), str):
            yield value["array"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _arrays_named(item)


def _unpack(archive: zipfile.ZipFile, names: list[str]) -> dict[str, np.ndarray]:
    """Arrays of integers as int64, by name without `.npy`; a file of one byte an element takes eight in memory."""
    arrays, left = {}, MAX_ELEMENTS
    for name in names:
        stored = parse_array(unpack(archive, name))
        if stored.dtype.kind != "i":
            raise BadInput(f"{name!r:.80} holds {stored.dtype}, expected integers")
        left -= stored.size
        if left < 0:
            raise BadInput(f"its arrays have more than {MAX_ELEMENTS} elements, too many")
        arrays[name.removesuffix(".npy")] = stored.astype(np.int64)
    return arrays


def check(program: Program) -> None:
    """Refuse what a damaged or forged file may hold, first of all what would lead the checks of `verify` astray.

    Raises
    ------
    BadInput
        When a value is of another type than its field, a number or tensor is out of all bounds, the program does not
        verify, or its samples are not of the types of its inputs.
    """
    refuse_all(list(mistakes(program)))
    for key in _NOTES:
        if type(program.info.get(key, {})) is not dict:
            raise BadInput(f"info.{key} is {program.info[key]!r:.60}, expected an object")
    if not all(isinstance(db, int | float | None) for db in program.info.get("sqnr_db", {}).values()):
        raise BadInput("info.sqnr_db: holds something else than numbers")
    for stage in ("input_types", "types"):  # the inputs before anything follows from them
        for name, type_ in getattr(program, stage).items():
            if math.prod(type_.shape) > MAX_ELEMENTS:
                raise BadInput(f"{name}: has {math.prod(type_.shape)} elements, expected at most {MAX_ELEMENTS}")
    for port in (*program.inputs, *program.outputs):
        shape = program.types[port.tensor].shape if port.tensor in program.types else port.index.shape
        if port.index.size != math.prod(shape):
            raise BadInput(f"{port.name}: its {port.index.size} elements do not fill its tensor of shape {shape}")
        if np.dtype(port.dtype).kind not in "fiu":
            raise BadInput(f"{port.name}: its type is {port.dtype}, expected one of numbers")
    program.verify()
    for name, sample in program.samples.items():
        type_ = program.input_types[name]
        low, high = type_.range
        if sample.shape[1:] != type_.shape or sample.size == 0 or sample.min() < low or sample.max() > high:
            raise BadInput(f"samples.{name}: not samples of type {type_}")
    if len({len(sample) for sample in program.samples.values()}) > 1:
        raise BadInput("samples: their numbers differ")


def _narrow(array: np.ndarray) -> np.ndarray:
    """The same integers in the smallest signed type."""
    if array.size == 0:
        return array.astype(np.int8)
    low, high = int(array.min()), int(array.max())
    fits = (t for t in (np.int8, np.int16, np.int32) if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return array.astype(next(fits, np.int64))
