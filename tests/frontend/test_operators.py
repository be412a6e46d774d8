"""Each operator that is read, in each of its forms, against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.helper import make_node as node
from onnx_models import check_equal, model, save, weights

W33 = weights(4, 3, 3, 3)
ONES = np.ones
RAMP = (1 + np.arange(3, dtype=np.float32)).reshape(3, 1, 1)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def one(op: str, *extra: str, **attributes: Any) -> list[onnx.NodeProto]:
    return [node(op, ["x", *extra], ["y"], name="n", **attributes)]


IMAGE = (3, 8, 7)
# name: (nodes, input shape, constants, opset)
CASES: dict[str, tuple[list[onnx.NodeProto], tuple[int, ...], dict[str, Any], int]] = {
    "conv": (one("Conv", "w", "b"), IMAGE, {"w": W33, "b": weights(4)}, 17),
    "conv_pads": (one("Conv", "w", pads=[2, 0, 1, 3], strides=[2, 1]), IMAGE, {"w": W33}, 17),
    "conv_dilated": (one("Conv", "w", dilations=[2, 3], pads=[2, 2, 2, 2]), IMAGE, {"w": W33}, 17),
    "conv_kernel": (one("Conv", "w", kernel_shape=[5, 1]), IMAGE, {"w": weights(2, 3, 5, 1)}, 17),
    "conv_same_upper": (one("Conv", "w", auto_pad="SAME_UPPER", strides=[2, 2]), IMAGE, {"w": W33}, 17),
    "conv_same_lower": (one("Conv", "w", auto_pad="SAME_LOWER", strides=[2, 3]), IMAGE, {"w": W33}, 17),
    "conv_same_even": (one("Conv", "w", auto_pad="SAME_LOWER"), IMAGE, {"w": weights(2, 3, 2, 4)}, 17),
    "conv_valid": (one("Conv", "w", auto_pad="VALID"), IMAGE, {"w": W33}, 17),
    "conv_depthwise": (one("Conv", "w", group=3, pads=[1] * 4), IMAGE, {"w": weights(3, 1, 3, 3)}, 17),
    "conv_1d": (
        one("Conv", "w", "b", pads=[2, 1], strides=[2]),
        (3, 20),
        {"w": weights(5, 3, 3), "b": weights(5)},
        17,
    ),
    "conv_1d_same": (
        one("Conv", "w", auto_pad="SAME_UPPER", strides=[3]),
        (3, 20),
        {"w": weights(5, 3, 3)},
        17,
    ),
    "conv_multiplier": (one("Conv", "w", group=3), IMAGE, {"w": weights(6, 1, 3, 3)}, 17),
    "conv_1d_groups": (one("Conv", "w", group=2, dilations=[2]), (4, 9), {"w": weights(6, 2, 4)}, 17),
    "conv_11x11": (one("Conv", "w", pads=[5] * 4), IMAGE, {"w": weights(2, 3, 11, 11)}, 17),
    "conv_1d_25": (one("Conv", "w", pads=[12, 12]), (3, 9), {"w": weights(2, 3, 25)}, 17),
    "conv_1d_depthwise": (one("Conv", "w", group=3), (3, 9), {"w": weights(3, 1, 4)}, 17),
    "gemm": (one("Gemm", "w", "b"), (6,), {"w": weights(6, 4), "b": weights(4)}, 17),
    "gemm_alpha": (
        one("Gemm", "w", "b", alpha=0.5, beta=3.0, transB=1),
        (6,),
        {"w": weights(4, 6), "b": weights(1, 4)},
        17,
    ),
    "gemm_scalar_bias": (one("Gemm", "w", "b"), (6,), {"w": weights(6, 4), "b": np.float32(2)}, 17),
    "gemm_no_bias": (one("Gemm", "w"), (6,), {"w": weights(6, 4)}, 17),
    "matmul": (one("MatMul", "w"), (6,), {"w": weights(6, 4)}, 17),
    "matmul_pixels_1d": (one("MatMul", "w"), (5, 6), {"w": weights(6, 4)}, 17),
    "matmul_pixels_2d": (one("MatMul", "w"), (3, 5, 6), {"w": weights(6, 4)}, 17),
    "batch_norm": (
        one("BatchNormalization", "g", "b", "m", "v", epsilon=0.01),
        IMAGE,
        {"g": weights(3), "b": weights(3, seed=1), "m": weights(3, seed=2), "v": weights(3) ** 2},
        17,
    ),
    "batch_norm_vector": (
        one("BatchNormalization", "g", "b", "m", "v"),
        (6,),
        {"g": weights(6), "b": weights(6, seed=1), "m": weights(6, seed=2), "v": weights(6) ** 2 + 1},
        9,
    ),
    "relu": (one("Relu"), IMAGE, {}, 17),
    "clip_attributes": (one("Clip", min=0.0, max=6.0), IMAGE, {}, 9),
    "clip_inputs": (one("Clip", "lo", "hi"), IMAGE, {"lo": np.float32(-1), "hi": np.float32(0.5)}, 17),
    "clip_high_only": (one("Clip", "", "hi"), IMAGE, {"hi": np.float32(0.5)}, 17),
    "clip_to_infinity": (one("Clip", "lo", "hi"), IMAGE, {"lo": np.float32(0), "hi": np.float32(np.inf)}, 17),
    "max_constant": (one("Max", "c"), IMAGE, {"c": np.float32(0.25)}, 17),
    "min_constant": ([node("Min", ["c", "x"], ["y"])], IMAGE, {"c": ONES(1, np.float32)}, 17),
    "add_scalar": (one("Add", "c"), IMAGE, {"c": np.float32(3)}, 17),
    "add_channel": (one("Add", "c"), IMAGE, {"c": weights(3, 1, 1)}, 17),
    "add_left": ([node("Add", ["c", "x"], ["y"])], IMAGE, {"c": weights(1, 3, 1, 1)}, 17),
    "sub": (one("Sub", "c"), IMAGE, {"c": weights(3, 1, 1)}, 17),
    "sub_left": ([node("Sub", ["c", "x"], ["y"])], IMAGE, {"c": weights(3, 1, 1)}, 17),
    "mul": (one("Mul", "c"), IMAGE, {"c": weights(3, 1, 1)}, 17),
    "div": (one("Div", "c"), IMAGE, {"c": RAMP}, 17),
    "div_vector": (one("Div", "c"), (6,), {"c": weights(6) + 5}, 17),
    "add_itself": ([node("Add", ["x", "x"], ["y"])], IMAGE, {}, 17),
    "max_pool": (one("MaxPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 2, 1]), IMAGE, {}, 17),
    "max_pool_ceil": (one("MaxPool", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1), IMAGE, {}, 17),
    "max_pool_ceil_drop": (
        one("MaxPool", kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1),
        IMAGE,
        {},
        17,
    ),
    "max_pool_dilated": (one("MaxPool", kernel_shape=[2, 2], dilations=[3, 2]), IMAGE, {}, 17),
    "max_pool_border_as_wide_as_the_kernel": (
        one("MaxPool", kernel_shape=[2, 2], strides=[3, 3], dilations=[3, 3], ceil_mode=1),
        (3, 8, 8),
        {},
        17,
    ),
    "max_pool_same": (
        one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
        IMAGE,
        {},
        17,
    ),
    "max_pool_1d": (one("MaxPool", kernel_shape=[3], strides=[2]), (3, 11), {}, 17),
    "average_pool": (one("AveragePool", kernel_shape=[3, 2], strides=[2, 1]), IMAGE, {}, 17),
    "average_pool_pads": (
        one("AveragePool", kernel_shape=[3, 3], pads=[1, 2, 1, 0], count_include_pad=1),
        IMAGE,
        {},
        17,
    ),
    "average_pool_ceil": (
        one("AveragePool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
        IMAGE,
        {},
        17,
    ),
    "average_pool_1d": (one("AveragePool", kernel_shape=[4], strides=[3]), (3, 11), {}, 17),
    "global_average": (one("GlobalAveragePool"), IMAGE, {}, 17),
    "global_average_1d": (one("GlobalAveragePool"), (3, 11), {}, 17),
    "mean_both": (one("ReduceMean", axes=[2, 3], keepdims=0), IMAGE, {}, 17),
    "mean_keep": (one("ReduceMean", axes=[-1, -2], keepdims=1), IMAGE, {}, 13),
    "mean_input": (one("ReduceMean", "a", keepdims=0), IMAGE, {"a": ints(2, 3)}, 18),
    "mean_noop": (
        [node("ReduceMean", ["x"], ["h"], noop_with_empty_axes=1), node("Relu", ["h"], ["y"])],
        IMAGE,
        {},
        18,
    ),
    "mean_height": (one("ReduceMean", axes=[2], keepdims=0), IMAGE, {}, 17),
    "mean_width": (one("ReduceMean", axes=[3], keepdims=1), IMAGE, {}, 17),
    "mean_twice": (
        [
            node("Relu", ["x"], ["r"]),
            node("ReduceMean", ["r"], ["h"], axes=[-1], keepdims=0),
            node("ReduceMean", ["h"], ["y"], axes=[-1], keepdims=0),
        ],
        IMAGE,
        {},
        17,
    ),
    "mean_twice_keep": (
        [
            node("ReduceMean", ["x"], ["h"], axes=[2], keepdims=1),
            node("ReduceMean", ["h"], ["y"], axes=[3], keepdims=1),
        ],
        IMAGE,
        {},
        17,
    ),
    "mean_flat_axis": (
        [node("Conv", ["x", "w"], ["c"]), node("ReduceMean", ["c"], ["y"], axes=[2], keepdims=0)],
        (3, 9),
        {"w": weights(4, 3, 9)},
        17,
    ),
    "pad_inputs": (
        one("Pad", "p", "v"),
        IMAGE,
        {"p": ints(0, 0, 1, 2, 0, 0, 3, 0), "v": np.float32(2.5)},
        17,
    ),
    "pad_attributes": (one("Pad", pads=[0, 0, 1, 2, 0, 0, 3, 0], value=-1.0), IMAGE, {}, 9),
    "pad_axes": (one("Pad", "p", "", "a"), IMAGE, {"p": ints(1, 2, 0, 3), "a": ints(-1, 2)}, 18),
    "pad_1d": (one("Pad", "p"), (3, 9), {"p": ints(0, 0, 2, 0, 0, 1)}, 13),
    "softmax": (
        [node("Gemm", ["x", "w"], ["g"]), node("Softmax", ["g"], ["y"], axis=-1)],
        (6,),
        {"w": weights(6, 4)},
        17,
    ),
    "softmax_old": (
        [node("MatMul", ["x", "w"], ["g"]), node("Softmax", ["g"], ["y"])],
        (6,),
        {"w": weights(6, 4)},
        9,
    ),
    "softmax_channels": (
        [node("Conv", ["x", "w"], ["g"]), node("Softmax", ["g"], ["y"], axis=1)],
        IMAGE,
        {"w": W33},
        13,
    ),
    "log_softmax": (
        [
            node("Gemm", ["x", "w"], ["g"]),
            node("LogSoftmax", ["g"], ["h"], axis=1),
            node("Identity", ["h"], ["y"]),
        ],
        (6,),
        {"w": weights(6, 4)},
        13,
    ),
    "dropout": ([node("Dropout", ["x"], ["h"]), node("Relu", ["h"], ["y"])], IMAGE, {}, 13),
    "identity": (
        [node("Identity", ["x"], ["h"]), node("Relu", ["h"], ["i"]), node("Identity", ["i"], ["y"])],
        IMAGE,
        {},
        13,
    ),
    "cast": (
        [
            node("Cast", ["x"], ["h"], to=TensorProto.DOUBLE),
            node("Cast", ["h"], ["i"], to=TensorProto.FLOAT),
            node("Relu", ["i"], ["y"]),
        ],
        IMAGE,
        {},
        13,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, tmp_path: Path) -> None:
    nodes, shape, constants, opset = CASES[name]
    check_equal(save(model(nodes, {"x": shape}, ["y"], constants, opset=opset), tmp_path))
