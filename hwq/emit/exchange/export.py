"""A program as a float ONNX model for other tools: QDQ (also called QCDQ) or QONNX, in ONNX's order of axes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from onnx import ModelProto, ValueInfoProto, helper, shape_inference

from hwq.emit.exchange.affine import Mode
from hwq.emit.exchange.graph import QONNX_DOMAIN, Graph
from hwq.emit.exchange.layers import expressible, write_op
from hwq.emit.exchange.scales import file_formats
from hwq.emit.exchange.styles import Qdq, Qonnx, Style
from hwq.emit.exchange.writer import Value, Writer
from hwq.errors import refuse_all
from hwq.golden import serialise
from hwq.golden.ports import from_tensor, to_tensor
from hwq.ir.port import Port
from hwq.ir.program import MAX_TENSOR_BITS, Program
from hwq.ir.serial import digest
from hwq.ir.types import Format
from hwq.version import __version__

FLOAT = 1
"""`TensorProto.FLOAT`."""


class FileFormat(Enum):
    """Formats of other tools."""

    QDQ = "qdq"
    QONNX = "qonnx"


_STYLES: dict[FileFormat, Callable[[bool], Style]] = {FileFormat.QDQ: Qdq, FileFormat.QONNX: Qonnx}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A file, and what it keeps of the program.

    `inexact` names each layer whose integers may differ from the program's in a float32 runtime, and says why.  With
    none the file is bit-exact.  `values` says where the file has the real values of each tensor, and `formats` how
    these stand for integers.
    """

    model: ModelProto
    inexact: dict[str, str]
    values: dict[str, Value]
    formats: dict[str, Format]

    @property
    def data(self) -> bytes:
        """The file; equal programs give equal bytes.  Raises `BadInput` where it would be too large for ONNX."""
        return serialise(self.model)


def describe(inexact: dict[str, str]) -> str:
    """One line for the user about `Exchange.inexact`."""
    if not inexact:
        return "bit-exact in float32"
    shown = [f"{name}: {why}" for name, why in list(inexact.items())[:3]]
    more = f"; and {len(inexact) - 3} more" if len(inexact) > 3 else ""
    return f"not proved bit-exact in float32: {'; '.join(shown)}{more}"


def exchange(program: Program, file_format: FileFormat, shift_bias: bool = True) -> Exchange:
    """Write `program` for other tools.

    Parameters
    ----------
    shift_bias
        Add half a grain where ties would go another way than in the program (see `hwq.emit.exchange.affine`).
        Without it, ties go to the even neighbour and every bias is a plain integer.

    Raises
    ------
    BadInput
        Where the format cannot express the program, naming the tensor.
    """
    _check(program, file_format)
    formats = file_formats(program)
    ports = [port.name for port in (*program.inputs, *program.outputs)]
    writer = Writer(program, formats, _STYLES[file_format](shift_bias), Graph(list(program.types), ports))
    for port in program.inputs:
        _read(writer, port)
    for op in program.ops:
        write_op(writer, op)
    batch = "batch" if file_format is FileFormat.QDQ else 1
    for port in program.outputs:
        _deliver(writer, port)
    model = _model(writer, file_format, batch)
    return Exchange(model, writer.doubts, writer.values, formats)


def _read(writer: Writer, port: Port) -> None:
    """From the user's array to the quantised input."""
    tensor, graph, type_ = port.tensor, writer.graph, writer.type(port.tensor)
    flat = port.index.ndim == 1 and _in_order(port)
    x = port.name
    if not flat and not _is_image(writer, port):
        target = graph.name(tensor, "arranged")
        graph.wire(to_tensor(port, type_.shape, x, target, "NCHW"))
        x = target
    factor = writer.scale(tensor) / writer.program.formats[tensor].scale
    if np.float32(factor) != 1.0:
        x = graph.add("Mul", tensor, "prescaled", (x, graph.number(tensor, "prescale", factor)))
    if not writer.style.clamps_type(type_):
        zero, scale = writer.zero(tensor), writer.scale(tensor)
        bounds = (
            graph.number(tensor, what, (bound - zero) * scale)
            for what, bound in zip(("low", "high"), type_.range, strict=True)
        )
        x = graph.add("Clip", tensor, "clip", (x, *bounds))
    real = writer.style.quantise(graph, tensor, x, writer.formats[tensor], type_, Mode.EVEN)
    writer.values[tensor] = Value(real, flat)


def _deliver(writer: Writer, port: Port) -> None:
    """From a quantised tensor to the user's array."""
    tensor, graph = port.tensor, writer.graph
    form, true = writer.formats[tensor], writer.program.formats[tensor]
    flat = writer.values[tensor].flat and port.index.ndim == 1 and _in_order(port)
    x = writer.values[tensor].name if flat else writer.image(tensor)
    # Two ports may have one tensor: what belongs to a port alone is called after its number.
    number = str(writer.program.outputs.index(port))
    if np.float32(true.scale / form.scale) != 1.0:
        factor = graph.number(tensor, f"postscale{number}", true.scale / form.scale)
        x = graph.add("Mul", tensor, f"postscaled{number}", (x, factor))
    if form.zero_point != true.zero_point:
        moved = (form.zero_point - true.zero_point) * true.scale
        x = graph.add("Add", tensor, f"recentred{number}", (x, graph.number(tensor, f"centre{number}", moved)))
    if not flat and not _is_image(writer, port):
        target = graph.name(tensor, f"delivered{number}")
        graph.wire(from_tensor(port, writer.type(tensor).shape, x, target, "NCHW"))
        x = target
    if any(x == other.name for other in (*writer.program.inputs, *writer.program.outputs)):
        x = graph.add("Identity", tensor, f"copied{number}", (x,))
    writer.rename(x, port.name)


def _in_order(port: Port) -> bool:
    return bool(np.array_equal(port.index.ravel(), np.arange(port.index.size)))


def _is_image(writer: Writer, port: Port) -> bool:
    """Whether the user's array is (channels, height, width) as it stands."""
    height, width, channels = writer.type(port.tensor).shape
    planes = np.arange(port.index.size).reshape(height, width, channels).transpose(2, 0, 1)
    return np.array_equal(port.index, planes)


def _model(writer: Writer, file_format: FileFormat, batch: str | int) -> ModelProto:
    program, graph = writer.program, writer.graph
    domains = [helper.make_opsetid("", graph.opset)]
    if file_format is FileFormat.QONNX:
        domains.append(helper.make_opsetid(QONNX_DOMAIN, 2))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            program.name,
            [_info(port, batch) for port in program.inputs],
            [_info(port, batch) for port in program.outputs],
            graph.constants,
        ),
        producer_name="hwq",
        producer_version=__version__,
        opset_imports=domains,
        ir_version=8 if graph.opset < 19 else 10,
    )
    integers = {
        port.name: {"scale": program.formats[port.tensor].scale, "zero_point": program.formats[port.tensor].zero_point}
        for port in (*program.inputs, *program.outputs)
    }
    notes = {
        "hwq.format": file_format.value,
        "hwq.program": digest(program),
        "hwq.bit_exact_in_float32": "no" if writer.doubts else "yes",
        "hwq.inexact": json.dumps(writer.doubts),
        "hwq.integers": json.dumps(integers),
    }
    helper.set_model_props(model, notes)
    return shape_inference.infer_shapes(model) if file_format is FileFormat.QDQ else model


def _info(port: Port, batch: str | int) -> ValueInfoProto:
    return helper.make_tensor_value_info(port.name, FLOAT, (batch, *port.index.shape))


def _check(program: Program, file_format: FileFormat) -> None:
    """Refuse what cannot be written."""
    names = [port.name for port in (*program.inputs, *program.outputs)]
    refusals = [f"{name!r:.60}: two inputs or outputs have this name" for name in set(names) if names.count(name) > 1]
    refusals += [
        f"{op.name}: {file_format.value} files have no form of {op.kind}. Export the golden model instead."
        for op in program.ops
        if not expressible(op)
    ]
    refusals += [
        f"{port.name}: has {' and '.join(port.by_element)} by element, which {file_format.value} files lack. "
        "Export the golden model with --float instead."
        for port in program.outputs
        if port.by_element
    ]
    refusals += [f"{name!r:.60}: is no name that ONNX can hold" for name in names if not _is_utf8(name)]
    refusals += [
        f"{name}: has {type_.bits} bits, expected at most {MAX_TENSOR_BITS}, as {file_format.value} files have. "
        "Export the golden model instead."
        for name, type_ in program.types.items()
        if type_.bits > MAX_TENSOR_BITS
    ]
    if file_format is FileFormat.QONNX:
        refusals += [
            f"{name}: has 1 signed bit, which QONNX takes for -1 and 1. Use 2 bits."
            for name, type_ in program.types.items()
            if type_.bits == 1 and type_.signed
        ]
    refuse_all(refusals)


def _is_utf8(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False
