"""A program as a standard ONNX model: one node for each operation, integers only, equal in any conforming runtime."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from hwq.errors import BadInput
from hwq.golden.functions import DOMAIN, with_callees
from hwq.golden.metadata import describe
from hwq.golden.nodes import call, element, element_type, narrowest
from hwq.golden.ports import Wiring, from_tensor, to_tensor
from hwq.ir.op import Op
from hwq.ir.port import Port
from hwq.ir.program import Program
from hwq.ir.text import dump
from hwq.version import __version__

OPSET = 17
IR_VERSION = 8
MAX_BYTES = (1 << 31) - 1
"""Largest file: a protocol buffer holds no more."""
BATCH = "batch"
"""Name of the free first axis of every tensor."""

_DOC = """The integer program {name} as standard ONNX. Each node calls a function of the domain "hwq", whose body \
is in this file and uses standard operators on integers only. Any conforming runtime returns the same integers."""


def write(program: Program, real: bool = False) -> ModelProto:
    """The golden model of a verified program.

    Parameters
    ----------
    real
        Inputs and outputs are real values of the model's own types; the quantiser and the scale of rule T2 are nodes
        too.  Otherwise they are integers.

    Returns
    -------
    ModelProto
        Operator set 17, IR version 8.  Inputs and outputs have the names and shapes of the user's model behind a free
        batch axis.  Equal programs give equal models.

    Raises
    ------
    BadInput
        When names of the user's model and of tensors cannot be told apart.
    """
    graph = _Graph(program, real)
    for port in program.inputs:
        graph.enter(port)
    graph.operations()
    for port in program.outputs:
        graph.leave(port)
    model = helper.make_model(
        graph.proto(),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        functions=with_callees(node.op_type for node in graph.nodes if node.domain == DOMAIN),
        ir_version=IR_VERSION,
        producer_name="hwq",
        producer_version=__version__,
        doc_string=_DOC.format(name=program.name),
    )
    helper.set_model_props(model, describe(program, real))
    return model


def serialise(model: ModelProto) -> bytes:
    """The bytes of an ONNX file: equal for equal models.

    Raises
    ------
    BadInput
        When they would be more than a protocol buffer holds.
    """
    if model.ByteSize() > MAX_BYTES:
        raise BadInput(
            f"{model.graph.name}: the file would have {model.ByteSize()} bytes, expected at most {MAX_BYTES}. "
            "ONNX files are no larger; keep NET.hwq."
        )
    return bytes(model.SerializeToString(deterministic=True))


def tensor_names(program: Program) -> dict[str, str]:
    """Name in the golden model of each tensor of `program`: its own, unless an input or output is called so."""
    taken = {port.name for port in (*program.inputs, *program.outputs)}
    return {name: f"{name}__hwc" if name in taken else name for name in program.types}


class _Graph:
    """A graph that grows in the order of its nodes."""

    def __init__(self, program: Program, real: bool) -> None:
        self.program, self.real = program, real
        self.names = tensor_names(program)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.inputs: list[ValueInfoProto] = []
        self.outputs: list[ValueInfoProto] = []
        self.inner: list[ValueInfoProto] = []

    def enter(self, port: Port) -> None:
        """An input, quantised where it is real, and its order of elements (rules T2, T3)."""
        type_, form = self.program.types[port.tensor], self.program.formats[port.tensor]
        self.inputs.append(self._value(port, port.name))
        source = port.name
        if self.real:
            low, high = type_.range
            source = f"{port.name}.int"
            attributes = {"zero_point": form.zero_point, "qmin": low, "qmax": high, "type": element_type(type_)}
            kind, inputs = "quantise", [port.name, self._real(port, "scale", form.scale)]
            if port.own_rounding:
                kind, attributes["rounding"] = "quantise_rounded", int(port.rounding)
            self._call(kind, f"{source}__quantise", inputs, source, attributes)
        self._wire(to_tensor(port, type_.shape, source, self.names[port.tensor]))

    def operations(self) -> None:
        """A node for each operation, with its line of `hwq inspect`."""
        program = self.program
        lines = dump(program).splitlines()[1 + len(program.inputs) :]
        for op, line in zip(program.ops, lines, strict=False):
            type_, name = program.types[op.name], self.names[op.name]
            made = call(op, program.input_intervals(op), type_)
            arrays = [self._array(f"{op.name}.{key}", narrowest(array)) for key, array in made.arrays.items()]
            sources = self._two_at_a_time(op, made.attributes) if op.inputs else [self.names[program.inputs[0].tensor]]
            inputs = [*sources, *arrays]
            self._call(op.kind, op.name, inputs, name, made.attributes, line)
            self.inner.append(helper.make_tensor_value_info(name, element_type(type_), [BATCH, *type_.shape]))

    def _two_at_a_time(self, op: Op, attributes: dict[str, Any]) -> list[str]:
        """The inputs of a node; of more than two, all but the last joined by nodes of their own."""
        first, *others = (self.names[x] for x in op.inputs)
        for number, other in enumerate(others[:-1], 2):
            joined = f"{op.name}.first{number}"
            self._call(op.kind, joined, [first, other], joined, attributes)
            first = joined
        return [first, *others[-1:]]

    def leave(self, port: Port) -> None:
        """An output in the user's order of elements, and its real value where that is asked for."""
        type_, form = self.program.types[port.tensor], self.program.formats[port.tensor]
        target = f"{port.name}.int" if self.real else port.name
        self._wire(from_tensor(port, type_.shape, self.names[port.tensor], target))
        if self.real:
            attributes = {"zero_point": form.zero_point, "type": _real_type(port)}
            kind, inputs = (
                "dequantise",
                [target, self._real(port, "scale", form.scale if port.scale is None else port.scale)],
            )
            if port.offset is not None:
                kind, inputs = "dequantise_moved", [*inputs, self._real(port, "offset", port.offset)]
            self._call(kind, f"{port.name}__dequantise", inputs, port.name, attributes)
        self.outputs.append(self._value(port, port.name))

    def proto(self) -> GraphProto:
        """The graph, after a check that no two of its values share a name."""
        values = [x.name for x in self.inputs] + [node.output[0] for node in self.nodes]
        values += [x.name for x in self.initializers]
        counts = Counter(values), Counter(node.name for node in self.nodes)
        twice = [name for count in counts for name, times in count.items() if times > 1]
        if twice:
            raise BadInput(
                f"{twice[0]!r:.80}: two values of the golden model would be called so, expected one. "
                "Rename the inputs and outputs of the ONNX model."
            )
        return helper.make_graph(
            self.nodes, self.program.name, self.inputs, self.outputs, self.initializers, value_info=self.inner
        )

    def _call(
        self, kind: str, name: str, inputs: list[str], output: str, attributes: dict[str, Any], doc: str = ""
    ) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], name, doc or None, DOMAIN, **attributes))

    def _wire(self, wiring: Wiring) -> None:
        nodes, constants = wiring
        self.nodes += nodes
        self.initializers += constants

    def _array(self, name: str, array: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _real(self, port: Port, what: str, values: float | NDArray[np.float64]) -> str:
        return self._array(f"{port.name}.{what}", np.asarray(values, np.float64))

    def _value(self, port: Port, name: str) -> ValueInfoProto:
        integer = element_type(self.program.types[port.tensor])
        type_ = _real_type(port) if self.real else integer
        return helper.make_tensor_value_info(name, type_, [BATCH, *port.index.shape])


def _real_type(port: Port) -> int:
    """ONNX element type of the user's own array."""
    return element(port.dtype)
