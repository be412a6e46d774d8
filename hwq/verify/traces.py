"""Traces: whatever gives values for the tensors of one network, under one interface.

A float model and a program compute them; a recording of the RTL and a folder of vectors bring them, with their inputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, Rounding
from hwq.emit.vector_folder import read_manifest, read_vectors
from hwq.errors import BadInput
from hwq.frontend.data import Data, load_arrays, load_samples
from hwq.frontend.graph import FloatGraph
from hwq.frontend.reference import FloatReference
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.types import Format, Shape, TensorType
from hwq.quant.forms import KEY as FORMS
from hwq.quant.forms import Form, read_forms
from hwq.sim import Simulator
from hwq.verify.record import Recording, Stream

MISSING, UNKNOWN = -(1 << 62), 1 - (1 << 62)
"""Stand for integers that never came, and for those with unknown bits; no tensor holds them."""

Values = NDArray[Any]
Feed = Mapping[str, NDArray[np.float64]]
"""Real values of the inputs, by tensor: (n, height, width, channels)."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a trace knows of a tensor.

    `type` is None for real values, `format` where it is not known; `rounding` is that of real inputs.
    """

    kind: str
    inputs: tuple[str, ...]
    shape: Shape
    type: TensorType | None = None
    format: Format | None = None
    rounding: Rounding = Rounding.HALF_UP


@dataclass(eq=False)
class Trace(ABC):
    """Values of tensors.

    Attributes
    ----------
    name, what
        How it is called, and what it is, for messages.
    tensors
        In topological order, inputs first.
    outputs
        Tensors that leave the network.
    digest
        Of the program; "" where there is none.
    forms
        How tensors stand to those of the float network where that is not plain; None when it is not known.
    """

    name: str
    what: str
    tensors: dict[str, Tensor]
    outputs: tuple[str, ...] = ()
    digest: str = ""
    forms: dict[str, Form] | None = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """True for integers."""
        return all(tensor.type is not None for tensor in self.tensors.values())

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The tensors that enter the network."""
        return {name: tensor for name, tensor in self.tensors.items() if tensor.kind == "input"}

    @property
    def sent(self) -> Mapping[str, IntArray] | None:
        """The inputs that the trace brings, integers (n, height, width, channels); None where it brings none."""
        return None

    def samples(self, data: Data) -> dict[str, NDArray[np.float64]] | None:
        """A user's arrays as real values (n, height, width, channels) by tensor; None where ports are not known.

        Raises
        ------
        BadInput
            When the arrays are not inputs of the network.
        """
        return None

    @abstractmethod
    def values(self, feed: Feed, start: int) -> dict[str, Values]:
        """All tensors of some samples, the first of which has the number `start`: real values, or int64.

        Elements that a recording does not have are `MISSING`, those with unknown bits `UNKNOWN`.
        """


class FloatTrace(Trace):
    """The float network, in onnxruntime."""

    def __init__(self, graph: FloatGraph, name: str) -> None:
        made = {layer.name: layer for layer in graph.layers}
        tensors = {}
        for tensor, (channels, height, width) in graph.shapes.items():
            layer = made.get(tensor)
            kind = type(layer).__name__.lower() if layer else "input"
            tensors[tensor] = Tensor(kind, layer.inputs if layer else (), (height, width, channels))
        super().__init__(name, "float model", tensors, tuple(port.tensor for port in graph.outputs))
        self.graph = graph
        self._reference = FloatReference(graph)

    def samples(self, data: Data) -> dict[str, NDArray[np.float64]]:
        """As `Trace.samples`."""
        found = load_samples(data, self.graph)
        return {name: x.transpose(0, 2, 3, 1).astype(np.float64) for name, x in found.items()}

    def values(self, feed: Feed, start: int) -> dict[str, Values]:
        """As `Trace.values`: float32."""
        found = self._reference.run({name: x.transpose(0, 3, 1, 2) for name, x in feed.items()}, list(self.tensors))
        return {name: x.transpose(0, 2, 3, 1) for name, x in found.items()}


class ProgramTrace(Trace):
    """A program, in the simulator."""

    def __init__(self, program: Program, name: str, what: str = "program") -> None:
        made = {op.name: op for op in program.ops}
        tensors = {}
        for tensor, type_ in program.types.items():
            op = made.get(tensor)
            kind, inputs = (op.kind, op.inputs) if op else ("input", ())
            rounding = program.rounding(tensor)
            tensors[tensor] = Tensor(kind, inputs, type_.shape, type_, program.formats[tensor], rounding)
        forms = forms_of(program.info.get(FORMS), tensors, name)
        super().__init__(name, what, tensors, program.output_tensors(), serial.digest(program), forms)
        self.program = program

    def samples(self, data: Data) -> dict[str, NDArray[np.float64]]:
        """As `Trace.samples`."""
        ports, types = self.program.inputs, self.program.types
        arrays = load_arrays(data, [(port.name, port.dtype, port.index.shape) for port in ports])
        return {port.tensor: port.to_tensor(arrays[port.name].astype(np.float64), types[port.tensor]) for port in ports}

    def values(self, feed: Feed, start: int) -> dict[str, Values]:
        """As `Trace.values`."""
        inputs = {
            name: self.program.formats[name].quantise(feed[name], type_, self.program.rounding(name))
            for name, type_ in self.program.input_types.items()
        }
        return inputs | self.execute(inputs)

    @cached_property
    def _simulator(self) -> Simulator:
        return Simulator(self.program, keep_all=True)

    def execute(self, inputs: dict[str, IntArray]) -> dict[str, IntArray]:
        """What every operation makes of integers."""
        return self._simulator.wide(inputs)


class StoredTrace(Trace):
    """Integers that came from elsewhere, with their inputs."""

    streams: Mapping[str, Stream]
    stimulus: Mapping[str, IntArray]

    @property
    def sent(self) -> Mapping[str, IntArray]:
        """As `Trace.sent`."""
        return self.stimulus

    def values(self, feed: Feed, start: int) -> dict[str, Values]:
        """As `Trace.values`."""
        count = len(next(iter(feed.values())))
        return {name: _part(stream, start, count) for name, stream in self.streams.items()}


class RecordedTrace(StoredTrace):
    """What passed on the streams of a simulated build; an output port is a tensor that copies another one.

    Constants are not recorded.
    """

    def __init__(self, recording: Recording, name: str) -> None:
        layers = {layer.name: layer for layer in recording.layers}
        tensors = {
            layer.name: Tensor(layer.kind, layer.inputs, layer.type.shape, layer.type, layer.format, layer.rounding)
            for layer in recording.layers
            if layer.name in recording.streams
        }
        for port, source in recording.ports.items():
            layer = layers[source]
            tensors[port] = Tensor("port", (source,), layer.type.shape, layer.type, layer.format)
        what = f"RTL on {recording.simulator}"
        outputs = tuple(recording.ports)
        forms = recording.forms
        if forms is not None:
            forms = forms | {port: forms[source] for port, source in recording.ports.items() if source in forms}
        super().__init__(name, what, tensors, outputs, recording.digest, forms)
        self.streams, self.stimulus, self.ports = recording.streams, recording.sent, recording.ports


class VectorTrace(StoredTrace):
    """A folder of vectors."""

    def __init__(self, folder: Path) -> None:
        manifest, arrays = read_manifest(folder), read_vectors(folder)
        tensors, roundings = {}, _roundings(manifest, folder)
        for entry in manifest["streams"]:
            if entry["tensor"] in arrays:
                height, width, channels = entry["shape"]
                type_ = TensorType((height, width, channels), entry["bits"], entry["signed"])
                kind = "input" if entry["role"] == "input" else str(entry.get("op", ""))
                rounding = roundings.get(entry["tensor"], Rounding.HALF_UP)
                tensors[entry["tensor"]] = Tensor(kind, (), type_.shape, type_, _format(entry, folder), rounding)
        outputs = tuple(entry["tensor"] for entry in manifest["streams"] if entry["role"] == "output")
        forms = forms_of(manifest.get(FORMS), tensors, str(folder))
        super().__init__(str(folder), "vectors", tensors, outputs, str(manifest.get("digest", "")), forms)
        if not self.inputs:
            raise BadInput(f"{folder}: has no file of an input, expected one for each. Write the vectors again.")
        self.streams = {name: Stream(x, x.size) for name, x in arrays.items()}
        self.stimulus = {name: arrays[name] for name in self.inputs}


def forms_of(value: Any, tensors: Mapping[str, Tensor], name: str) -> dict[str, Form] | None:
    """Forms that fit `tensors`.

    Raises
    ------
    BadInput
        When they do not.
    """
    try:
        forms = read_forms(value)
        for tensor, form in (forms or {}).items():
            channels = tensors[tensor].shape[2] if tensor in tensors else 0
            sizes = {len(form.factors), len(form.offsets)} - {1} | ({len(form.channels)} if form.channels else set())
            if channels and not sizes <= {channels}:
                raise ValueError(f"{tensor:.60} has {channels} channels, its form {sorted(sizes)}")
    except ValueError as error:
        raise BadInput(f"{name}: what it says of its channels is damaged ({error!s:.200}). Make it again.") from None
    return forms


def _part(stream: Stream, start: int, count: int) -> IntArray:
    """Frames `start` to `start + count` as int64, with marks for what did not come and for unknown bits."""
    held = stream.values[start : start + count]
    out = np.full((count, *stream.values.shape[1:]), MISSING, np.int64)
    out[: len(held)] = held
    if stream.unknown is not None:
        out[: len(held)][stream.unknown[start : start + count]] = UNKNOWN
    size = int(np.prod(stream.values.shape[1:]))
    out.reshape(-1)[max(0, stream.elements - start * size) :] = MISSING
    return out


def _roundings(manifest: Mapping[str, Any], folder: Path) -> dict[str, Rounding]:
    """How real inputs are rounded, by tensor, where it is not the common way."""
    try:
        return {p["tensor"]: Rounding[p["rounding"].upper()] for p in manifest.get("ports", ()) if "rounding" in p}
    except (AttributeError, KeyError, TypeError) as error:
        raise BadInput(f"{folder}: the rounding of an input is damaged ({error!r:.100}).") from None


def _format(entry: Mapping[str, Any], folder: Path) -> Format | None:
    """The format that the manifest gives; None where it gives none."""
    if "scale" not in entry:
        return None
    try:
        form = Format(float(entry["scale"]), int(entry["zero_point"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"{folder}: the format of {entry['tensor']} is damaged ({error!r:.100}).") from None
    if not 0.0 < form.scale < float("inf"):
        raise BadInput(f"{folder}: the scale of {entry['tensor']} is {form.scale}, expected a number above zero.")
    return form
