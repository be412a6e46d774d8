"""Turn a model with quantisers of its own into a program of the same integers, or say what stands in the way."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from hwq.errors import refuse_all
from hwq.frontend.data import Data as Samples
from hwq.frontend.data import load_arrays
from hwq.frontend.folding import can_fold, fold
from hwq.frontend.graph import FloatGraph, GraphInput
from hwq.frontend.handlers import Handler
from hwq.frontend.importer import Importer
from hwq.frontend.load import Source
from hwq.frontend.node import Node, Refusal
from hwq.frontend.quantised.grid import grid_of
from hwq.frontend.quantised.handlers import (
    CUSTOM,
    DYNAMIC,
    LINEAR,
    QUANTISED,
    QuantisedState,
    computed,
    linear_parameters,
)
from hwq.frontend.quantised.layers import Quantise
from hwq.frontend.quantised.leave import leave
from hwq.frontend.quantised.lower import Lowering
from hwq.frontend.quantised.moves import arranged
from hwq.frontend.quantised.quantiser import Quantiser, type_of
from hwq.frontend.quantised.steps import Start
from hwq.frontend.quantised.weights import Grid
from hwq.ir.order import stream_order
from hwq.ir.port import Port
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.types import Format, TensorType
from hwq.version import __version__

MAX_SAMPLES = 32
"""Samples that travel in the program, as stimulus for its hardware."""
IMPORT = "import"
"""Key of `Program.info` under which each layer says how it stands to the model."""
_KEPT = frozenset({"Cast", "Concat", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Transpose",
                   "Unsqueeze"})  # fmt: skip
"""Operators that move the elements of a constant and change none."""

Constants = dict[str, NDArray[np.generic]]


class QuantisedImporter(Importer):
    """As `Importer`, with quantisers as layers, and with the integers of constants that are quantised."""

    supported = (*CUSTOM, *QUANTISED)
    state: QuantisedState

    def new_state(self, terminal: frozenset[str]) -> QuantisedState:
        """As `Importer.new_state`."""
        return QuantisedState(dict(self.source.initializers), self.source.opset, self.source.batch, terminal)

    def run(self) -> FloatGraph:
        """As `Importer.run`, once all quantisers are known to be fixed."""
        known = set(self.state.constants)
        for node in self._nodes:
            if node.op == "DynamicQuantizeLinear":
                self.refusals.append(f"{node.label}: {DYNAMIC}")
            elif node.op in LINEAR and node.is_standard and node.inputs[0] not in known:
                moving = [name for name in node.inputs[1:] if name and name not in known]
                if moving:
                    self.refusals.append(f"{node.label}: {computed(moving[0])}")
            elif all(not name or name in known for name in node.inputs):
                known.update(node.outputs)
        refuse_all(self.refusals)
        return super().run()

    def handler(self, node: Node) -> Handler | None:
        """As `Importer.handler`."""
        return QUANTISED.get(node.op) if node.is_standard else CUSTOM.get(node.op)

    def is_constant(self, node: Node) -> bool:
        """As `Importer.is_constant`; also a quantiser of a constant."""
        custom = not node.is_standard and node.op in ("Quant", "IntQuant", "BipolarQuant")
        return can_fold(node, self.state.constants) or (custom and node.inputs[0] in self.state.constants)

    def fold(self, node: Node) -> Constants:
        """As `Importer.fold`; the integers of what is quantised are kept beside."""
        state, result = self.state, node.outputs[0]
        if not node.is_standard:
            state.grids[result], real = _quantised(Quantiser.of(node, state.constants), state.constants[node.inputs[0]])
            return {result: real}
        if node.op == "DequantizeLinear":
            state.grids[result], real = _dequantised(node, state.constants)
            return {result: real}
        read = [name for name in node.inputs if name in state.grids]
        if read and node.op in _KEPT:
            moved = [
                fold(node, state.constants | {name: getattr(state.grids[name], part) for name in read}, state.opset)
                for part in ("integers", "scale")
            ]
            state.grids[result] = Grid(*(np.asarray(part[result]) for part in moved))
        return fold(node, state.constants, state.opset)


def _quantised(rule: Quantiser, array: NDArray[np.generic]) -> tuple[Grid, NDArray[np.float32]]:
    """A constant that a node of QONNX quantises: its integers, and its real values."""
    integers = rule.values(np.asarray(array, np.float32)) - (0 if rule.bipolar else rule.zero_point)
    scale = np.broadcast_to(rule.scale, integers.shape)
    return Grid(integers, scale.astype(np.float64)), integers.astype(np.float32) * scale


def _dequantised(node: Node, constants: Constants) -> tuple[Grid, NDArray[np.float32]]:
    """A constant of integers that a DequantizeLinear reads."""
    scale, zero, _ = linear_parameters(node, constants)
    integers = np.asarray(constants[node.inputs[0]], np.int64)
    axis = node.integer("axis", 1)
    along = [1] * integers.ndim
    if scale.size > 1:
        if not -integers.ndim <= axis < integers.ndim or integers.shape[axis] != scale.size:
            raise Refusal(f"{scale.size} scales along axis {axis} of {integers.shape}, expected one for each element")
        along[axis] = -1
    scale = np.broadcast_to(scale.reshape(along if scale.size > 1 else [1] * integers.ndim), integers.shape)
    zero = np.broadcast_to(zero.reshape(along if zero.size > 1 else [1] * integers.ndim), integers.shape)
    integers = integers - zero
    return Grid(integers, scale.astype(np.float64)), integers.astype(np.float32) * scale


def import_quantised(source: Source, samples: Samples) -> Program:
    """The program of a checked model; `samples` as for `load_arrays`.

    Raises
    ------
    BadInput
        With every reason for which the model or the samples cannot be used.
    """
    importer = QuantisedImporter(source)
    graph = arranged(importer.run())
    arrays = load_arrays(samples, [(item.onnx_name, item.dtype, item.onnx_shape) for item in graph.inputs])
    lowering = Lowering(graph, importer.state.known)
    entered = [_enter(lowering, graph, item, arrays[item.onnx_name]) for item in graph.inputs]
    direct = {name for _, names in entered for name in names}
    refusals = []
    for layer in graph.layers:
        if layer.name not in direct and all(name in lowering.data for name in layer.inputs):
            try:
                lowering.lower(layer)
            except Refusal as refusal:
                refusals.append(f"{layer.source}: {refusal}")
    outputs = []
    for item in graph.outputs:
        if item.tensor in lowering.data:
            try:
                outputs.append(leave(lowering, item))
            except Refusal as refusal:
                refusals.append(f"output '{item.onnx_name}': {refusal}")
    refuse_all(refusals)
    made = lowering.made
    info = {
        "hwq": __version__, "options": {}, "sqnr_db": {}, "source": made.sources,
        "calibration_samples": len(next(iter(arrays.values()))),
        IMPORT: {name: asdict(quality) for name, quality in lowering.rounds.quality.items() if name in made.types},
    }  # fmt: skip
    input_types = {port.tensor: made.types[port.tensor] for port, _ in entered}
    program = Program(
        graph.name, tuple(port for port, _ in entered), tuple(outputs), tuple(made.ops), input_types, made.formats,
        info=info,
    ).verify()  # fmt: skip
    few = {name: array[:MAX_SAMPLES] for name, array in arrays.items()}
    return replace(program, samples=quantise_inputs(program, few))


def _enter(
    lowering: Lowering, graph: FloatGraph, item: GraphInput, samples: NDArray[np.generic]
) -> tuple[Port, list[str]]:
    """The port of an input, and the quantisers that the host applies for it."""
    tensor, shape = item.tensor, graph.shapes[item.tensor]
    index = stream_order(item.index, shape)
    stream = (shape[1], shape[2], shape[0])
    rules = [layer.rule for layer in graph.consumers(tensor) if isinstance(layer, Quantise)]
    rule = rules[0] if rules and len(rules) == len(graph.consumers(tensor)) else None
    kind = np.dtype(item.dtype)
    if kind.kind in "iu":
        type_ = TensorType(stream, 8 * kind.itemsize, kind.kind == "i")
        lowering.enter(tensor, type_, Start.of_data(1, 0, 1.0))
        return Port(item.onnx_name, tensor, item.dtype, index), []
    if isinstance(rule, Quantiser) and rule.host_rounding is not None and all(same(rule, other) for other in rules):
        lowering.enter(tensor, TensorType(stream, *type_of(rule.limits)), Start.of_data(1, 0, 1.0))
        lowering.made.formats[tensor] = Format(float(rule.scale.ravel()[0]), rule.zero_point)
        names = [layer.name for layer in graph.consumers(tensor)]
        lowering.data.update(dict.fromkeys(names, lowering.data[tensor]))
        return Port(item.onnx_name, tensor, item.dtype, index, rounding=rule.host_rounding), names
    readers = graph.consumers(tensor)
    steps, (bits, signed) = grid_of(item.onnx_name, readers[0].source if readers else graph.name, samples)
    lowering.enter(tensor, TensorType(stream, bits, signed), Start.of_parts(steps))
    return Port(item.onnx_name, tensor, item.dtype, index), []


def same(rule: Quantiser, other: object) -> bool:
    """Whether two quantisers give the same integers."""
    fields = ("zero_point", "limits", "rounding", "bipolar", "zero_last")
    return (
        isinstance(other, Quantiser)
        and np.array_equal(rule.scale, other.scale)
        and all(getattr(rule, name) == getattr(other, name) for name in fields)
    )
