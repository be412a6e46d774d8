"""Turn a checked ONNX model into a `FloatGraph`, or say everything that stands in the way."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper

from hwq.errors import BadInput, refuse_all
from hwq.frontend.cut import buildable, cut
from hwq.frontend.folding import can_fold, fold
from hwq.frontend.graph import FloatGraph, GraphInput, GraphOutput, Layer, Shape
from hwq.frontend.handlers import HANDLERS, Handler
from hwq.frontend.load import Source
from hwq.frontend.node import Node, Refusal, type_name
from hwq.frontend.state import State
from hwq.frontend.value import MAX_ELEMENTS, Layout, Value, count_up
from hwq.ir.names import sanitize

_MOVING = frozenset({"Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that move elements; after a Softmax of the host they are the host's too."""
_INPUT_TYPES = frozenset({"FLOAT", "FLOAT16", "DOUBLE", "UINT8", "INT8", "UINT16", "INT16", "UINT32", "INT32", "INT64"})


class Importer:
    """Walks the nodes once; a node that is refused gets a stand-in so that those after it are checked too."""

    supported: Iterable[str] = HANDLERS

    def __init__(self, source: Source) -> None:
        self.source = source
        nodes = [Node.of(proto) for proto in source.graph.node]
        self._outputs = [item.name for item in source.graph.output]
        self._nodes, self._used = _needed(nodes, self._outputs)
        self.state = self.new_state(_terminal(self._nodes, self._outputs))
        self.refusals: list[str] = []
        self.inputs: list[tuple[onnx.ValueInfoProto, Value]] = []
        self._unsupported: dict[str, list[str]] = {}
        self._refused: list[Node] = []

    def new_state(self, terminal: frozenset[str]) -> State:
        """The memory with which the walk begins; `terminal` as in `State`."""
        return State(dict(self.source.initializers), self.source.opset, self.source.batch, terminal)

    def run(self) -> FloatGraph:
        """Import the model.

        Raises
        ------
        BadInput
            With every reason for which it cannot be imported, one a line.
        """
        for item in self.source.graph.input:
            if item.name not in self.state.constants:
                self._input(item)
        for node in self._nodes:
            self._node(node)
        for op, names in self._unsupported.items():
            self.refusals.append(
                f"{', '.join(names)}: operator {op} is not supported, expected one of those listed below. "
                "Replace it, or cut the model before it"
            )
        if self._unsupported:
            self.refusals.append(f"supported operators: {', '.join(self.supported)}")
        if not self._outputs:
            self.refusals.append(f"{self.source.name}: the model has no output, expected at least one. Export it again")
        values = [self._output(name) for name in self._outputs]
        layers = self._build()
        if self.refusals:
            self._suggest_part()
        refuse_all(self.refusals)
        return self._graph(layers, [value for value in values if value is not None])

    def _suggest_part(self) -> None:
        """Say which part of the model could be built, if there is one."""
        part = buildable(self.source, self._nodes, self._refused, self.state.constants) if self._refused else None
        if part is None:
            return
        try:
            graph = type(self)(cut(self.source, part)).run()
        except BadInput:
            return
        self.refusals.append(f"{part}: this part of the model could be built, {len(graph.layers)} layers")

    def _input(self, item: onnx.ValueInfoProto) -> None:
        who = f"input '{item.name}'"
        kind = item.type.tensor_type
        dtype = type_name(kind.elem_type)
        axes = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or "?" for axis in kind.shape.dim]
        if item.name not in self._used:
            self.refusals.append(f"{who}: nothing reads it, expected every input to be used. Remove it from the model")
        elif not item.type.HasField("tensor_type") or dtype not in _INPUT_TYPES:
            self.refusals.append(f"{who}: type {dtype}, expected a tensor of floats. Convert it outside the model")
        elif len(axes) < 2:
            self.refusals.append(f"{who}: {len(axes)} axes, expected the batch and at least one more. Add a batch axis")
        elif any(not isinstance(axis, int) or axis < 1 for axis in axes[1:]):
            shape = ",".join(str(axis) for axis in ["N", *axes[1:]])
            self.refusals.append(f"{who}: shape [{shape}], expected fixed sizes after the batch. Export it with them")
        elif math.prod(int(axis) for axis in axes[1:]) > MAX_ELEMENTS:
            self.refusals.append(f"{who}: shape {axes}, expected at most {MAX_ELEMENTS} elements. Use a smaller one")
        else:
            index = count_up([int(axis) for axis in axes[1:]])
            layout = Layout(index.shape)
            tensor = self.state.new_tensor(item.name, layout, f"input {item.name}")
            integer = "INT" in dtype
            self.state.values[item.name] = Value(tensor, index, layout, integer=integer)
            self.inputs.append((item, self.state.values[item.name]))

    def _node(self, node: Node) -> None:
        state = self.state
        handler = self.handler(node)
        try:
            if self.is_constant(node):
                state.constants.update(self.fold(node))
            elif node.is_standard and node.op in ("Shape", "Size") and node.inputs[0] in state.values:
                state.constants[node.outputs[0]] = self._measure(node)
            elif handler is None:
                op = node.op if node.is_standard else f"{node.op} of domain {node.proto.domain}"
                self._unsupported.setdefault(op, []).append(node.name)
                self._refused.append(node)
                self._stand_in(node)
            elif self._is_known(node):
                handler(node, state)
                self._check_outputs(node)
            else:
                self._stand_in(node)
        except Refusal as refusal:
            self.refusals.append(f"{node.label}: {refusal}")
            self._refused.append(node)
            self._stand_in(node)

    def handler(self, node: Node) -> Handler | None:
        """The function that imports `node`, if there is one."""
        return HANDLERS.get(node.op) if node.is_standard else None

    def is_constant(self, node: Node) -> bool:
        """Whether the results of `node` are known already."""
        return can_fold(node, self.state.constants)

    def fold(self, node: Node) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
        """The results of such a node, by name."""
        return fold(node, self.state.constants, self.state.opset)

    def _check_outputs(self, node: Node) -> None:
        """Refuse a node of which an output is used that its handler does not make."""
        for name in node.outputs:
            if name in self._used and name not in self.state.values:
                raise Refusal(f"its output '{name}' is used, which hwq does not compute. Cut the model before it")

    def _is_known(self, node: Node) -> bool:
        """False when an input comes from a node that was refused and whose shape is unknown."""
        return all(not name or name in self.state.values or name in self.state.constants for name in node.inputs)

    def _measure(self, node: Node) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
        shape = (1, *self.state.values[node.inputs[0]].shape)
        if node.op == "Size":
            return np.array(np.prod(shape), np.int64)
        end = node.attributes.get("end")
        return np.array(shape[node.integer("start", 0) : end], np.int64)

    def _stand_in(self, node: Node) -> None:
        """Give the outputs of a refused node their inferred shapes, so that later nodes are still checked."""
        for name in node.outputs:
            shape = self.source.shapes.get(name)
            if name and shape and len(shape) > 1 and shape[0] == 1 and math.prod(shape) <= MAX_ELEMENTS:
                layout = Layout(tuple(shape[1:]))
                tensor = self.state.new_tensor(name, layout, node.label)
                self.state.values[name] = Value(tensor, count_up(shape[1:]), layout)

    def _output(self, name: str) -> Value | None:
        value = self.state.values.get(name)
        if name in self.state.constants:
            self.refusals.append(f"output '{name}': constant, expected data that depends on an input. Remove it")
        elif value is not None and any(value.tensor == source.tensor for _, source in self.inputs):
            self.refusals.append(f"output '{name}': an input as it stands, expected a computed tensor. Remove it")
        return value

    def _build(self) -> tuple[Layer, ...]:
        """Make the layers, which decides the layouts that are still open."""
        for value in self.state.vectors:
            if value.layout.position is None:
                value.layout.fix(value.index, (value.index.size, 1, 1))
        layers = []
        for node, tensor, build in self.state.builds:
            try:
                layers.append(build(tensor))
            except Refusal as refusal:
                self.refusals.append(f"{node.label}: {refusal}")
                self._refused.append(node)
        return tuple(layers)

    def _graph(self, layers: tuple[Layer, ...], values: list[Value]) -> FloatGraph:
        inputs = tuple(
            GraphInput(
                onnx_name=item.name,
                tensor=value.tensor,
                onnx_shape=value.shape,
                dtype=str(helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type)),
                index=value.positions(),
            )
            for item, value in self.inputs
        )
        outputs = tuple(
            GraphOutput(
                onnx_name=name,
                tensor=value.tensor,
                onnx_shape=value.shape,
                index=value.positions(),
                host_ops=value.host_ops,
            )
            for name, value in zip(self._outputs, values, strict=True)
        )
        shapes: dict[str, Shape] = {}
        for tensor, layout in self.state.layouts.items():
            assert layout.shape is not None
            shapes[tensor] = layout.shape
        return FloatGraph(sanitize(self.source.name, ()), inputs, outputs, layers, shapes)


def _needed(nodes: list[Node], outputs: Iterable[str]) -> tuple[list[Node], frozenset[str]]:
    """Nodes on which an output depends, in order, and every tensor that they read or that is an output."""
    used = set(outputs)
    kept = []
    for node in reversed(nodes):
        if used.intersection(name for name in node.outputs if name):
            kept.append(node)
            used.update(name for name in node.inputs if name)
    return kept[::-1], frozenset(used)


def _terminal(nodes: list[Node], outputs: Iterable[str]) -> frozenset[str]:
    """Tensors of which nothing is made but outputs, by moving elements, or their ArgMax."""
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    found: set[str] = set()
    leaving = set(outputs)
    for node in reversed(nodes):
        name = node.outputs[0]
        reading = readers.get(name, [])
        if (reading or name in leaving) and all(
            reader.op == "ArgMax" or (reader.op in _MOVING and reader.outputs[0] in found) for reader in reading
        ):
            found.add(name)
    return frozenset(found)


def import_model(source: Source) -> FloatGraph:
    """Import a checked model; see `Importer.run`."""
    return Importer(source).run()
