"""Turn a model with quantisers of its own into a program of the same integers, or say what stands in the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from hwq.arith import IntArray, int_range
from hwq.errors import BadInput, refuse_all
from hwq.frontend.data import Data as Samples
from hwq.frontend.data import load_arrays
from hwq.frontend.folding import can_fold, fold
from hwq.frontend.load import Source
from hwq.frontend.node import Node, Refusal, type_name
from hwq.frontend.quantised.grid import grid_of, reals
from hwq.frontend.quantised.layers import Layers
from hwq.frontend.quantised.multithreshold import MultiThreshold
from hwq.frontend.quantised.quantiser import MULTI_THRESHOLD, OPERATORS, Affine, Quantiser
from hwq.frontend.quantised.steps import falling, threshold_rows
from hwq.frontend.quantised.values import ELEMENTWISE, MAX_VALUES, Data, Weights, applied, everywhere, reshaped
from hwq.ir.names import sanitize
from hwq.ir.port import Port
from hwq.ir.program import MAX_TENSOR_BITS, Program, quantise_inputs
from hwq.ir.types import Format
from hwq.ops import Threshold
from hwq.version import __version__

MOVING = ("Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
"""Operators that leave the elements of a tensor in their order."""
SUPPORTED = (*OPERATORS, "Sign", "MatMul", "Transpose of weights", *ELEMENTWISE, *MOVING)
MAX_SAMPLES = 32
"""Samples that travel in the program, as stimulus for its hardware."""


class Importer:
    """Walks the nodes once; what reads the result of a refused node is passed over."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.constants = dict(source.initializers)
        self.weights: dict[str, Weights] = {}
        self.data: dict[str, Data] = {}
        self.layers = Layers()
        self.inputs: list[Port] = []
        self.refusals: list[str] = []

    def run(self, samples: Samples) -> Program:
        """The program.

        Raises
        ------
        BadInput
            With every reason for which the model or the samples cannot be used.
        """
        arrays = self._read_inputs(samples)
        for node in map(Node.of, self.source.graph.node):
            try:
                self._node(node)
            except Refusal as refusal:
                self.refusals.append(f"{node.label}: {refusal}")
        refuse_all(self.refusals)
        outputs = [self._output(item.name) for item in self.source.graph.output]
        refuse_all(self.refusals)
        layers, count = self.layers, len(next(iter(arrays.values())))
        info = {
            "hwq": __version__, "options": {}, "sqnr_db": {}, "source": layers.sources, "calibration_samples": count,
        }  # fmt: skip
        program = Program(
            sanitize(self.source.name, ()), tuple(self.inputs), tuple(port for port in outputs if port),
            tuple(layers.ops), layers.inputs, layers.formats, info=info,
        ).verify()  # fmt: skip
        few = {name: array[:MAX_SAMPLES] for name, array in arrays.items()}
        return replace(program, samples=quantise_inputs(program, few))

    def _read_inputs(self, samples: Samples) -> dict[str, NDArray[np.generic]]:
        ports = []
        for item in self.source.graph.input:
            if item.name not in self.constants:
                kind = item.type.tensor_type
                sizes = tuple(int(axis.dim_value) for axis in kind.shape.dim)
                if kind.elem_type != TensorProto.FLOAT or len(sizes) < 2 or min(sizes) < 1:
                    raise BadInput(
                        f"input '{item.name}': {type_name(kind.elem_type)} of shape {sizes}, expected FLOAT, fixed "
                        "sizes and a batch axis. Export it with them"
                    )
                ports.append((item.name, "float32", sizes[1:]))
        arrays = load_arrays(samples, ports)
        for name, _, shape in ports:
            steps, type_ = grid_of(name, arrays[name])
            tensor = self.layers.enter(name, type_, Format(1.0 / steps))
            integers = np.arange(type_.range[0], type_.range[1] + 1)
            if len(integers) * type_.channels > MAX_VALUES:
                raise BadInput(f"input '{name}': {type_} takes too many values, expected at most {MAX_VALUES}")
            self.data[name] = Data(tensor, int(integers[0]), everywhere(reals(integers, steps), (1, *shape)))
            self.inputs.append(Port(name, tensor, "float32", np.arange(type_.channels).reshape(shape)))
        return dict(arrays)

    def _node(self, node: Node) -> None:
        known = {*self.constants, *self.weights, *self.data}
        if not node.is_standard and node.op in OPERATORS:
            if node.inputs[0] in known:
                (self._count if node.op == MULTI_THRESHOLD else self._quantise)(node)
        elif not node.is_standard:
            raise Refusal(f"operator {node.op} of domain {node.proto.domain}, expected {', '.join(SUPPORTED)}")
        elif can_fold(node, self.constants):
            self.constants |= fold(node, self.constants, self.source.opset)
        elif all(not name or name in known for name in node.inputs):
            self._standard(node)

    def _standard(self, node: Node) -> None:
        first, result = node.inputs[0], node.outputs[0]
        read = [name for name in node.inputs if name in self.data]
        if node.op == "MatMul" and first in self.data and (weights := self._weights(node.inputs[1])):
            self.data[result] = self.layers.product(node, self.data[first], weights)
        elif node.op == "Transpose" and first in self.weights:
            weights = self.weights[first]
            perm = node.integers("perm")
            turned = weights.integers.transpose(perm), weights.scale.transpose(perm)
            self.weights[result] = Weights(*turned, weights.bipolar)
        elif node.op == "Sign" and first in self.data:
            data, y = self.data[first], np.sign(self.data[first].real).astype(np.int64)
            self.data[result] = self._stepped(node, data, y, 2, True, Affine(1, 0, 1.0))
        elif node.op == "Shape" and read:
            self.constants[result] = np.array(self.data[first].shape, np.int64)
        elif node.op in MOVING and first in self.data:
            self.data[result] = reshaped(self.data[first], self._target(node, self.data[first].shape))
        elif node.op in ELEMENTWISE and len(read) == 1 and not any(name in self.weights for name in node.inputs):
            self.data[result] = applied(node, self.data[read[0]], self.constants, self.source.opset)
        else:
            raise Refusal(
                f"operator {node.op} on these inputs, expected one of {', '.join(SUPPORTED)}: a MatMul of quantised "
                "data and quantised weights, others of one tensor and constants"
            )

    def _weights(self, name: str) -> Weights | None:
        """Weights of a product: quantised ones, or a constant of whole numbers."""
        if name in self.weights or name not in self.constants:
            return self.weights.get(name)
        array = self.constants[name]
        integers = np.rint(array).astype(np.int64)
        if (integers != array).any() or np.abs(integers).max(initial=0) >= 1 << (MAX_TENSOR_BITS - 1):
            return None
        return Weights(integers, np.ones(array.shape, np.float32), bool((np.abs(integers) == 1).all()))

    def _target(self, node: Node, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that an operator of `MOVING` makes."""
        if node.op == "Flatten":
            axis = node.integer("axis", 1)
            return int(np.prod(shape[:axis])), -1
        if node.op == "Reshape":
            sizes = self.constants[node.inputs[1]].ravel().tolist()
            return tuple(int(size) or shape[at] for at, size in enumerate(sizes))
        axes = self._axes(node)
        if node.op == "Squeeze":
            return tuple(size for at, size in enumerate(shape) if at not in {axis % len(shape) for axis in axes})
        if node.op == "Unsqueeze":
            return np.expand_dims(np.empty(shape), axes).shape
        return shape

    def _axes(self, node: Node) -> tuple[int, ...]:
        """Axes as an attribute, or since opset 13 as an input."""
        axes = node.integers("axes")
        if axes is None and node.has_input(1):
            axes = tuple(int(axis) for axis in self.constants[node.inputs[1]].ravel())
        return axes or ()

    def _quantise(self, node: Node) -> None:
        quantiser, first = Quantiser.of(node, self.constants), node.inputs[0]
        if first in self.constants:
            array = np.asarray(self.constants[first], np.float32)
            if quantiser.zero_point:
                raise Refusal(f"zero point of weights is {quantiser.zero_point}, expected 0")
            scale = np.broadcast_to(quantiser.scale, array.shape)
            self.weights[node.outputs[0]] = Weights(quantiser.integers(array), scale, quantiser.bipolar)
            return
        if first in self.weights:
            raise Refusal("quantises weights again, expected one quantiser. Export it again")
        data = self.data[first]
        if quantiser.scale.size != 1:
            raise Refusal(f"{quantiser.scale.size} scales for data, expected one")
        y: IntArray = quantiser.integers(data.real)
        if quantiser.bipolar:
            y = (y + 1) >> 1
        signed = quantiser.signed and not quantiser.bipolar
        self.data[node.outputs[0]] = self._stepped(node, data, y, quantiser.bits, signed, quantiser.form)

    def _count(self, node: Node) -> None:
        """A MultiThreshold of data."""
        thresholds, data = MultiThreshold.of(node, self.constants), self.data.get(node.inputs[0])
        if data is None:
            raise Refusal("counts thresholds of what is no data, expected data. Export it again")
        y = thresholds.integers(data.real)
        self.data[node.outputs[0]] = self._stepped(node, data, y, thresholds.bits, thresholds.signed, thresholds.form)

    def _stepped(self, node: Node, data: Data, y: IntArray, bits: int, signed: bool, form: Affine) -> Data:
        """Thresholds over the integers of `data` that give `y` (V, ...), whose real values have the formula `form`."""
        y = y.reshape(len(y), -1)
        down, high = falling(y), data.low + len(y) - 1
        rows, low = threshold_rows(
            np.where(down, y[::-1], y), np.where(down, -high, data.low), int_range(bits, signed)[1]
        )
        source = self.layers.read(node, data, down)
        tensor = self.layers.add(
            node,
            lambda name: Threshold(name=name, inputs=(source,), thresholds=rows, low=low, bits=bits, signed=signed),
            form.format,
        )
        integers = np.arange(low, low + rows.shape[1] + 1)
        return Data(tensor, low, everywhere(form.of(integers), data.shape), form)

    def _output(self, name: str) -> Port | None:
        data = self.data.get(name)
        if data is None:
            self.refusals.append(
                f"output '{name}': not made from quantised data, expected a result of quantised layers"
            )
            return None
        try:
            tensor, host_ops = self.layers.leave(data)
        except Refusal as refusal:
            self.refusals.append(f"output '{name}': {refusal}")
            return None
        return Port(name, tensor, "float64", np.arange(data.real[0].size).reshape(data.shape[1:]), host_ops)
