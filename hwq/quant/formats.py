"""Formats: scale, zero point, width and signedness of every tensor of a float graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwq.arith import Interval, int_range
from hwq.frontend import graph as fg
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import Format, TensorType
from hwq.quant.cells import INPUT_BITS, cell_input
from hwq.quant.config import QuantConfig, ScaleKind, ZeroPoints
from hwq.quant.normalise_table import smallest_scale
from hwq.quant.observers import Observation
from hwq.quant.ranges import activation_format, pow2_ceil
from hwq.quant.sharing import JOINS, KEEPS, groups_of, keeps_format


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
SOFTMAX_EXTRA = 8
"""Bits of a probability beyond those of activations: with many channels most of them are small."""
NORMALISED_EXTRA = 8
"""Bits of normalised values beyond those of activations, where only a factor for each channel follows."""
READ_EXTRA: dict[type[fg.Layer], int] = {fg.Function: 2, fg.PRelu: 4, fg.Softmax: 4, fg.Normalise: 8}
"""Bits of a tensor beyond those of activations, for layers that would else round twice; the least of all readers'."""


def choose_formats(graph: fg.FloatGraph, seen: dict[str, Observation], config: QuantConfig) -> Formats:
    """A format for every tensor, from what was seen of it."""
    pow2 = config.scale is not ScaleKind.FIXED
    makers = {layer.name: layer for layer in graph.layers}
    groups = groups_of(graph)
    formats: Formats = {}
    for name in (*(port.tensor for port in graph.inputs), *makers):
        if name not in formats:
            shared = groups[name]
            fixed = next((found for member in shared if (found := _fixed(graph, makers.get(member), config))), None)
            formats |= dict.fromkeys(shared, fixed or shared_format(graph, shared, seen, config, pow2))
    return formats


def _fixed(graph: fg.FloatGraph, layer: fg.Layer | None, config: QuantConfig) -> TensorFormat | None:
    """The format of a layer whose output is known beforehand: an index, a probability, a state within -1 and 1."""
    match layer:
        case fg.ArgMax() | fg.TopK():
            return TensorFormat(Format(1.0), max(1, (graph.shapes[layer.inputs[0]][0] - 1).bit_length()), False)
        case fg.Softmax():
            bits = min(MAX_TENSOR_BITS, config.of(layer.name).act_bits + SOFTMAX_EXTRA)
            return TensorFormat(Format(2.0**-bits), bits, False)
        case fg.Recurrent():
            bits = config.of(layer.name).act_bits
            return TensorFormat(Format(2.0 ** (1 - bits)), bits, True)
    return None


def shared_format(
    graph: fg.FloatGraph, names: Sequence[str], seen: dict[str, Observation], config: QuantConfig, pow2: bool
) -> TensorFormat:
    """The format that suits the tensors `names`, which have one: that of the one that reaches farthest."""
    cells = [reader for name in names for reader in graph.consumers(name) if isinstance(reader, fg.Recurrent)]
    if cells:
        largest = max(max(-seen[name].low, seen[name].high) for name in names)
        forms = [cell_input(cell, largest, config) for cell in cells]
        return TensorFormat(max(forms, key=lambda form: form.scale), INPUT_BITS, True)
    makers = {layer.name: layer for layer in graph.layers}
    made = [name for name in names if not isinstance(makers.get(name), KEEPS + JOINS)]
    joined = [name for name in names if isinstance(makers.get(name), JOINS)]
    if any(isinstance(makers[name], fg.Extremum) for name in joined):  # what it drops may count elsewhere
        joined += [name for name in names if name not in joined and _is_read(graph, name)]
    normal = [graph.shapes[name][0] for name in names if isinstance(makers.get(name), fg.Normalise)]
    found = [tensor_format(graph, name, seen, config, pow2, symmetric=bool(normal)) for name in joined or made]
    chosen = found[0] if len(found) == 1 else _covering(found, pow2)
    least = max(map(smallest_scale, normal), default=0.0)
    return chosen if chosen.form.scale >= least else replace(chosen, form=replace(chosen.form, scale=least))


def _is_read(graph: fg.FloatGraph, name: str) -> bool:
    """Whether an output, or a layer that does not keep its format, reads the tensor."""
    return graph.is_output(name) or any(not keeps_format(reader) for reader in graph.consumers(name))


def _covering(found: Sequence[TensorFormat], pow2: bool) -> TensorFormat:
    """A format that reaches as far as each of several."""
    signed = any(one.signed for one in found)
    bits = max(one.bits for one in found)
    top = int_range(bits, signed)[1]
    high = max(one.form.scale * (one.levels[1] - (0 if signed else one.form.zero_point)) for one in found)
    low = 0.0 if signed else max(one.form.scale * one.form.zero_point for one in found)
    scale = pow2_ceil((low + high) / top) if pow2 else (low + high) / top
    return TensorFormat(Format(scale, round(low / scale)), bits, signed)


def tensor_format(
    graph: fg.FloatGraph,
    name: str,
    seen: dict[str, Observation],
    config: QuantConfig,
    pow2: bool,
    *,
    symmetric: bool = False,
) -> TensorFormat:
    """The format that suits one tensor, with a power-of-two scale or with any; a `symmetric` one has no zero point."""
    chosen = config.of(name)
    is_input = any(port.tensor == name for port in graph.inputs)
    zero_point = config.zero_points is ZeroPoints.ALL
    if config.zero_points in (ZeroPoints.INPUTS, ZeroPoints.PORTS):
        zero_point = is_input or (config.zero_points is ZeroPoints.PORTS and graph.shares_format_with_output(name))
    last = graph.is_output(name) and not graph.consumers(name) and not is_input
    bits = (
        config.output_bits
        if last and config.output_bits
        else min(MAX_TENSOR_BITS, chosen.act_bits + _extra(graph, name, config))
    )
    form, signed = activation_format(_farthest(graph, name, seen), chosen, bits, pow2, zero_point and not symmetric)
    return TensorFormat(form, bits, signed)


def _extra(graph: fg.FloatGraph, name: str, config: QuantConfig) -> int:
    """Bits that a tensor has beyond those asked for, where nothing but wider wires and a table pay for them."""
    readers = graph.consumers(name)
    if not readers or graph.is_output(name) or any(name == port.tensor for port in graph.inputs):
        return 0
    if config.sets(name, "act_bits"):
        return 0
    extra = min(_reading(reader) for reader in readers)
    makers = {layer.name: layer for layer in graph.layers}
    if isinstance(makers.get(name), fg.Normalise) and all(_scales_channels(reader) for reader in readers):
        return NORMALISED_EXTRA
    return extra


def _reading(reader: fg.Layer) -> int:
    return next((bits for kind, bits in READ_EXTRA.items() if isinstance(reader, kind)), 0)


def _scales_channels(reader: fg.Layer) -> bool:
    return isinstance(reader, fg.Conv) and reader.groups == len(reader.weight) == reader.weight.size


def _farthest(graph: fg.FloatGraph, name: str, seen: dict[str, Observation]) -> Observation:
    """What was seen of the tensor, or of one behind it that has its format, where a border reaches farther."""
    found = seen[name]
    for layer in graph.consumers(name):
        if isinstance(layer, KEEPS):
            behind = _farthest(graph, layer.name, seen)
            if behind.low < found.low or behind.high > found.high:
                found = behind
    return found
