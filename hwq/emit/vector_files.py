"""Writing the files of one stream: words, arrays and C headers that grow chunk by chunk."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.emit.render import render
from hwq.emit.vector_folder import VectorStream
from hwq.hw.fold import ceil_div
from hwq.hw.pack import stream_words
from hwq.ir.types import Format

FORMATS = ("mem", "npy", "c")
"""Words for `$readmemh`, numpy arrays, C headers."""
_BLOCK_BITS = 1 << 22
"""Bits of words that are made at once."""
_ROW = 24
"""Integers in a line of a header."""
_HERE = "HWQ-VALUES-COME-HERE"


class GrowingFile:
    """A file that is written piece by piece and knows its size and hash; it is open only while a piece is written."""

    def __init__(self, path: Path) -> None:
        self.path, self._size, self._sha = path, 0, hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Append `data`."""
        with self.path.open("ab") as file:
            file.write(data)
        self._size += len(data)
        self._sha.update(data)

    @property
    def entry(self) -> dict[str, Any]:
        """The file as the manifest lists it."""
        return {"name": self.path.name, "bytes": self._size, "sha256": self._sha.hexdigest()}


class ArrayFile(GrowingFile):
    """An ``.npy`` file of a shape that is known beforehand, little endian."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        super().__init__(path)
        self._dtype = dtype.newbyteorder("<")
        text = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, text)
        self.add(head.getvalue())

    def add_values(self, values: NDArray[Any]) -> None:
        """Append elements, in C order."""
        self.add(np.ascontiguousarray(values, self._dtype).tobytes())


class StreamFiles:
    """The files of one stream in `folder`, one for each of `formats`.

    `label` is the first line of a header, `formula` the real value of an integer as text.
    """

    def __init__(
        self,
        folder: Path,
        stream: VectorStream,
        form: Format,
        formula: str,
        frames: int,
        formats: Collection[str],
        label: str,
    ) -> None:
        self._stream, self._files, self._tail = stream, dict[str, GrowingFile](), ""
        if "mem" in formats:
            self._files["mem"] = GrowingFile(folder / f"{stream.tensor}.mem")
        if "npy" in formats:
            shape = (frames, *stream.type.shape)
            self._files["npy"] = ArrayFile(folder / f"{stream.tensor}.npy", shape, stream.dtype)
        if "c" in formats:
            self._files["c"] = GrowingFile(folder / f"{stream.tensor}.h")
            head, self._tail = _header(stream, form, formula, frames, label).split(_HERE)
            self._files["c"].add(head.encode())

    def add(self, values: IntArray) -> None:
        """Append frames: integers (frames, height, width, channels)."""
        for kind, file in self._files.items():
            if isinstance(file, ArrayFile):
                file.add_values(values)
                continue
            for lines in self._words(values) if kind == "mem" else _rows(values):
                file.add(("\n".join(lines) + "\n").encode("ascii"))

    def close(self) -> dict[str, Any]:
        """End the files; the manifest's list of them."""
        if "c" in self._files:
            self._files["c"].add(self._tail.encode())
        return {kind: file.entry for kind, file in self._files.items()}

    def _words(self, values: IntArray) -> Iterator[list[str]]:
        type_, lanes = self._stream.type, self._stream.lanes
        pixels = values.reshape(-1, type_.channels)
        step = max(1, _BLOCK_BITS // (ceil_div(type_.channels, lanes) * self._stream.word_bits))
        for start in range(0, len(pixels), step):
            yield stream_words(pixels[start : start + step], lanes, type_.bits)


def size_of(stream: VectorStream, frames: int, formats: Collection[str]) -> int:
    """Bytes, at most, of the integers of `stream` in these formats."""
    elements = frames * stream.type.pixels * stream.type.channels
    bytes_of = {
        "mem": frames * stream.beats * (ceil_div(stream.word_bits, 4) + 1),
        "npy": elements * stream.dtype.itemsize,
        "c": elements * (max(len(str(end)) for end in stream.type.range) + 2),
    }
    return sum(bytes_of[kind] for kind in formats)


def _rows(values: IntArray) -> Iterator[list[str]]:
    """Lines of a C initialiser, frame by frame."""
    for frame in values:
        flat = frame.ravel().tolist()
        yield [", ".join(map(str, flat[i : i + _ROW])) + "," for i in range(0, len(flat), _ROW)]


def _header(stream: VectorStream, form: Format, formula: str, frames: int, label: str) -> str:
    """The text of a C header with `_HERE` for the integers."""
    type_ = stream.type
    return render(
        "vectors/stream.h.j2",
        header=label,
        role=stream.role,
        tensor=stream.tensor,
        macro=stream.tensor.upper(),
        type=type_,
        zero_point=form.zero_point,
        scale=repr(form.scale),
        formula=formula,
        shape=type_.shape,
        bits=type_.bits,
        frames=frames,
        c_type=f"{'' if type_.signed else 'u'}int{8 * stream.dtype.itemsize}_t",
        count=frames * type_.pixels * type_.channels,
        values=_HERE,
    )
