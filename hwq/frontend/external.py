"""Tensors whose data lies in files beside the model: read them, and only from inside the model's folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from hwq.errors import BadInput

MAX_BYTES = 2**31
"""The largest model and the largest sum of external data that is read."""


def load_external(model: onnx.ModelProto, folder: Path) -> None:
    """Copy external data into the tensors of `model`, in place.

    Raises
    ------
    BadInput
        When a path leaves `folder` (symbolic links resolved), or a file is missing, short or too large.
    """
    total = 0
    for tensor in _tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            data = _read(tensor, folder, MAX_BYTES - total)
            total += len(data)
            tensor.raw_data = data
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT


def _read(tensor: TensorProto, folder: Path, limit: int) -> bytes:
    who = f"initialiser '{tensor.name}'"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    root = folder.resolve()
    try:
        path = (root / location).resolve()
        inside = bool(location) and path.is_relative_to(root)
        present = inside and path.is_file()
    except (OSError, ValueError, RuntimeError):
        inside = present = False
    if not inside:
        raise BadInput(
            f"{who}: external data at {location!r}, expected a file inside the model's folder. Move it there"
        )
    if not present:
        raise BadInput(f"{who}: external data file {location!r} is missing, expected beside the model. Copy it there")
    size = _bytes(tensor)
    try:
        offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(size)))
    except ValueError:
        offset, length = -1, -1
    if offset < 0 or length != size or offset + size > path.stat().st_size:
        raise BadInput(
            f"{who}: external data file {location!r} does not hold {size} bytes at offset {offset}. Re-export"
        )
    if size > limit:
        raise BadInput(f"{who}: the model has more than {MAX_BYTES} bytes of external data, expected less")
    with path.open("rb") as file:
        file.seek(offset)
        return bytes(file.read(size))


def _bytes(tensor: TensorProto) -> int:
    count = 1
    for size in tensor.dims:
        count *= max(int(size), 0)
    try:
        return count * int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, ValueError, TypeError):
        raise BadInput(f"initialiser '{tensor.name}': data type {tensor.data_type} is unknown. Re-export") from None


def _tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[onnx.NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _graph_tensors(attribute.g)
            for graph in attribute.graphs:
                yield from _graph_tensors(graph)
