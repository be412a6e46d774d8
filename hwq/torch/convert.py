"""Convert: the integers of a trained network as a program; nothing is chosen or rounded again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hwq import api
from hwq.arith import Interval
from hwq.errors import BadInput, refuse_all
from hwq.ir.op import Op
from hwq.ir.port import Port
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.types import Format, TensorType
from hwq.torch.layers import Input, Layer
from hwq.torch.lower import lower_layer
from hwq.torch.moves import Dropout, Reshape
from hwq.torch.network import Network
from hwq.version import __version__

MAX_SAMPLES = 16
"""Samples of the example that a program keeps, for testbenches."""


class _Builder:
    """Operations made so far; `image` is (channels, height, width) of each tensor, `alias` the tensor behind it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.ops: list[Op] = []
        self.alias: dict[str, str] = {}
        self.types: dict[str, TensorType] = {}
        self.intervals: dict[str, Interval] = {}
        self.formats: dict[str, Format] = {}

    def add(self, layer: Layer) -> None:
        """The operations of one layer."""
        if isinstance(layer, Reshape | Dropout):
            self.alias[layer.label] = self.alias[layer.inputs[0]]
            return
        self.alias[layer.label] = layer.label
        self.formats[layer.label] = Format(layer.output.number())
        if isinstance(layer, Input):
            example = self.network.example()[layer.label]
            channels, height, width = (*example.shape[1:], 1, 1)[:3]
            type_ = TensorType((height, width, channels), layer.output.bits, layer.output.signed)
            self.types[layer.label], self.intervals[layer.label] = type_, type_.range
            return
        sources = tuple(self.alias[name] for name in layer.inputs)
        formats = [self.network.format(name) for name in layer.inputs]
        for op in lower_layer(layer, sources, formats, self.types, self.intervals):
            ins = tuple(self.intervals[name] for name in op.inputs)
            self.ops.append(op)
            self.types[op.name] = op.result(*(self.types[name] for name in op.inputs))
            self.intervals[op.name] = op.bound(*ins)
            self.formats.setdefault(op.name, Format(1.0))

    def port(self, name: str, tensor: str, shape: tuple[int, ...], dtype: str) -> Port:
        """An input or output of the module's shape, without the batch."""
        behind = self.alias[tensor]
        height, width, channels = self.types[behind].shape
        order = np.arange(height * width * channels).reshape(height, width, channels).transpose(2, 0, 1)
        return Port(name, behind, dtype, np.ascontiguousarray(order.reshape(shape)))


def convert(network: Network) -> Program:
    """The program of a network: in evaluation mode, or frozen, it computes the same integers for any input.

    Raises
    ------
    BadInput
        When a parameter is not finite, or the integers of a layer are too large for training or hardware.
    """
    refuse_all([
        f"{network.title}: {name} has values that are not finite (NaN or infinity). Train with a smaller rate."
        for name, value in network.state_dict().items()
        if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ])  # fmt: skip
    builder = _Builder(network)
    training = network.training
    network.eval()
    with torch.no_grad():
        for layer in network.steps:
            builder.add(layer)
        examples = network.example()
        shapes = {name: tuple(value.shape[1:]) for name, value in network.reals(*examples.values()).items()}
    network.train(training)
    inputs = tuple(builder.port(name, name, shapes[name], "float32") for name in examples)
    outputs = tuple(builder.port(name, tensor, shapes[tensor], "float64") for name, tensor in network.outputs)
    input_types = {port.tensor: builder.types[port.tensor] for port in inputs}
    info = {"hwq": __version__, "source": {layer.label: f"{layer.label}{layer.where}" for layer in network.steps}}
    ops = tuple(_read(builder.ops, outputs))
    formats = {name: builder.formats[name] for name in (*input_types, *(op.name for op in ops))}
    program = Program(network.title, inputs, outputs, ops, input_types, formats, {}, info).verify()
    reals = {name: x[:MAX_SAMPLES].cpu().numpy() for name, x in examples.items()}
    return replace(program, samples=quantise_inputs(program, reals))


def _read(ops: list[Op], outputs: tuple[Port, ...]) -> list[Op]:
    """The operations that an output depends on."""
    wanted = {port.tensor for port in outputs}
    kept = []
    for op in reversed(ops):
        if op.name in wanted:
            wanted.update(op.inputs)
            kept.append(op)
    return kept[::-1]


def export_onnx(network: Network, path: str | Path, form: str = "qonnx") -> None:
    """Write the program of a network as ONNX.

    Parameters
    ----------
    form
        ``qonnx`` or ``qdq`` for other tools (docs/exchange.md), ``onnx`` for the golden model (docs/golden.md).

    Raises
    ------
    BadInput
        As `convert`, and when the file cannot be written.
    """
    if form not in ("onnx", "qdq", "qonnx"):
        raise BadInput(f"export_onnx: form is {form!r}, expected onnx, qdq or qonnx.")
    api.export(convert(network), path, form)
