"""Models for tests of benchmarks/rescaled.py, their tensors and values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import networks  # noqa: E402
import rescaled  # noqa: E402

Tensors = dict[str, NDArray[np.float32]]


def plain() -> onnx.ModelProto:
    """No batch normalisation; biases or none; padded and unpadded kernels; Gemm that is not transposed."""
    rng = np.random.default_rng(3)
    shapes = {"a.w": (6, 1, 3, 3), "a.b": (6,), "b.w": (6, 6, 3, 3), "c.w": (6, 1, 3, 3), "c.b": (6,),
              "d.w": (5, 6, 2, 2), "d.b": (5,), "e.w": (5, 10)}  # fmt: skip
    weights = {name: rng.normal(0, 1, shape) for name, shape in shapes.items()}
    weights |= {"low": np.array(0.0), "high": np.array(6.0)}
    nodes = [
        helper.make_node("Conv", ["image", "a.w", "a.b"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["a_relu"]),
        helper.make_node("MaxPool", ["a_relu"], ["pool"], kernel_shape=[2, 2], strides=[1, 1]),
        helper.make_node("Conv", ["pool", "b.w"], ["b"], pads=[1] * 4),
        helper.make_node("Conv", ["b", "c.w", "c.b"], ["c"], pads=[1] * 4, group=6),
        helper.make_node("Add", ["c", "pool"], ["add"]),
        helper.make_node("Clip", ["add", "low", "high"], ["clip"]),
        helper.make_node("Conv", ["clip", "d.w", "d.b"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["gap"]),
        helper.make_node("Flatten", ["gap"], ["flat"]),
        helper.make_node("Gemm", ["flat", "e.w"], ["logits"]),
    ]
    return model_of(nodes, weights)


def model_of(nodes: list[onnx.NodeProto], weights: dict[str, NDArray[np.float64]]) -> onnx.ModelProto:
    """Images (N, 1, 8, 8) to `logits`."""
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "net",
        [port("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [port("logits", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "digits": lambda: onnx.load(networks.digits().model),
    "mobilenet": lambda: onnx.load(rescaled.digits_mobilenet().model),
    "plain": plain,
}


def run(model: onnx.ModelProto, images: NDArray[np.float32], *tensors: str) -> list[NDArray[np.float32]]:
    """Values of tensors, whether outputs or not."""
    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    del wanted.graph.output[:]
    wanted.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in tensors)
    session = ort.InferenceSession(wanted.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(list(tensors), {"image": images}))


def tensors_of(model: onnx.ModelProto) -> Tensors:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv"]


def node(op: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, [output], name=output, **attributes)


FIRST = node("Conv", ["image", "w"], "first")


def images() -> NDArray[np.float32]:
    return np.asarray(networks.digits().evaluation[:100])
