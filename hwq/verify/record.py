"""Recordings: every beat that passed on the streams of a simulated build, as tensors, kept in one file."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Rounding
from hwq.emit.rtl import traced
from hwq.errors import BadInput
from hwq.frontend.data import MAX_BYTES
from hwq.hw.fold import ceil_div
from hwq.hw.plan import Plan
from hwq.ir import serial
from hwq.ir.npy import check_size, parse_array, read_header
from hwq.ir.serial import MAX_TEXT
from hwq.ir.storage import parse_text, save_arrays, unpack
from hwq.ir.types import Format, TensorType
from hwq.quant.forms import KEY as FORMS
from hwq.quant.forms import Form, read_forms
from hwq.version import __version__

MARKER = "hwq.recording"
"""Name of the array that tells a recording from other archives; no tensor has a dot in its name."""
VERSION = 1
BLOCK_BYTES = 4 << 20
"""How much of a simulator's text is taken apart at a time."""

_BROKEN = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, SyntaxError, TypeError,
    ValueError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What numpy, zipfile and json raise on files that are damaged or made to harm."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What passed on one stream.

    Attributes
    ----------
    values
        Integers (frames, height, width, channels) of the narrowest type, the last frame filled with zeros.
    elements
        How many of them came, in raster order.
    unknown
        Those with unknown bits, of the same shape, zero in `values`; None where there are none.
    """

    values: NDArray[Any]
    elements: int
    unknown: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """A tensor of the program that was simulated: what made it, from what, and what its integers mean.

    `rounding` is how the host rounds to the integers of an input.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    type: TensorType
    format: Format
    rounding: Rounding = Rounding.HALF_UP


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One simulation of a build.

    `sent` are the samples that entered, by input tensor.  `streams` are by tensor, in program order, and then by
    prefix of the output port; `ports` tells which tensor a port carries.
    """

    program: str
    digest: str
    simulator: str
    layers: tuple[Layer, ...]
    ports: dict[str, str]
    forms: dict[str, Form] | None
    sent: dict[str, NDArray[Any]]
    streams: dict[str, Stream]

    @property
    def frames(self) -> int:
        """How many samples were sent."""
        return len(next(iter(self.sent.values())))

    def type_of(self, stream: str) -> TensorType:
        """The type of what a stream carries."""
        tensor = self.ports.get(stream, stream)
        return next(layer.type for layer in self.layers if layer.name == tensor)


def save_recording(path: Path, folder: Path, plan: Plan, inputs: Mapping[str, IntArray], simulator: str) -> None:
    """Write what the testbench left in `folder` to the archive `path`; nothing in it needs pickle.

    Parameters
    ----------
    inputs
        The samples that were sent, input tensor to integers (samples, height, width, channels).

    Raises
    ------
    BadInput
        When `path` cannot be written.
    """
    program = plan.program
    arrays: dict[str, NDArray[Any]] = {}
    elements = {}
    for name, tensor, lanes, width in _streams(plan):
        stream = read_stream(folder / f"{name}.txt", program.types[tensor], lanes, width)
        arrays[name], elements[name] = stream.values, stream.elements
        if stream.unknown is not None:
            arrays[f"{name}.unknown"] = stream.unknown
    for name, x in inputs.items():
        arrays[f"{name}.sent"] = x.astype(program.types[name].dtype)
    made = {op.name: (op.kind, op.inputs) for op in program.ops}
    about = {
        "version": VERSION, "hwq": __version__, "program": program.name, "digest": serial.digest(program),
        "simulator": simulator,
        "layers": [_described(name, *made.get(name, ("input", ())), type_, program.formats[name])
                   | _rounded(program.rounding(name)) for name, type_ in program.types.items()],
        "ports": [[edge.prefix, edge.port.tensor] for edge in plan.outputs],
        "streams": [[name, count] for name, count in elements.items()],
        "forms": program.info.get(FORMS),
    }  # fmt: skip
    save_arrays(path, {MARKER: np.array(json.dumps(about)), **arrays})


def is_recording(path: Path) -> bool:
    """Whether the file says that it is one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return f"{MARKER}.npy" in archive.namelist()
    except _BROKEN:
        return False


def load_recording(path: Path) -> Recording:
    """Read a recording.

    Raises
    ------
    BadInput
        When the file is missing, damaged, too large or of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MAX_BYTES:
                raise BadInput(f"{path}: unpacks to {size} bytes, expected at most {MAX_BYTES}. Record fewer samples.")
            return _recording(archive)
    except BadInput:
        raise
    except _BROKEN as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else f"not a readable recording ({error!s:.200})"
        raise BadInput(f"{path}: {what}, expected a file written by `hwq verify --record`. Record it again.") from None


def read_stream(path: Path, type_: TensorType, lanes: int, width: int) -> Stream:
    """The beats that the testbench wrote, one a line, `width` binary digits each, lane 0 in the last ones.

    A missing file is a stream on which nothing passed; a last line that was cut off is left out.
    """
    parts = [np.empty((0, lanes, 2), np.int64)]
    if path.is_file():
        parts += [_lanes(lines, type_, lanes) for lines in _lines(path, width)]
    beats = np.concatenate(parts)
    groups = ceil_div(type_.channels, lanes)
    pixels, rest = divmod(len(beats), groups)
    elements = pixels * type_.channels + min(type_.channels, rest * lanes)
    size = type_.pixels * type_.channels
    flat = np.zeros((ceil_div(elements, size) * size, 2), np.int64)
    whole = np.resize(beats, (ceil_div(len(beats), groups), groups * lanes, 2)) if len(beats) else beats
    flat[:elements] = whole[:, : type_.channels].reshape(-1, 2)[:elements]
    values, unknown = flat.reshape(-1, *type_.shape, 2).transpose(4, 0, 1, 2, 3)
    return Stream(values.astype(type_.dtype), elements, unknown.astype(bool) if unknown.any() else None)


def _streams(plan: Plan) -> Iterator[tuple[str, str, int, int]]:
    """Name, tensor, lanes and bits of a beat of every stream that is recorded, in program order, output ports last."""
    inner = {stream.name: stream for stream in traced(plan)}
    for tensor in plan.program.types:
        if tensor in inner:
            yield tensor, tensor, inner[tensor].lanes, inner[tensor].width
    for edge in plan.outputs:
        yield edge.prefix, edge.port.tensor, edge.lanes, edge.tdata_width


def _lines(path: Path, width: int) -> Iterator[NDArray[np.uint8]]:
    """Whole lines as characters (lines, width), some at a time."""
    step = max(1, BLOCK_BYTES // (width + 1)) * (width + 1)
    with path.open("rb") as file:
        while block := file.read(step):
            count = len(block) // (width + 1)
            yield np.frombuffer(block, np.uint8, count * (width + 1)).reshape(count, width + 1)[:, :width]


def _lanes(lines: NDArray[np.uint8], type_: TensorType, lanes: int) -> IntArray:
    """Value, and 1 where it is unknown, of each lane: (lines, lanes, 2)."""
    digits = lines[:, ::-1][:, : lanes * type_.bits].reshape(len(lines), lanes, type_.bits)
    value = (digits == ord("1")) @ (1 << np.arange(type_.bits))
    if type_.signed:
        value = np.where(value >> (type_.bits - 1), value - (1 << type_.bits), value)
    unknown = ((digits != ord("0")) & (digits != ord("1"))).any(axis=-1)
    return np.stack([np.where(unknown, 0, value), unknown], axis=-1)


def _described(name: str, kind: str, inputs: Sequence[str], type_: TensorType, form: Format) -> dict[str, Any]:
    return {
        "name": name, "kind": kind, "inputs": list(inputs), "shape": list(type_.shape), "bits": type_.bits,
        "signed": type_.signed, "scale": form.scale, "zero_point": form.zero_point,
    }  # fmt: skip


def _rounded(rounding: Rounding) -> dict[str, str]:
    """What a description has only where real inputs are not rounded the common way."""
    return {} if rounding is Rounding.HALF_UP else {"rounding": rounding.name}


def _recording(archive: zipfile.ZipFile) -> Recording:
    names = set(archive.namelist())
    if archive.getinfo(f"{MARKER}.npy").file_size > MAX_TEXT:
        raise ValueError(f"its description is larger than {MAX_TEXT} bytes")
    about = parse_text(str(parse_array(unpack(archive, f"{MARKER}.npy"))))
    if about["version"] != VERSION:
        raise ValueError(f"version {about['version']!r:.20}, expected {VERSION}")
    layers = tuple(_layer(entry) for entry in about["layers"])
    types = {layer.name: layer.type for layer in layers}
    ports = {str(prefix): str(tensor) for prefix, tensor in about["ports"]}
    streams = {}
    for name, elements in about["streams"]:
        type_ = types[ports.get(name, name)]
        values = _integers(archive, name, type_)
        unknown = _read(archive, f"{name}.unknown", type_) if f"{name}.unknown.npy" in names else None
        if not 0 <= int(elements) <= values.size or (unknown is not None and unknown.shape != values.shape):
            raise ValueError(f"{name} has {values.shape}, but {elements} elements")
        streams[str(name)] = Stream(values, int(elements), None if unknown is None else unknown.astype(bool))
    if ports.keys() - streams.keys() or any(layer.kind == "port" for layer in layers):
        raise ValueError("what its output ports carry is not there")
    sent = {
        layer.name: _integers(archive, f"{layer.name}.sent", layer.type) for layer in layers if layer.kind == "input"
    }
    if len({len(x) for x in sent.values()}) != 1 or not all(len(x) for x in sent.values()):
        raise ValueError("the numbers of samples sent differ, or are zero")
    forms = read_forms(about["forms"])
    return Recording(
        str(about["program"]), str(about["digest"]), str(about["simulator"]), layers, ports, forms, sent, streams
    )


def _layer(entry: Mapping[str, Any]) -> Layer:
    height, width, channels = (int(size) for size in entry["shape"])
    type_ = TensorType((height, width, channels), int(entry["bits"]), bool(entry["signed"]))
    form = Format(float(entry["scale"]), int(entry["zero_point"]))
    if not (0.0 < form.scale < float("inf") and 1 <= type_.bits <= 32 and min(type_.shape) >= 1):
        raise ValueError(f"{entry['name']!r:.60} is {type_}, {form.scale}")
    rounding, inputs = Rounding[entry.get("rounding", "HALF_UP")], tuple(str(name) for name in entry["inputs"])
    return Layer(str(entry["name"]), str(entry["kind"]), inputs, type_, form, rounding)


def _read(archive: zipfile.ZipFile, name: str, type_: TensorType) -> NDArray[Any]:
    """An array (n, height, width, channels); one of another shape is not unpacked."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as member:
        header = read_header(member)
    check_size(header, entry.file_size)
    if header.dtype.kind not in "iub" or len(header.shape) != 4 or header.shape[1:] != type_.shape:
        raise ValueError(f"an array is {header.dtype} {header.shape}, expected {type_}")
    return parse_array(unpack(archive, entry.filename))


def _integers(archive: zipfile.ZipFile, name: str, type_: TensorType) -> NDArray[Any]:
    """An array, all within the type."""
    values = _read(archive, name, type_)
    if values.dtype.kind == "b":
        raise ValueError(f"{name} holds {values.dtype}, expected integers")
    if values.size and not (type_.range[0] <= int(values.min()) and int(values.max()) <= type_.range[1]):
        raise ValueError(f"an array exceeds {type_}")
    return values
