"""Operators beyond convolution and pooling, each in each of its forms, against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.helper import make_node as node
from onnx_models import check_equal, model, save, weights

Nodes = list[onnx.NodeProto]
IMAGE = (4, 6, 5)
SIGNAL = (4, 9)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def one(op: str, *extra: str, **attributes: Any) -> Nodes:
    return [node(op, ["x", *extra], ["y"], name="n", **attributes)]


def then_conv(nodes: Nodes, filters: str = "w") -> Nodes:
    """`nodes`, which make y, and a convolution behind them, so that the order of y matters."""
    renamed = [node(n.op_type, list(n.input), ["m" if o == "y" else o for o in n.output], name=n.name) for n in nodes]
    for new, old in zip(renamed, nodes, strict=True):
        new.attribute.extend(old.attribute)
    return [*renamed, node("Conv", ["m", filters], ["y"])]


UNARY = [
    ("Sigmoid", {}), ("Tanh", {}), ("HardSigmoid", {}), ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}), ("HardSwish", {}),
    ("Elu", {}), ("Elu", {"alpha": 0.7}), ("Selu", {}), ("Selu", {"alpha": 1.5, "gamma": 1.1}), ("Softplus", {}),
    ("Softsign", {}), ("Erf", {}), ("Exp", {}), ("Abs", {}), ("Neg", {}), ("Sign", {}), ("Sin", {}), ("Cos", {}),
    ("LeakyRelu", {}), ("LeakyRelu", {"alpha": 0.3}),
]  # fmt: skip

Case = tuple[Nodes, tuple[int, ...], dict[str, Any], int]
W1, W2 = weights(3, 4, 1, 1), weights(3, 2, 1, 1)

CASES: dict[str, Case] = {
    **{f"{op}{'-'.join(map(str, a.values()))}": (one(op, **a), IMAGE, {}, 17) for op, a in UNARY},
    "prelu": (one("PRelu", "s"), IMAGE, {"s": weights(4, 1, 1)}, 17),
    "prelu_one": (one("PRelu", "s"), IMAGE, {"s": floats(0.2)}, 17),
    "pow": (one("Pow", "e"), IMAGE, {"e": np.float32(2)}, 17),
    "gelu": (one("Gelu"), IMAGE, {}, 20),
    "gelu_tanh": (one("Gelu", approximate="tanh"), IMAGE, {}, 20),
    "mish": (one("Mish"), IMAGE, {}, 18),
    "silu": ([node("Sigmoid", ["x"], ["s"]), node("Mul", ["s", "x"], ["y"])], IMAGE, {}, 17),
    "square": ([node("Mul", ["x", "x"], ["y"])], IMAGE, {}, 17),
    "hard_swish_by_parts": (
        [
            node("Add", ["x", "three"], ["a"]), node("Clip", ["a", "zero", "six"], ["b"]),
            node("Mul", ["x", "b"], ["c"]), node("Div", ["c", "six"], ["y"]),
        ],
        IMAGE,
        {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)},
        17,
    ),
    "gelu_by_parts": (
        [
            node("Div", ["x", "r"], ["a"]), node("Erf", ["a"], ["b"]), node("Add", ["b", "one"], ["c"]),
            node("Mul", ["x", "c"], ["d"]), node("Mul", ["d", "half"], ["y"]),
        ],
        IMAGE,
        {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)},
        17,
    ),
    "reciprocal": (
        [node("Exp", ["x"], ["e"]), node("Add", ["e", "k"], ["f"]), node("Div", ["k", "f"], ["y"])],
        IMAGE,
        {"k": np.float32(1.5)},
        17,
    ),
    "mul_two": ([node("Relu", ["x"], ["r"]), node("Mul", ["r", "x"], ["y"])], IMAGE, {}, 17),
    "sub_two": (
        [node("Conv", ["x", "w"], ["a"]), node("Conv", ["x", "v"], ["b"]), node("Sub", ["a", "b"], ["y"])],
        IMAGE,
        {"w": W1, "v": weights(3, 4, 1, 1, seed=2)},
        17,
    ),
    "div_two": (
        [node("Exp", ["x"], ["e"]), node("Conv", ["x", "w"], ["a"]), node("Div", ["a", "e"], ["y"])],
        IMAGE,
        {"w": weights(4, 4, 1, 1)},
        17,
    ),
    "max_two": (
        [node("Conv", ["x", "w"], ["a"]), node("Max", ["a", "x"], ["y"])], IMAGE, {"w": weights(4, 4, 1, 1)}, 17
    ),
    "min_two": (
        [node("Conv", ["x", "w"], ["a"]), node("Min", ["a", "x"], ["y"])], IMAGE, {"w": weights(4, 4, 1, 1)}, 17
    ),
    "max_channel": (one("Max", "c"), IMAGE, {"c": weights(4, 1, 1)}, 17),
    "add_pixel": (then_conv(one("Add", "c")), IMAGE, {"c": weights(4, 6, 5), "w": W1}, 17),
    "mul_pixel": (then_conv(one("Mul", "c")), IMAGE, {"c": weights(1, 6, 5), "w": W1}, 17),
    "squeeze_and_excite": (
        [
            node("GlobalAveragePool", ["x"], ["g"]), node("Conv", ["g", "w"], ["h"]), node("Sigmoid", ["h"], ["s"]),
            node("Mul", ["x", "s"], ["y"]),
        ],
        IMAGE,
        {"w": weights(4, 4, 1, 1)},
        17,
    ),
    "gate_by_pixel": (
        [node("Conv", ["x", "w"], ["h"]), node("Sigmoid", ["h"], ["s"]), node("Mul", ["s", "x"], ["y"])],
        IMAGE,
        {"w": weights(1, 4, 1, 1)},
        17,
    ),
    "add_row_to_column": (
        [
            node("ReduceMean", ["x"], ["a"], axes=[2]), node("ReduceMean", ["x"], ["b"], axes=[3]),
            node("Add", ["a", "b"], ["y"]),
        ],
        IMAGE,
        {},
        17,
    ),
    "concat": ([node("Relu", ["x"], ["r"]), node("Concat", ["r", "x", "r"], ["y"], axis=1)], IMAGE, {}, 17),
    "concat_rows": ([node("Relu", ["x"], ["r"]), node("Concat", ["r", "x"], ["y"], axis=2)], IMAGE, {}, 17),
    "concat_columns": ([node("Relu", ["x"], ["r"]), node("Concat", ["x", "r"], ["y"], axis=-1)], IMAGE, {}, 17),
    "concat_constant": (one("Concat", "c", axis=3), IMAGE, {"c": weights(1, 4, 6, 2)}, 17),
    "concat_tokens": (
        [node("MatMul", ["x", "w"], ["m"]), node("Concat", ["c", "m"], ["k"], axis=1),
         node("MatMul", ["k", "v"], ["y"])],
        (5, 6),
        {"w": weights(6, 4), "c": weights(1, 1, 4), "v": weights(4, 3)},
        17,
    ),
    "concat_vectors": ([node("Relu", ["x"], ["r"]), node("Concat", ["r", "x"], ["y"], axis=1)], (6,), {}, 17),
    "slice": (then_conv(one("Slice", "s", "e", "a", "t"), "w2"), IMAGE,
              {"s": ints(1, 0), "e": ints(3, 99), "a": ints(1, 2), "t": ints(1, 2), "w2": W2}, 17),
    "slice_back": (
        then_conv(one("Slice", "s", "e", "a", "t")),
        IMAGE, {"s": ints(-1), "e": ints(-99), "a": ints(3), "t": ints(-1), "w": W1}, 17,
    ),
    "slice_old": (then_conv(one("Slice", starts=[0, 1], ends=[2, -1], axes=[1, 3]), "w2"), IMAGE, {"w2": W2}, 9),
    "split": (
        [node("Split", ["x", "s"], ["a", "b"], axis=1), node("Conv", ["b", "w2"], ["c"]), node("Relu", ["a"], ["d"]),
         node("Concat", ["c", "d"], ["y"], axis=1)],
        IMAGE, {"s": ints(2, 2), "w2": W2}, 17,
    ),
    "split_rows": (
        [node("Split", ["x"], ["a", "b"], axis=2), node("Add", ["a", "b"], ["y"])], IMAGE, {}, 11,
    ),
    "gather": (then_conv(one("Gather", "i", axis=1)), IMAGE, {"i": ints(3, 0, 0, -1), "w": W1}, 17),
    "gather_step": (one("Gather", "i", axis=2), SIGNAL, {"i": np.int64(-1)}, 17),
    "expand": (
        [node("ReduceMean", ["x"], ["m"], axes=[3]), node("Expand", ["m", "s"], ["y"])],
        IMAGE, {"s": ints(1, 4, 6, 3)}, 17
    ),
    "tile": (then_conv(one("Tile", "r")), IMAGE, {"r": ints(1, 1, 2, 3), "w": W1}, 17),
    "depth_to_space": ([node("DepthToSpace", ["x"], ["d"], blocksize=2), node("Relu", ["d"], ["y"])], IMAGE, {}, 17),
    "depth_to_space_conv": (then_conv(one("DepthToSpace", blocksize=2), "v"), IMAGE, {"v": weights(3, 1, 2, 2)}, 17),
    "depth_to_space_crd": (then_conv(one("DepthToSpace", blocksize=2, mode="CRD"), "v"), (8, 3, 2),
                           {"v": weights(3, 2, 2, 2)}, 17),
    "space_to_depth": (then_conv(one("SpaceToDepth", blocksize=2), "v"), (2, 6, 4), {"v": weights(3, 8, 1, 1)}, 17),
    "channel_shuffle": (
        [node("Reshape", ["x", "s"], ["a"]), node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]),
         node("Reshape", ["b", "t"], ["c"]), node("Conv", ["c", "w"], ["y"])],
        IMAGE, {"s": ints(0, 2, 2, 6, 5), "t": ints(0, 4, 6, 5), "w": W1}, 17,
    ),
    "transpose_image": (
        [node("Transpose", ["x"], ["a"], perm=[0, 1, 3, 2]), node("Relu", ["x"], ["r"]),
         node("Transpose", ["r"], ["b"], perm=[0, 1, 3, 2]), node("Add", ["a", "b"], ["c"]),
         node("Conv", ["c", "v"], ["y"])],
        IMAGE, {"v": weights(3, 4, 2, 1)}, 17,
    ),
    "resize_scales": (then_conv(one("Resize", "", "s")), IMAGE, {"s": floats(1, 1, 2, 3), "w": W1}, 17),
    "resize_asymmetric": (
        then_conv(one("Resize", "", "s", coordinate_transformation_mode="asymmetric", nearest_mode="floor")), IMAGE,
        {"s": floats(1, 1, 2, 2), "w": W1}, 17,
    ),
    "resize_sizes": (then_conv(one("Resize", "", "", "s")), IMAGE, {"s": ints(1, 4, 9, 7), "w": W1}, 17),
    "resize_down": (one("Resize", "", "s", coordinate_transformation_mode="align_corners", nearest_mode="ceil"), IMAGE,
                    {"s": floats(1, 1, 0.5, 0.6)}, 17),
    "resize_linear": (then_conv(one("Resize", "", "s", mode="linear")), IMAGE, {"s": floats(1, 1, 2, 2), "w": W1}, 17),
    "resize_linear_asymmetric": (
        one("Resize", "", "s", mode="linear", coordinate_transformation_mode="asymmetric"), IMAGE,
        {"s": floats(1, 1, 3, 1)}, 17,
    ),
    "resize_linear_signal": (one("Resize", "", "s", mode="linear"), SIGNAL, {"s": floats(1, 1, 4)}, 17),
    "upsample": (then_conv(one("Upsample", "s")), IMAGE, {"s": floats(1, 1, 2, 2), "w": W1}, 9),
    "pad_reflect": (
        then_conv(one("Pad", "p", mode="reflect")),
        IMAGE, {"p": ints(0, 0, 2, 1, 0, 0, 3, 4), "w": W1}, 17,
    ),
    "pad_edge": (then_conv(one("Pad", "p", mode="edge")), IMAGE, {"p": ints(0, 0, 2, 1, 0, 0, 3, 7), "w": W1}, 17),
    "pad_channels": (then_conv(one("Pad", "p", "c"), "v"), IMAGE,
                     {"p": ints(0, 1, 0, 1, 0, 0, 0, 0), "c": np.float32(0.5), "v": weights(2, 5, 1, 1)}, 17),
    "pad_crop": (then_conv(one("Pad", "p")), IMAGE, {"p": ints(0, 0, -1, 1, 0, 0, 0, -2), "w": W1}, 17),
    "average_border": (one("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), IMAGE, {}, 17),
    "average_ceil": (one("AveragePool", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1), IMAGE, {}, 19),
    "average_ceil_border": (
        one("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1), (2, 6, 6), {}, 19
    ),
    "global_max": (one("GlobalMaxPool"), IMAGE, {}, 17),
    "reduce_max": (one("ReduceMax", axes=[2, 3], keepdims=0), IMAGE, {}, 17),
    "reduce_sum": (one("ReduceSum", "a", keepdims=0), IMAGE, {"a": ints(-1)}, 17),
    "reduce_sum_channels": (one("ReduceSum", "a"), IMAGE, {"a": ints(1)}, 17),
    "reduce_mean_channels": (then_conv(one("ReduceMean", axes=[1]), "v"), IMAGE, {"v": weights(2, 1, 2, 2)}, 17),
    "reduce_max_channels": (one("ReduceMax", axes=[1, 3], keepdims=0), IMAGE, {}, 17),
    "layer_norm": (
        one("LayerNormalization", "g", "b", axis=-1),
        (7, 6), {"g": weights(6), "b": weights(6, seed=1)}, 17,
    ),
    "layer_norm_image": (one("LayerNormalization", "g", epsilon=0.1), IMAGE, {"g": weights(5)}, 17),
    "layer_norm_vector": (one("LayerNormalization", "g"), (6,), {"g": weights(6)}, 17),
    "instance_norm": (one("InstanceNormalization", "g", "b"), IMAGE, {"g": weights(4), "b": weights(4, seed=1)}, 17),
    "instance_norm_signal": (
        then_conv(one("InstanceNormalization", "g", "b"), "v"), SIGNAL,
        {"g": weights(4), "b": weights(4, seed=1), "v": weights(3, 4, 2)}, 17,
    ),
    "softmax_inside": (
        [node("Softmax", ["x"], ["s"], axis=-1), node("MatMul", ["s", "w"], ["y"])], (5, 6), {"w": weights(6, 3)}, 17
    ),
    "softmax_channels": (then_conv(one("Softmax", axis=1)), IMAGE, {"w": W1}, 17),
    "attention": (
        [node("MatMul", ["x", "wq"], ["q"]), node("MatMul", ["x", "wk"], ["k"]), node("MatMul", ["x", "wv"], ["v"]),
         node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]), node("MatMul", ["q", "kt"], ["s"]),
         node("Mul", ["s", "f"], ["sf"]), node("Softmax", ["sf"], ["p"], axis=-1), node("MatMul", ["p", "v"], ["y"])],
        (5, 6), {"wq": weights(6, 4), "wk": weights(6, 4, seed=1), "wv": weights(6, 3), "f": np.float32(0.5)}, 17,
    ),
    "attention_heads": (
        [node("MatMul", ["x", "wq"], ["q0"]), node("Reshape", ["q0", "h"], ["q1"]),
         node("Transpose", ["q1"], ["q"], perm=[0, 2, 1, 3]), node("Transpose", ["q1"], ["k"], perm=[0, 2, 3, 1]),
         node("MatMul", ["q", "k"], ["s"]), node("Softmax", ["s"], ["p"], axis=-1), node("MatMul", ["p", "q"], ["o"]),
         node("Transpose", ["o"], ["o1"], perm=[0, 2, 1, 3]), node("Reshape", ["o1", "b"], ["o2"]),
         node("MatMul", ["o2", "wo"], ["y"])],
        (5, 6), {"wq": weights(6, 8), "h": ints(0, 5, 2, 4), "b": ints(0, 5, 8), "wo": weights(8, 3)}, 17,
    ),
    "topk": ([node("TopK", ["x", "k"], ["v", "y"], axis=1)], IMAGE, {"k": ints(3)}, 17),
    "topk_vector": ([node("TopK", ["x", "k"], ["v", "y"], axis=-1)], (9,), {"k": ints(2)}, 17),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, tmp_path: Path) -> None:
    nodes, shape, constants, opset = CASES[name]
    check_equal(save(model(nodes, {"x": shape}, ["y"], constants, opset=opset), tmp_path))


TRANSPOSED = [
    {}, {"strides": [2, 2]}, {"strides": [3, 2], "pads": [1, 0, 2, 1]}, {"strides": [2, 3], "output_padding": [1, 2]},
    {"dilations": [2, 1], "strides": [2, 1]}, {"strides": [3, 3], "pads": [4, 1, 0, 2]}, {"strides": [5, 4]},
    {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, {"strides": [2, 2], "output_shape": [11, 10]},
    {"strides": [2, 2], "group": 2, "pads": [1, 1, 1, 1]},
]  # fmt: skip


@pytest.mark.parametrize("attributes", TRANSPOSED, ids=lambda a: "-".join(f"{k}{v}" for k, v in a.items()) or "plain")
@pytest.mark.parametrize("kernel", [(3, 3), (2, 5)], ids=["3x3", "2x5"])
def test_conv_transpose(attributes: dict[str, Any], kernel: tuple[int, int], tmp_path: Path) -> None:
    groups = attributes.get("group", 1)
    nodes = [node("ConvTranspose", ["x", "w", "b"], ["m"], **attributes), node("Conv", ["m", "v"], ["y"])]
    constants = {"w": weights(4, 3, *kernel), "b": weights(3 * groups), "v": weights(2, 3 * groups, 1, 1)}
    check_equal(save(model(nodes, {"x": IMAGE}, ["y"], constants), tmp_path))


def test_conv_transpose_of_signals(tmp_path: Path) -> None:
    nodes = [node("ConvTranspose", ["x", "w"], ["m"], strides=[3], pads=[1, 2]), node("Conv", ["m", "v"], ["y"])]
    constants = {"w": weights(4, 3, 4), "v": weights(2, 3, 2)}
    check_equal(save(model(nodes, {"x": SIGNAL}, ["y"], constants), tmp_path))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("op", "gates", "after"), [("LSTM", 4, 0), ("GRU", 3, 0), ("GRU", 3, 1), ("RNN", 1, 0)])
@pytest.mark.parametrize("output", ["all", "last"])
def test_recurrent(op: str, gates: int, after: int, direction: str, output: str, tmp_path: Path) -> None:
    """Sequences first, as exporters write it: all steps, or the last one."""
    both = 2 if direction == "bidirectional" else 1
    units, features = 4, 5
    constants = {
        "w": weights(both, gates * units, features), "r": weights(both, gates * units, units),
        "b": weights(both, 2 * gates * units), "v": weights(both * units, 3), "s": ints(0, 7, both * units),
        "t": ints(0, both * units),
    }  # fmt: skip
    extra = {"linear_before_reset": 1} if after else {}
    made = ["h", ""] if output == "all" else ["", "h"]
    nodes = [
        node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
        node(op, ["steps", "w", "r", "b"], made, hidden_size=units, direction=direction, **extra),
        node("Transpose", ["h"], ["k"], perm=[2, 0, 1, 3] if output == "all" else [1, 0, 2]),
        node("Reshape", ["k", "s" if output == "all" else "t"], ["f"]),
        node("MatMul", ["f", "v"], ["y"]),
    ]
    check_equal(save(model(nodes, {"x": (7, features)}, ["y"], constants), tmp_path))
