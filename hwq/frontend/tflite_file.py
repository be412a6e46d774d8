"""TFLite files: tensors and operators of a flatbuffer that nobody vouches for.

Slots are those of the schema of TensorFlow Lite, version 3 (tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwq.errors import BadInput

IDENTIFIER = b"TFL3"
"""Bytes 4 to 7 of every file."""
TYPES: dict[int, DTypeLike] = {
    0: np.float32, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_, 7: np.int16, 9: np.int8,
}  # fmt: skip
"""Element types by number; others are refused where something reads them."""
OPERATORS = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 6: "DEQUANTIZE",
    9: "FULLY_CONNECTED", 14: "LOGISTIC", 17: "MAX_POOL_2D", 18: "MUL", 19: "RELU", 21: "RELU6", 22: "RESHAPE",
    25: "SOFTMAX", 28: "TANH", 34: "PAD", 40: "MEAN", 41: "SUB", 43: "SQUEEZE", 45: "STRIDED_SLICE", 70: "EXPAND_DIMS",
    77: "SHAPE", 83: "PACK", 98: "LEAKY_RELU", 114: "QUANTIZE",
}  # fmt: skip
"""Names of built-in operators by number, as far as hwq reads them."""
DAMAGED = (struct.error, ValueError, IndexError, ZeroDivisionError)
"""What reading a damaged file raises."""
OLD_CODES = 127
"""From this number on, the code has a field of its own."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a flatbuffer: fields by slot, each with a default where it is absent."""

    data: bytes
    at: int

    def _field(self, slot: int) -> int | None:
        base = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        size, entry = struct.unpack_from("<H", self.data, base)[0], 4 + 2 * slot
        offset = struct.unpack_from("<H", self.data, base + entry)[0] if entry < size else 0
        return self.at + int(offset) if offset else None

    def _target(self, slot: int) -> int | None:
        found = self._field(slot)
        return None if found is None else found + int(struct.unpack_from("<I", self.data, found)[0])

    def number(self, slot: int, form: str = "i", default: int = 0) -> int:
        """A number of the format of `struct`."""
        found = self._field(slot)
        return default if found is None else int(struct.unpack_from(f"<{form}", self.data, found)[0])

    def real(self, slot: int) -> float:
        """A float32."""
        found = self._field(slot)
        return 0.0 if found is None else float(struct.unpack_from("<f", self.data, found)[0])

    def table(self, slot: int) -> Table:
        """A table; one without fields where it is absent."""
        found = self._target(slot)
        return Table(self.data, found) if found is not None else Table(b"\4\0\0\0\4\0\0\0", 4)

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables."""
        start = self._target(slot)
        places = [] if start is None else self.array(slot, np.uint32).tolist()
        return [Table(self.data, start + 4 + 4 * k + place) for k, place in enumerate(places) if start is not None]

    def array(self, slot: int, dtype: DTypeLike) -> NDArray[np.generic]:
        """A vector of numbers; empty where it is absent."""
        start = self._target(slot)
        if start is None:
            return np.zeros(0, dtype)
        (count,) = struct.unpack_from("<I", self.data, start)
        return np.frombuffer(self.data, dtype, count, start + 4) if count else np.zeros(0, dtype)

    def text(self, slot: int) -> str:
        """A string."""
        return self.array(slot, np.uint8).tobytes().decode()


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor: `values` are what the file stores, None for what an operator computes.

    `scale` is empty for one that is not quantised, and has more than one element for channels of `axis`.
    """

    name: str
    shape: tuple[int, ...]
    code: int
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int
    stored: bytes

    @cached_property
    def values(self) -> NDArray[np.generic] | None:
        """Stored values in their shape."""
        if not self.stored or self.code not in TYPES:
            return None
        return np.frombuffer(self.stored, TYPES[self.code]).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Operator:
    """A built-in operator; absent inputs are -1."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table


@dataclass(frozen=True, slots=True)
class File:
    """The only subgraph of a file; numbers are those of `tensors`."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


def is_tflite(data: bytes) -> bool:
    """Whether the beginning of a file says that it is a TFLite model."""
    return data[4:8] == IDENTIFIER


def read_file(path: Path) -> File:
    """The tensors and operators of the file at `path`.

    Raises
    ------
    BadInput
        When it is no TFLite model, is damaged, or has more than one subgraph.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}, expected a readable TFLite file. Check the path") from None
    if not is_tflite(data):
        raise BadInput(f"{path}: not a TFLite model, expected one of schema version 3. Export it again")
    try:
        model = Table(data, struct.unpack_from("<I", data)[0])
        subgraphs = model.tables(2)
        if len(subgraphs) != 1:
            raise BadInput(f"{path}: {len(subgraphs)} subgraphs, expected one. Export the inference function alone")
        return _file(model, subgraphs[0])
    except DAMAGED:
        raise BadInput(f"{path}: damaged or cut short, expected a complete TFLite file. Export it again") from None


def _file(model: Table, graph: Table) -> File:
    kinds = [_kind(code) for code in model.tables(1)]
    buffers = [buffer.array(0, np.uint8).tobytes() for buffer in model.tables(4)]
    tensors = tuple(_tensor(table, buffers) for table in graph.tables(0))
    operators = tuple(
        Operator(kinds[table.number(0, "I")], _numbers(table, 1), _numbers(table, 2), table.table(4))
        for table in graph.tables(3)
    )
    found = File(tensors, _numbers(graph, 1), _numbers(graph, 2), operators)
    made = [*found.inputs, *found.outputs, *(k for op in operators for k in op.outputs)]
    read = [k for op in operators for k in op.inputs]
    if min(made) < 0 or min(read) < -1 or max(*made, *read) >= len(tensors) or not all(op.outputs for op in operators):
        raise ValueError("numbers of tensors")
    return found


def _kind(code: Table) -> str:
    old, number = code.number(0, "b"), code.number(3)
    number = number if old >= OLD_CODES else max(old, number)
    return OPERATORS.get(number, f"operator {number}")


def _numbers(table: Table, slot: int) -> tuple[int, ...]:
    return tuple(int(number) for number in table.array(slot, np.int32))


def _tensor(table: Table, buffers: list[bytes]) -> Tensor:
    how = table.table(4)
    shape = _numbers(table, 0)
    scale, zero = np.float32(how.array(2, np.float32)), np.int64(how.array(3, np.int64))
    return Tensor(
        table.text(3), shape, table.number(1, "b"), np.atleast_1d(scale), np.atleast_1d(zero), how.number(6),
        buffers[table.number(2, "I")],
    )  # fmt: skip
