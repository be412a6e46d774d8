"""Formats: scale, zero point, width and signedness of every tensor of a float graph."""

from __future__ import annotations

from dataclasses import dataclass

from hwq.arith import Interval, int_range
from hwq.frontend import graph as fg
from hwq.ir.types import Format, TensorType
from hwq.quant.config import QuantConfig, ScaleKind, ZeroPoints
from hwq.quant.observers import Observation
from hwq.quant.ranges import activation_format


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """What the integers of a tensor are, and what they stand for."""

    form: Format
    bits: int
    signed: bool

    @property
    def levels(self) -> Interval:
        """The least and the largest integer."""
        return int_range(self.bits, self.signed)

    def type(self, shape: fg.Shape) -> TensorType:
        """The type of a (channels, height, width) tensor, in stream order."""
        channels, height, width = shape
        return TensorType((height, width, channels), self.bits, self.signed)


Formats = dict[str, TensorFormat]


def keeps_format(layer: fg.Layer) -> bool:
    """True for layers whose output has the format of their input."""
    return isinstance(layer, fg.MaxPool | fg.Pad)


def choose_formats(graph: fg.FloatGraph, seen: dict[str, Observation], config: QuantConfig) -> Formats:
    """A format for every tensor, from what was seen of it."""
    pow2 = config.scale is not ScaleKind.FIXED
    formats = {port.tensor: tensor_format(graph, port.tensor, seen, config, pow2) for port in graph.inputs}
    for layer in graph.layers:
        if isinstance(layer, fg.ArgMax):
            index_bits = max(1, (graph.shapes[layer.inputs[0]][0] - 1).bit_length())
            formats[layer.name] = TensorFormat(Format(1.0), index_bits, False)
        elif keeps_format(layer):
            formats[layer.name] = formats[layer.inputs[0]]
        else:
            formats[layer.name] = tensor_format(graph, layer.name, seen, config, pow2)
    return formats


def tensor_format(
    graph: fg.FloatGraph, name: str, seen: dict[str, Observation], config: QuantConfig, pow2: bool
) -> TensorFormat:
    """The format that suits one tensor, with a power-of-two scale or with any."""
    chosen = config.of(name)
    is_input = any(port.tensor == name for port in graph.inputs)
    zero_point = config.zero_points is ZeroPoints.ALL
    if config.zero_points in (ZeroPoints.INPUTS, ZeroPoints.PORTS):
        zero_point = is_input or (config.zero_points is ZeroPoints.PORTS and graph.shares_format_with_output(name))
    last = graph.is_output(name) and not graph.consumers(name) and not is_input
    bits = config.output_bits if last and config.output_bits else chosen.act_bits
    form, signed = activation_format(_farthest(graph, name, seen), chosen, bits, pow2, zero_point)
    return TensorFormat(form, bits, signed)


def _farthest(graph: fg.FloatGraph, name: str, seen: dict[str, Observation]) -> Observation:
    """What was seen of the tensor, or of one behind it that has its format, where a border reaches farther."""
    found = seen[name]
    for layer in graph.consumers(name):
        if keeps_format(layer):
            behind = _farthest(graph, layer.name, seen)
            if behind.low < found.low or behind.high > found.high:
                found = behind
    return found
