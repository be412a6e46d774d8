"""TFLite in: a model with integer tensors as an ONNX model of operators between DequantizeLinear and QuantizeLinear.

Images have their channels first, as in ONNX; only where a shape changes and at the ends they are turned.  An average
pooling of TFLite rounds the mean of the integers themselves, ties away from zero: that is what a Quant node of QONNX
does in its mode HALF_UP, so one stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hwq.errors import refuse_all
from hwq.frontend.node import Refusal
from hwq.frontend.tflite_file import DAMAGED, TYPES, Operator, Tensor, read_file

OPSET = 21
GENERAL = "qonnx.custom_op.general"
LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
"""To channels last, and to channels first."""
QUANTISED = (np.int8, np.uint8, np.int16)
INT32 = 2
ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}
BOUNDS = {"RELU_N1_TO_1": (-1.0, 1.0), "RELU6": (0.0, 6.0)}
FUNCTIONS = {"LOGISTIC": "Sigmoid", "RELU": "Relu", "TANH": "Tanh"}
PAIRS = {"ADD": "Add", "MUL": "Mul", "SUB": "Sub"}
MOVES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
SHAPES = ("SHAPE", "STRIDED_SLICE", "PACK")
"""Arithmetic on shapes, which are known."""


class Converter:
    """Walks the operators once; `reals` has the ONNX tensor of real values that stands for each tensor."""

    def __init__(self, path: Path) -> None:
        self.file = read_file(path)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.reals: dict[int, str] = {}
        self.refusals: list[str] = []
        single = ("CONV_2D", "DEPTHWISE_CONV_2D")
        self.handlers: dict[str, Callable[[Operator], str]] = {
            **dict.fromkeys(single, self._conv), **dict.fromkeys(PAIRS, self._pair),
            **dict.fromkeys(FUNCTIONS, self._function), **dict.fromkeys(MOVES, self._move),
            "AVERAGE_POOL_2D": self._pool, "CONCATENATION": self._concat, "DEQUANTIZE": self._same,
            "FULLY_CONNECTED": self._dense, "LEAKY_RELU": self._leaky, "MAX_POOL_2D": self._pool, "MEAN": self._mean,
            "PAD": self._pad, "QUANTIZE": self._same, "RELU6": self._clip, "SOFTMAX": self._softmax,
        }  # fmt: skip

    def run(self, name: str) -> onnx.ModelProto:
        """The model.

        Raises
        ------
        BadInput
            With every operator that cannot be read.
        """
        inputs = [self._tried(self._name(number), self._input, number) for number in self.file.inputs]
        for op in self.file.operators:
            self._tried(f"{self._name(op.outputs[0])} ({op.kind})", self._operator, op)
        outputs = [self._tried(self._name(number), self._output, number) for number in self.file.outputs]
        refuse_all(self.refusals)
        graph = helper.make_graph(
            self.nodes, name, inputs, outputs, [numpy_helper.from_array(a, key) for key, a in self.constants.items()]
        )
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(GENERAL, 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)

    def _tried(self, label: str, function: Callable[[Any], Any], what: Any) -> Any:
        """What a function makes of something; None, and a refusal more, where it cannot."""
        try:
            return function(what)
        except Refusal as refusal:
            self.refusals.append(f"{label}: {refusal}")
        except DAMAGED:
            self.refusals.append(f"{label}: damaged, expected a complete TFLite file. Export it again")
        return None

    def _name(self, number: int) -> str:
        return self._tensor(number).name

    def _input(self, number: int) -> onnx.ValueInfoProto:
        tensor = self._tensor(number)
        if tensor.code not in TYPES or not tensor.shape:
            raise Refusal(f"input of type {tensor.code}, expected int8, uint8, int16 or float32. Export it again")
        dtype = np.dtype(TYPES[tensor.code])
        self.reals[number] = tensor.name
        if tensor.scale.size:
            self.reals[number] = self._node("DequantizeLinear", tensor.name, *self._grid(tensor))
        if len(tensor.shape) == 4:
            self.reals[number] = self._node("Transpose", self.reals[number], perm=FIRST)
        code = helper.np_dtype_to_tensor_dtype(dtype)
        return helper.make_tensor_value_info(tensor.name, code, ["N", *tensor.shape[1:]])

    def _output(self, number: int) -> onnx.ValueInfoProto | None:
        tensor = self._tensor(number)
        if number not in self.reals:
            if not self.refusals:
                raise Refusal("output that nothing computes, expected a result of an operator. Export it again")
            return None
        self._node("Identity", self._last(number), result=tensor.name)
        return helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, ["N", *tensor.shape[1:]])

    def _operator(self, op: Operator) -> None:
        if op.kind in SHAPES and self._tensor(op.outputs[0]).code == INT32:
            return
        if op.kind not in self.handlers:
            raise Refusal(f"{op.kind} is not supported, expected {', '.join(sorted(self.handlers))}. Replace it")
        missing = [number for number in op.inputs[:1] if number not in self.reals]
        if missing:
            if not self.refusals:
                raise Refusal(f"reads '{self._tensor(missing[0]).name}', expected a result of the data. Replace it")
            return
        real = self.handlers[op.kind](op)
        tensor = self._tensor(op.outputs[0])
        if tensor.scale.size and op.kind not in ("SOFTMAX", *MOVES):
            real = self._quantised(real, tensor, rounded_away=op.kind == "AVERAGE_POOL_2D")
        self.reals[op.outputs[0]] = real

    def _quantised(self, real: str, tensor: Tensor, rounded_away: bool) -> str:
        """Real values on the grid of a tensor."""
        scale, zero = self._grid(tensor)
        if not rounded_away:
            return self._node("DequantizeLinear", self._node("QuantizeLinear", real, scale, zero), scale, zero)
        info = np.iinfo(TYPES[tensor.code])
        kept: dict[str, Any] = {"signed": int(info.min < 0), "narrow": 0, "rounding_mode": "HALF_UP"}
        values = (self._constant(np.float32(value)) for value in (tensor.zero_point[0], info.bits))
        return self._node("Quant", real, scale, *values, domain=GENERAL, **kept)

    def _grid(self, tensor: Tensor) -> tuple[str, str]:
        """Constants of scale and zero point."""
        dtype = np.dtype(TYPES.get(tensor.code, np.float32))
        if dtype.type not in QUANTISED or tensor.scale.size != 1 or tensor.zero_point.size != 1:
            raise Refusal(
                f"'{tensor.name}' is {dtype} with {tensor.scale.size} scales, expected one, on int8, uint8 or int16. "
                "Quantise it"
            )
        return self._constant(np.float32(tensor.scale[0])), self._constant(np.asarray(tensor.zero_point[0], dtype))

    def _weights(self, number: int, perm: list[int], axis: int) -> str:
        """Real values of stored integers, with their axes in another order; `axis` is that of channels then."""
        tensor = self._tensor(number)
        values = tensor.values
        if values is None or not tensor.scale.size or tensor.scale.size != max(tensor.zero_point.size, 1):
            raise Refusal(f"'{tensor.name}' holds no quantised integers, expected int8 weights. Quantise them")
        kept = values.astype(np.int32) if values.dtype.kind == "i" and values.dtype.itemsize > 2 else values
        if (kept != values).any():
            raise Refusal(f"'{tensor.name}' holds more than 32 bits, expected 32. Export it again")
        many = tensor.scale.size > 1
        scale = tensor.scale if many else tensor.scale[0]
        zero = (tensor.zero_point if many else tensor.zero_point[0]).astype(kept.dtype)
        names = (self._constant(item) for item in (kept.transpose(perm), np.float32(scale), zero))
        fields: dict[str, Any] = {"axis": axis} if many else {}
        return self._node("DequantizeLinear", *names, **fields)

    def _bias(self, op: Operator) -> list[str]:
        return [self._weights(op.inputs[2], [0], 0)] if len(op.inputs) > 2 and op.inputs[2] >= 0 else []

    def _conv(self, op: Operator) -> str:
        depth = op.kind == "DEPTHWISE_CONV_2D"
        # Filters are (N, KH, KW, C), or for a depthwise convolution (1, KH, KW, N).
        weights = self._weights(op.inputs[1], [3, 0, 1, 2] if depth else [0, 3, 1, 2], 0)
        options, kernel = op.options, list(self._tensor(op.inputs[1]).shape[1:3])
        first = 5 if depth else 4
        dilations = [options.number(first + 1, default=1), options.number(first, default=1)]
        fields = self._window(op, kernel, dilations)
        group = self._tensor(op.inputs[0]).shape[3] if depth else 1
        real = self._node("Conv", self.reals[op.inputs[0]], weights, *self._bias(op), group=group, **fields)
        return self._activated(real, options.number(4 if depth else 3, "b"))

    def _window(self, op: Operator, kernel: list[int], dilations: list[int]) -> dict[str, Any]:
        """Attributes of a window; padding SAME in numbers."""
        strides = [op.options.number(2), op.options.number(1)]
        sizes, pads = self._tensor(op.inputs[0]).shape[1:3], [0, 0, 0, 0]
        if min(strides) < 1 or min(kernel) < 1:
            raise Refusal(f"kernel {kernel} and strides {strides}, expected at least 1. Export it again")
        if op.options.number(0, "b") == 0:
            for axis, (size, stride, taps, step) in enumerate(zip(sizes, strides, kernel, dilations, strict=True)):
                total = max((-(-size // stride) - 1) * stride + (taps - 1) * step + 1 - size, 0)
                pads[axis], pads[axis + 2] = total // 2, total - total // 2
        found: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
        return found | ({"dilations": dilations} if max(dilations) > 1 else {})

    def _pool(self, op: Operator) -> str:
        kernel = [op.options.number(4), op.options.number(3)]
        kind = "MaxPool" if op.kind == "MAX_POOL_2D" else "AveragePool"
        real = self._node(kind, self.reals[op.inputs[0]], **self._window(op, kernel, [1, 1]))
        return self._activated(real, op.options.number(5, "b"))

    def _dense(self, op: Operator) -> str:
        weights = self._weights(op.inputs[1], [0, 1], 0)
        data, rank = self._last(op.inputs[0]), len(self._tensor(op.inputs[0]).shape)
        if rank > 2:
            data = self._node("Flatten", data)
        real = self._node("Gemm", data, weights, *self._bias(op), transB=1)
        return self._activated(real, op.options.number(0, "b"))

    def _pair(self, op: Operator) -> str:
        names = [self.reals.get(number, "") for number in op.inputs]
        if "" in names:
            raise Refusal("reads a constant, expected two tensors of data. Fold it into a layer")
        return self._activated(self._node(PAIRS[op.kind], *names), op.options.number(0, "b"))

    def _concat(self, op: Operator) -> str:
        rank = len(self._tensor(op.inputs[0]).shape)
        axis = op.options.number(0) % rank
        names = [self.reals.get(number, "") for number in op.inputs]
        if "" in names or axis == 0:
            raise Refusal("joins constants or samples, expected tensors of data. Replace it")
        real = self._node("Concat", *names, axis=LAST[axis] if rank == 4 else axis)
        return self._activated(real, op.options.number(1, "b"))

    def _mean(self, op: Operator) -> str:
        axes = self._tensor(op.inputs[1]).values
        shape = self._tensor(op.inputs[0]).shape
        if len(shape) != 4 or axes is None or sorted(int(axis) % 4 for axis in axes.ravel()) != [1, 2]:
            raise Refusal("means over other axes than height and width, expected these. Replace it")
        real = self._node("GlobalAveragePool", self.reals[op.inputs[0]])
        return real if op.options.number(0, "b") else self._node("Flatten", real)

    def _pad(self, op: Operator) -> str:
        amounts = self._tensor(op.inputs[1]).values
        if amounts is None or amounts.shape != (4, 2):
            raise Refusal("pads other tensors than images by constants, expected these. Replace it")
        turned = amounts.astype(np.int64)[FIRST].T.ravel()
        return self._node("Pad", self.reals[op.inputs[0]], self._constant(turned))

    def _move(self, op: Operator) -> str:
        shape = self._tensor(op.outputs[0]).shape
        if self._tensor(op.inputs[0]).shape[0] != shape[0]:
            raise Refusal("moves the batch, expected it to stay the first axis. Replace it")
        real = self._node("Reshape", self._last(op.inputs[0]), self._constant(np.array([0, *shape[1:]])))
        return self._node("Transpose", real, perm=FIRST) if len(shape) == 4 else real

    def _function(self, op: Operator) -> str:
        return self._node(FUNCTIONS[op.kind], self.reals[op.inputs[0]])

    def _leaky(self, op: Operator) -> str:
        return self._node("LeakyRelu", self.reals[op.inputs[0]], alpha=op.options.real(0))

    def _clip(self, op: Operator) -> str:
        return self._activated(self.reals[op.inputs[0]], 3)

    def _softmax(self, op: Operator) -> str:
        """Without the quantiser behind it: hwq leaves a Softmax at the end to the host."""
        return self._node("Softmax", self._last(op.inputs[0]), axis=-1)

    def _same(self, op: Operator) -> str:
        return self.reals[op.inputs[0]]

    def _activated(self, real: str, number: int) -> str:
        kind = ACTIVATIONS.get(number)
        if kind is None:
            raise Refusal(f"fused activation {number}, expected {', '.join(ACTIVATIONS.values())}. Export it apart")
        if kind in BOUNDS:
            return self._node("Clip", real, *(self._constant(np.float32(end)) for end in BOUNDS[kind]))
        return self._node("Relu", real) if kind == "RELU" else real

    def _last(self, number: int) -> str:
        """Real values in the order of TFLite."""
        real = self.reals[number]
        return self._node("Transpose", real, perm=LAST) if len(self._tensor(number).shape) == 4 else real

    def _tensor(self, number: int) -> Tensor:
        return self.file.tensors[number]

    def _constant(self, array: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def _node(self, kind: str, *inputs: str, result: str = "", **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        result = result or f"{name}_y"
        self.nodes.append(helper.make_node(kind, inputs, [result], name=name, **attributes))
        return result


def read_tflite(path: str | Path) -> onnx.ModelProto:
    """The TFLite model at `path` as an ONNX model.

    Inputs keep their integer types; outputs are real.

    Raises
    ------
    BadInput
        When it is no TFLite model, or with every operator that cannot be read.
    """
    path = Path(path)
    return Converter(path).run(path.stem)
