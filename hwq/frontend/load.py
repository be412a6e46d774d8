"""Read an ONNX file that nobody vouches for, check it, and infer shapes for one sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import TensorProto, checker, defs, numpy_helper, shape_inference

from hwq.errors import BadInput, refuse_all
from hwq.frontend.external import MAX_BYTES, load_external
from hwq.frontend.inline import inline
from hwq.frontend.node import STANDARD_DOMAINS
from hwq.frontend.tflite import read_tflite
from hwq.frontend.tflite_file import is_tflite
from hwq.ir.names import MAX_PORTABLE, NOT_PORTABLE, is_portable

OLDEST_OPSET = 9
NEWEST_OPSET = defs.onnx_opset_version()

_BOUNDS = ("Clip", "Min", "Max")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A checked model: its functions are inlined and the first axis of its inputs is 1."""

    name: str
    graph: onnx.GraphProto
    opset: int
    batch: int | None
    """batch size that the inputs declare, None when it is free"""
    initializers: dict[str, NDArray[np.generic]]
    shapes: dict[str, tuple[int, ...]]
    """inferred shapes, batch included, of tensors whose sizes are all known"""


def load(path: str | Path) -> Source:
    """Read and check the ONNX model at `path`.

    Raises
    ------
    BadInput
        When it is no valid ONNX model of a supported operator set, or its external data cannot be used.
    """
    path = Path(path)
    model = parse(path)
    opset = _opset(model, path)
    _refuse_names(model, path)
    load_external(model, path.parent)
    _check(model, path)
    model = inline(model, path)
    names = [item.name for item in (*model.graph.input, *model.graph.output)]
    refuse_all([f"{name!r:.60}: {NOT_PORTABLE}" for name in names if not is_portable(name)])
    initializers = _initializers(model.graph)
    batch = _single_batch(model.graph)
    return Source(path.stem, model.graph, opset, batch, initializers, _infer(model))


def parse(path: Path) -> onnx.ModelProto:
    """The model in an ONNX file, not checked yet; a TFLite file becomes one.

    Raises
    ------
    BadInput
        When it cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadInput(f"{path}: {size} bytes, expected at most {MAX_BYTES}. Is it an ONNX model?")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}, expected a readable ONNX file. Check the path") from None
    if is_tflite(data):
        return read_tflite(path)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        model.Clear()
    if not model.ir_version or not model.HasField("graph") or not model.opset_import:
        raise BadInput(f"{path}: not an ONNX model or cut short, expected a complete ONNX file. Export it again")
    return model


def _opset(model: onnx.ModelProto, path: Path) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS]
    found = versions[0] if len(versions) == 1 else 0
    if not OLDEST_OPSET <= found <= NEWEST_OPSET:
        raise BadInput(
            f"{path}: operator set {versions or 'absent'}, expected {OLDEST_OPSET} to {NEWEST_OPSET}. "
            "Export the model with another opset_version"
        )
    return int(found)


def _refuse_names(model: onnx.ModelProto, path: Path) -> None:
    """Names are printed, compared and matched with patterns: all must be text, and none as long as a book."""
    refuse_all([f"{path}: a name {name!r:.60}, expected text. Rename it" for name in _not_text(model)])
    graphs = (model.graph, *model.functions)
    nodes = [node for graph in graphs for node in graph.node]
    names = {name for node in nodes for name in (node.name, node.op_type, node.domain, *node.input, *node.output)}
    names |= {item.name for node in nodes for item in node.attribute}
    ports = (*model.graph.input, *model.graph.output)
    names |= {item.name for item in (*model.graph.initializer, *ports)}
    names |= {axis.dim_param for item in ports for axis in item.type.tensor_type.shape.dim}
    names |= {name for function in model.functions for name in (function.name, function.domain)}
    longest = max(names, key=len, default="")
    if len(longest) > MAX_PORTABLE:
        raise BadInput(
            f"{path}: a name of {len(longest)} characters, {longest!r:.60}..., expected at most {MAX_PORTABLE}. "
            "Rename it"
        )


def _not_text(message: Message) -> Iterator[bytes]:
    """Names, paths and the like in any part of a message that are no UTF-8: protobuf gives these as they are."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE) or field.name == "doc_string":
            continue
        for item in [value] if isinstance(value, str | bytes | Message) else value:
            if isinstance(item, Message):
                yield from _not_text(item)
            elif isinstance(item, bytes):
                yield item


def _check(model: onnx.ModelProto, path: Path) -> None:
    """Run the ONNX checker; operators of other domains are left for the importer to refuse by name."""
    known = {entry.domain for entry in model.opset_import}
    for domain in sorted({node.domain for node in model.graph.node} - known - set(STANDARD_DOMAINS)):
        model.opset_import.add(domain=domain, version=1)
    try:
        checker.check_model(model)
    except (checker.ValidationError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{path}: not a valid ONNX model: {reason}. Export it again") from None


def _initializers(graph: onnx.GraphProto) -> dict[str, NDArray[np.generic]]:
    """Initialisers as arrays, every float one finite unless it only bounds a clip."""
    refusals = [f"initialiser '{item.values.name}': sparse, expected dense" for item in graph.sparse_initializer]
    arrays: dict[str, NDArray[np.generic]] = {}
    for tensor in graph.initializer:
        try:
            array = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, OverflowError, KeyError):
            refusals.append(f"initialiser '{tensor.name}': data do not fit the shape {list(tensor.dims)}. Re-export")
            continue
        arrays[tensor.name] = array
        with np.errstate(invalid="ignore"):
            if array.dtype.kind not in "fV" or np.isfinite(array.astype(np.float64)).all():
                continue
        users = {node.op_type for node in graph.node if tensor.name in node.input}
        if not users or not users.issubset(_BOUNDS):
            refusals.append(f"initialiser '{tensor.name}': holds NaN or infinity, expected finite numbers. Check it")
    refuse_all(refusals)
    return arrays


def _single_batch(graph: onnx.GraphProto) -> int | None:
    """Set the first axis of every input to 1, and forget shapes that were declared for another batch."""
    constant = {tensor.name for tensor in graph.initializer}
    declared = set()
    for item in graph.input:
        kind = item.type.tensor_type
        if item.name in constant or not kind.HasField("shape") or not kind.shape.dim:
            continue
        axis = kind.shape.dim[0]
        declared.add(axis.dim_value if axis.HasField("dim_value") else None)
        axis.dim_value = 1
    del graph.value_info[:]
    for item in graph.output:
        item.type.tensor_type.ClearField("shape")
    return declared.pop() if len(declared) == 1 else None


def _infer(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    try:
        graph = shape_inference.infer_shapes(model).graph
    except (shape_inference.InferenceError, RuntimeError, ValueError):
        return {}
    shapes = {}
    for item in (*graph.value_info, *graph.output):
        kind = item.type.tensor_type
        sizes = tuple(int(axis.dim_value) for axis in kind.shape.dim)
        if kind.elem_type in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE) and sizes and min(sizes) > 0:
            shapes[item.name] = sizes
    return shapes
