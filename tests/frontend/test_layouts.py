"""Reshape, Transpose and their kind: what they do to the canonical order of inputs, weights and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx.helper import make_node as node
from onnx_models import check_equal, model, refusal, save, weights

from hwq.frontend.graph import Add, Const, Conv, Dense, Gather


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_vector_input_takes_the_shape_of_the_conv(tmp_path: Path) -> None:
    nodes = [node("Reshape", ["x", "s"], ["i"]), node("Conv", ["i", "w"], ["y"])]
    graph = check_equal(
        save(model(nodes, {"x": (490,)}, ["y"], {"s": ints(-1, 1, 49, 10), "w": weights(4, 1, 5, 3)}), tmp_path)
    )
    assert graph.shapes["x"] == (1, 49, 10)
    assert np.array_equal(graph.inputs[0].index, np.arange(490))


def test_channels_last_input(tmp_path: Path) -> None:
    nodes = [
        node("Sub", ["x", "mean"], ["c"]),
        node("Transpose", ["c"], ["t"], perm=[0, 3, 1, 2]),
        node("Conv", ["t", "w"], ["v"]),
        node("Transpose", ["v"], ["u"], perm=[0, 2, 3, 1]),
        node("Add", ["u", "b"], ["a"]),
        node("Relu", ["a"], ["y"]),
    ]
    constants = {"mean": weights(3), "w": weights(5, 3, 3, 3), "b": weights(5)}
    graph = check_equal(save(model(nodes, {"x": (6, 7, 3)}, ["y"], constants), tmp_path))
    assert graph.shapes["x"] == (3, 6, 7)
    assert [type(layer) for layer in graph.layers] == [Conv]
    assert graph.inputs[0].index[2, 3, 1] == 1 * 42 + 2 * 7 + 3
    assert graph.outputs[0].onnx_shape == (4, 5, 5)


def test_dense_after_channels_last_flatten(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
        node("Flatten", ["t"], ["f"]),
        node("Gemm", ["f", "d"], ["y"]),
    ]
    graph = check_equal(
        save(model(nodes, {"x": (2, 5, 6)}, ["y"], {"w": weights(3, 2, 2, 2), "d": weights(60, 4)}), tmp_path)
    )
    dense = graph.layers[-1]
    assert isinstance(dense, Dense)
    assert dense.weight.shape == (4, 3, 4, 5)


def test_image_input_of_a_dense_layer_is_a_vector(tmp_path: Path) -> None:
    nodes = [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "d"], ["y"])]
    graph = check_equal(save(model(nodes, {"x": (1, 6, 5)}, ["y"], {"d": weights(30, 4)}), tmp_path))
    assert graph.shapes["x"] == (30, 1, 1)


def test_image_input_of_dense_and_conv_is_an_image(tmp_path: Path) -> None:
    nodes = [
        node("Flatten", ["x"], ["f"]),
        node("Gemm", ["f", "d"], ["y"]),
        node("Conv", ["x", "w"], ["z"]),
    ]
    constants = {"d": weights(30, 4), "w": weights(2, 1, 3, 3)}
    graph = check_equal(save(model(nodes, {"x": (1, 6, 5)}, ["y", "z"], constants), tmp_path))
    assert graph.shapes["x"] == (1, 6, 5)


def test_per_pixel_constant_is_per_feature_before_a_dense_layer(tmp_path: Path) -> None:
    nodes = [node("Sub", ["x", "m"], ["c"]), node("Flatten", ["c"], ["f"]), node("Gemm", ["f", "d"], ["y"])]
    made = model(nodes, {"x": (1, 6, 5)}, ["y"], {"m": weights(1, 6, 5), "d": weights(30, 4)})
    assert [type(layer) for layer in check_equal(save(made, tmp_path)).layers] == [Dense]


def test_per_pixel_constant_is_a_tensor_before_a_conv(tmp_path: Path) -> None:
    nodes = [node("Sub", ["x", "m"], ["c"], name="centre"), node("Conv", ["c", "w"], ["y"])]
    made = model(nodes, {"x": (1, 6, 5)}, ["y"], {"m": weights(1, 6, 5), "w": weights(2, 1, 3, 3)})
    assert [type(layer) for layer in check_equal(save(made, tmp_path)).layers] == [Const, Add, Conv]


@pytest.mark.parametrize(
    "behind",
    [
        [node("Transpose", ["c"], ["t"], perm=[0, 1, 3, 2]), node("Conv", ["t", "w"], ["y"])],
        [
            node("Transpose", ["c"], ["t"], perm=[0, 1, 3, 2]),
            node("Reshape", ["t", "keep"], ["u"]),
            node("Add", ["u", "c"], ["y"]),
        ],
    ],
    ids=["conv", "add"],
)
def test_an_image_in_another_order_is_gathered(behind: list, tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["c"], pads=[1] * 4), *behind]
    constants = {"w": weights(3, 3, 3, 3), "keep": ints(-1, 3, 5, 6)}
    graph = check_equal(save(model(nodes, {"x": (3, 5, 6)}, ["y"], constants), tmp_path))
    assert sum(isinstance(layer, Gather) for layer in graph.layers) == 1


def test_unsqueeze_and_squeeze_around_a_conv(tmp_path: Path) -> None:
    nodes = [
        node("Unsqueeze", ["x"], ["u"], axes=[2]),
        node("Conv", ["u", "w"], ["c"]),
        node("Squeeze", ["c"], ["s"], axes=[-2]),
        node("GlobalAveragePool", ["s"], ["g"]),
        node("Squeeze", ["g"], ["v"], axes=[2]),
        node("MatMul", ["v", "d"], ["y"]),
    ]
    made = model(nodes, {"x": (3, 12)}, ["y"], {"w": weights(4, 3, 1, 3), "d": weights(4, 2)}, opset=11)
    assert check_equal(save(made, tmp_path)).shapes["x"] == (3, 1, 12)


def test_flatten_then_unsqueeze_by_input(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Flatten", ["c"], ["f"], axis=-3),
        node("Gemm", ["f", "d"], ["g"]),
        node("Unsqueeze", ["g", "a"], ["u"]),
        node("Relu", ["u"], ["y"]),
    ]
    constants = {"w": weights(2, 3, 3, 3), "d": weights(24, 4), "a": ints(2, 3)}
    check_equal(save(model(nodes, {"x": (3, 5, 6)}, ["y"], constants), tmp_path))


def test_reshape_with_zero_and_minus_one(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["c"]), node("Reshape", ["c", "s"], ["y"])]
    check_equal(save(model(nodes, {"x": (3, 5, 6)}, ["y"], {"w": weights(2, 3, 3, 3), "s": ints(0, 0, -1)}), tmp_path))


def test_residual_of_permuted_tensors(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1] * 4),
        node("Transpose", ["x"], ["a"], perm=[0, 2, 3, 1]),
        node("Transpose", ["c"], ["b"], perm=[0, 2, 3, 1]),
        node("Add", ["a", "b"], ["y"]),
    ]
    check_equal(save(model(nodes, {"x": (3, 5, 6)}, ["y"], {"w": weights(3, 3, 3, 3)}), tmp_path))


def test_addition_of_an_input_that_no_layer_has_shaped(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1] * 4),
        node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
        node("Add", ["z", "t"], ["y"]),
    ]
    graph = check_equal(
        save(model(nodes, {"x": (3, 5, 6), "z": (5, 6, 3)}, ["y"], {"w": weights(3, 3, 3, 3)}), tmp_path)
    )
    assert graph.shapes["z"] == (3, 5, 6)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (2, 2, 3, 4)])
def test_elementwise_networks_of_any_rank(shape: tuple[int, ...], tmp_path: Path) -> None:
    check_equal(save(model([node("Relu", ["x"], ["y"])], {"x": shape}, ["y"]), tmp_path))


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([node("Reshape", ["c", "s"], ["y"], name="r")], "r (Reshape): one sample becomes (3, 30)"),
        ([node("Reshape", ["c", "four"], ["y"], name="r")], "r (Reshape): shape [4, -1] does not fit"),
        ([node("Flatten", ["c"], ["y"], axis=0, name="f")], "f (Flatten): axis is 0"),
        ([node("Flatten", ["c"], ["y"], axis=3, name="f")], "f (Flatten): axis is 3"),
        ([node("Squeeze", ["c"], ["y"], name="q")], "q (Squeeze): axes are not given"),
        ([node("Squeeze", ["c", "zero"], ["y"], name="q")], "q (Squeeze): axes are (0,)"),
        ([node("Unsqueeze", ["c", "zero"], ["y"], name="q")], "q (Unsqueeze): axes are (0,)"),
    ],
)
def test_refused_layouts(nodes: list, text: str, tmp_path: Path) -> None:
    constants = {
        "w": weights(3, 3, 3, 3),
        "s": ints(3, -1),
        "four": ints(4, -1),
        "zero": ints(0),
    }
    first = node("Conv", ["x", "w"], ["c"], pads=[1] * 4)
    assert text in refusal(model([first, *nodes], {"x": (3, 5, 6)}, ["y"], constants, batch=7), tmp_path)
