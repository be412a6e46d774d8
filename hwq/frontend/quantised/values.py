"""What tensors of a quantised model are: weights, or real functions of the integers of a program, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwq.arith import IntArray
from hwq.frontend.node import Node, Refusal
from hwq.frontend.quantised.quantiser import Affine, Float32

ELEMENTWISE = ("Add", "BatchNormalization", "Clip", "Div", "LeakyRelu", "Mul", "Neg", "Relu", "Sub")
"""Operators that may stand between an accumulator and the next quantiser."""
MAX_VALUES = 1 << 26
"""Real values of one tensor that are tried: its integers times its elements."""
IR_VERSION = 8


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Integers that a layer multiplies by, and the scale of each; `bipolar` ones are -1 and 1."""

    integers: IntArray
    scale: Float32
    bipolar: bool


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A tensor of the model: for each integer of the program's tensor `source` the real value that it stands for.

    `real` is float32 (V, ...) without the batch; row v is for the integer `low + v`, at every element.  `form` says so
    in a formula where one is known.  `steps` are the operators since the integers were made.
    """

    source: str
    low: int
    real: Float32
    form: Affine | None = None
    steps: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the model's tensor, with a batch of one."""
        return 1, *self.real.shape[1:]

    @property
    def flat(self) -> Float32:
        """(V, elements)."""
        return self.real.reshape(len(self.real), -1)


def everywhere(values: Float32, shape: tuple[int, ...]) -> Float32:
    """The same `values` (V,) at every element of a tensor of `shape`, whose batch is one: (V, ...)."""
    return np.ascontiguousarray(np.broadcast_to(values.reshape(-1, *[1] * (len(shape) - 1)), (len(values), *shape[1:])))


def reshaped(data: Data, sizes: tuple[int, ...]) -> Data:
    """The same elements in another shape; the first axis stays the batch.

    Raises
    ------
    Refusal
        When it does not.
    """
    try:
        shape = np.empty(data.shape, np.bool_).reshape(sizes).shape
    except ValueError:
        raise Refusal(f"shape {sizes}, expected one for {data.real[0].size} elements. Export it again") from None
    if shape[0] != 1:
        raise Refusal(f"moves the batch axis to shape {shape}, expected it to stay the first")
    return replace(data, real=data.real.reshape(len(data.real), *shape[1:]))


def applied(node: Node, data: Data, constants: Mapping[str, NDArray[np.generic]], opset: int) -> Data:
    """`node` on every value of `data`, by onnxruntime, as the executor of qonnx runs it.

    Raises
    ------
    Refusal
        When it mixes elements, or cannot be run.
    """
    fixed = {name: constants[name] for name in node.inputs if name in constants}
    for name, array in fixed.items():
        if node.op != "BatchNormalization" and not _fits(array.shape, data.shape):
            raise Refusal(f"'{name}' has shape {array.shape}, expected one that keeps {data.shape}")
    (x,) = (name for name in node.inputs if name and name not in fixed)
    graph = helper.make_graph(
        [node.proto],
        "step",
        [helper.make_tensor_value_info(x, 1, data.real.shape)],
        [helper.make_tensor_value_info(node.outputs[0], 1, data.real.shape)],
        [numpy_helper.from_array(array, name) for name, array in fixed.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        (real,) = session.run(None, {x: data.real})
    except Exception as error:  # onnxruntime raises classes of its own
        raise Refusal(f"cannot be run: {' '.join(str(error).split())[:200]}. Check the exporter") from None
    return replace(data, real=real, form=None, steps=(*data.steps, node.op))


def _fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Whether an array of `shape` is broadcast to one of `into`."""
    sizes = zip(shape[::-1], into[::-1], strict=False)
    return len(shape) <= len(into) and all(size in (1, wanted) for size, wanted in sizes)
