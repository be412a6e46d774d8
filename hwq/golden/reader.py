"""The program of a golden file, read back without loss, or refused: nothing in between."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from hwq.errors import BadInput
from hwq.golden.metadata import KEYS, PREFIX, VERSION, rebuild
from hwq.golden.writer import MAX_BYTES, write
from hwq.ir.program import Program
from hwq.ir.serial import digest

_BROKEN = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What a damaged text, a missing initialiser, or the checks of an absurd program raise."""
_AGAIN = "Export the golden model again with `hwq export`."


def load(path: Path) -> Program:
    """Read the golden file at `path`.

    Raises
    ------
    BadInput
        When the file is missing, is no golden file of this version, is damaged, or executes anything else than the
        program that it describes.
    """
    try:
        return program_of(parse(path))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def parse(path: Path) -> ModelProto:
    """The ONNX model in a file, not checked; no file beside it is ever read."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadInput(f"{size} bytes, expected at most {MAX_BYTES}. Is it an ONNX model?")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{error.strerror}, expected a readable ONNX file. Check the path.") from None
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise BadInput(f"not an ONNX model or cut short, expected a complete golden model. {_AGAIN}") from None
    return model


def is_golden(path: Path) -> bool:
    """True where `path` is an ONNX file that carries a program, whether it can be used or not."""
    try:
        return bool(_entries(parse(path)))
    except BadInput:
        return False


def program_of(model: ModelProto) -> Program:
    """The program that a golden model carries and executes: verified, with the digest of the one that was written.

    The model is written again from the program; where the two differ, the file would execute something else.

    Raises
    ------
    BadInput
        As `load`; the message does not name the file.
    """
    entries = _entries(model)
    if not entries:
        raise BadInput("an ONNX model that carries no program, expected a golden model. Write one with `hwq export`.")
    if "format" in entries:
        raise BadInput(
            f"a file in the format {entries['format']!r:.20} for other tools, expected a golden model. "
            "Use the program that it was made of."
        )
    if entries.get("version") != str(VERSION):
        raise BadInput(f"golden model of version {entries.get('version')!r:.40}, expected {VERSION}. {_AGAIN}")
    missing = [key for key in KEYS if key not in entries]
    if missing:
        raise BadInput(f"its metadata lack {', '.join(PREFIX + key for key in missing)}. {_AGAIN}")
    initializers = {tensor.name: _array(tensor) for tensor in model.graph.initializer}
    try:
        with np.errstate(all="ignore"):
            program = rebuild(entries["program"], initializers).verify()
            actual = digest(program)
            again = write(program, entries["float"] == "true")
    except BadInput:
        raise
    except _BROKEN as error:
        raise BadInput(f"the program inside is damaged ({error!r:.200}). {_AGAIN}") from None
    if actual != entries["digest"]:
        raise BadInput(f"its content does not match its digest. {_AGAIN}")
    changed = _difference(model, again)
    if changed:
        raise BadInput(
            f"{changed} differs from what the program inside says: the file was edited, or written again by another "
            f"tool. {_AGAIN}"
        )
    return program


def _entries(model: ModelProto) -> dict[str, str]:
    """The metadata that are hwq's, without the prefix; text that is not UTF-8 comes as bytes and is left out."""
    texts = [(entry.key, entry.value) for entry in model.metadata_props]
    return {
        key.removeprefix(PREFIX): value
        for key, value in texts
        if isinstance(key, str) and isinstance(value, str) and key.startswith(PREFIX)
    }


def _array(tensor: TensorProto) -> NDArray[np.generic]:
    """An initialiser as golden files store them: raw bytes inside the file."""
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise BadInput(f"initialiser {tensor.name!r:.80} lies in another file, expected all data inside. {_AGAIN}")
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
        if dtype.kind not in "iuf" or len(tensor.raw_data) != math.prod(tensor.dims) * dtype.itemsize:
            raise ValueError
        return np.frombuffer(tensor.raw_data, dtype.newbyteorder("<")).reshape(tuple(tensor.dims))
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"initialiser {tensor.name!r:.80}: its data do not fit its shape and type. {_AGAIN}") from None


def _difference(read: ModelProto, written: ModelProto) -> str:
    """The first part of two models that is not the same byte for byte, or nothing."""
    groups = (
        ("operator set", read.opset_import, written.opset_import),
        ("node", read.graph.node, written.graph.node),
        ("initialiser", read.graph.initializer, written.graph.initializer),
        ("function", read.functions, written.functions),
        ("graph", [read.graph], [written.graph]),
    )
    for what, found, expected in groups:
        for ours, theirs in zip(expected, found, strict=False):
            if ours.SerializeToString(deterministic=True) != theirs.SerializeToString(deterministic=True):
                return f"{what} {getattr(ours, 'name', '') or getattr(ours, 'domain', '')!r:.80}"
        if len(found) != len(expected):
            return f"the number of {what}s ({len(found)}, expected {len(expected)})"
    return "" if read.ir_version == written.ir_version else f"IR version {read.ir_version}"
