"""A tiny ONNX network with chosen names and weights, and its calibration data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS, SIZE, HIDDEN, CLASSES = 2, 4, 3, 4
NAMES = ("x", "conv", "relu", "pool", "flat", "y")


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng([7, *shape]).normal(0, 1, shape).astype(np.float32)


def tiny(
    names: Sequence[str] = NAMES,
    weight: np.ndarray | None = None,
    extra: Sequence[onnx.NodeProto] = (),
    opset: int = 17,
    size: int | str = SIZE,
) -> onnx.ModelProto:
    """Conv, Relu, MaxPool, Flatten, Gemm; `names` are those of the input and of each node and its output."""
    x, conv, relu, pool, flat, y = names
    nodes = [
        helper.make_node("Conv", [x, "w", "b"], [conv], name=conv, pads=[1, 1, 1, 1]),
        helper.make_node("Relu", [conv], [relu], name=relu),
        helper.make_node("MaxPool", [relu], [pool], name=pool, kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", [pool], [flat], name=flat),
        helper.make_node("Gemm", [flat, "v", "c"], [y], name=y),
        *extra,
    ]
    constants = {
        "w": normal(HIDDEN, CHANNELS, 3, 3) if weight is None else weight,
        "b": normal(HIDDEN),
        "v": normal(HIDDEN * (SIZE // 2) ** 2, CLASSES),
        "c": normal(CLASSES),
    }
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["N", CHANNELS, SIZE, size])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 8
    return made


def save_model(folder: Path, made: onnx.ModelProto, name: str = "net.onnx") -> Path:
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def save_calib(folder: Path, name: str = "calib.npz", **arrays: np.ndarray) -> Path:
    path = folder / name
    np.savez(path, **(arrays or {"x": normal(8, CHANNELS, SIZE, SIZE)}))
    return path
