"""Each pass: what it folds, what it must leave, and that outputs stay equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx.helper import make_node as node
from onnx_models import check_equal, model, save, weights

from hwq.frontend.graph import Activation, Add, AvgPool, Clip, Conv, Dense, FloatGraph, MaxPool, Pad
from hwq.passes import simplify

IMAGE = (3, 6, 7)
NORM = {
    "g": weights(3) + 2,
    "b": weights(3, seed=1),
    "m": weights(3, seed=2),
    "v": weights(3, seed=3) ** 2 + 0.5,
    "w": weights(3, 3, 3, 3),
    "u": weights(4, 3, 3, 3),
    "dw": weights(3, 1, 3, 3),
    "dw2": weights(6, 1, 3, 3),
    "g2": weights(4, 3, 3, 3),
    "d": weights(126, 4),
    "neg": -np.ones(1, np.float32),
    "six": np.float32(6),
    "p": np.array([0, 0, 1, 2, 0, 0, 0, 1], np.int64),
}


def norm(source: str, target: str):
    return node("BatchNormalization", [source, "g", "b", "m", "v"], [target])


def kinds(graph: FloatGraph) -> list[type]:
    return [type(layer) for layer in graph.layers]


def run(folder: Path, nodes: list, outputs: tuple[str, ...] = ("y",)) -> FloatGraph:
    used = {name for item in nodes for name in item.input}
    constants = {name: array for name, array in NORM.items() if name in used}
    graph = check_equal(save(model(nodes, {"x": IMAGE}, outputs, constants), folder))
    assert simplify(graph) is graph
    assert graph.shapes.keys() == {"x"} | {layer.name for layer in graph.layers}
    return graph


def test_batch_norm_and_relu_go_into_the_conv_before(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["c"], pads=[1] * 4), norm("c", "n"), node("Relu", ["n"], ["y"])]
    graph = run(tmp_path, nodes)
    assert kinds(graph) == [Conv]
    assert graph.layers[0].name == "y"
    assert graph.layers[0].source == "c (Conv)"


def test_batch_norm_goes_into_a_depthwise_conv(tmp_path: Path) -> None:
    assert kinds(run(tmp_path, [node("Conv", ["x", "dw"], ["c"], group=3), norm("c", "y")])) == [Conv]


def test_batch_norms_around_grouped_convs(tmp_path: Path) -> None:
    """A depth multiplier of two and two groups: into the layer before, and into the one after."""
    nodes = [norm("x", "n"), node("Conv", ["n", "dw2"], ["c"], group=3), node("Conv", ["c", "g2"], ["y"], group=2)]
    graph = run(tmp_path, nodes)
    assert [layer.weight.shape for layer in graph.layers if isinstance(layer, Conv)] == [(6, 1, 3, 3), (4, 3, 3, 3)]


def test_two_batch_norms_in_a_row(tmp_path: Path) -> None:
    graph = run(tmp_path, [node("MaxPool", ["x"], ["c"], kernel_shape=[2, 2]), norm("c", "n"), norm("n", "y")])
    assert kinds(graph) == [MaxPool, Conv]
    assert isinstance(graph.layers[1], Conv)
    assert graph.layers[1].groups == 3


def test_batch_norm_goes_into_the_conv_after_without_padding(tmp_path: Path) -> None:
    assert kinds(run(tmp_path, [norm("x", "n"), node("Conv", ["n", "w"], ["y"])])) == [Conv]


def test_batch_norm_goes_into_all_readers_after(tmp_path: Path) -> None:
    nodes = [
        norm("x", "n"),
        node("Conv", ["n", "dw"], ["y"], group=3),
        node("Flatten", ["n"], ["f"]),
        node("Gemm", ["f", "d"], ["z"]),
    ]
    assert kinds(run(tmp_path, nodes, ("y", "z"))) == [Conv, Dense]


def test_batch_norm_stays_before_a_padded_conv(tmp_path: Path) -> None:
    graph = run(tmp_path, [norm("x", "n"), node("Conv", ["n", "u"], ["y"], pads=[1] * 4)])
    assert kinds(graph) == [Conv, Conv]


def test_scale_alone_goes_into_a_padded_conv(tmp_path: Path) -> None:
    nodes = [node("Mul", ["x", "neg"], ["n"]), node("Conv", ["n", "u"], ["y"], pads=[1] * 4)]
    assert kinds(run(tmp_path, nodes)) == [Conv]


def test_batch_norm_stays_when_the_conv_has_another_reader(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        norm("c", "n"),
        node("Relu", ["n"], ["r"]),
        node("Add", ["c", "r"], ["y"]),
    ]
    assert kinds(run(tmp_path, nodes)) == [Conv, Conv, Add]


def test_batch_norm_stays_after_a_clip_and_when_it_is_an_output(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Relu", ["c"], ["r"]),
        norm("r", "y"),
        node("Conv", ["y", "u"], ["z"]),
    ]
    assert kinds(run(tmp_path, nodes, ("y", "z"))) == [Conv, Conv, Conv]


def test_model_output_is_never_fused_away(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["y"]), node("Relu", ["y"], ["z"])]
    assert kinds(run(tmp_path, nodes, ("y", "z"))) == [Conv, Activation]


def test_activations_merge_and_fuse_into_an_addition(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1] * 4),
        node("Add", ["c", "x"], ["a"]),
        node("Relu", ["a"], ["r"]),
        node("Min", ["r", "six"], ["y"]),
    ]
    graph = run(tmp_path, nodes)
    assert kinds(graph) == [Conv, Add]
    assert isinstance(graph.layers[1], Add)
    assert graph.layers[1].clip == Clip(0.0, 6.0)


def test_activation_of_a_pool_stays(tmp_path: Path) -> None:
    nodes = [
        node("AveragePool", ["x"], ["a"], kernel_shape=[2, 2]),
        node("Relu", ["a"], ["r"]),
        node("Min", ["r", "six"], ["y"]),
    ]
    assert kinds(run(tmp_path, nodes)) == [AvgPool, Activation]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Clip(0, 6), Clip(1, 9), Clip(1, 6)),
        (Clip(0, 6), Clip(7, 8), Clip(7, 7)),
        (Clip(0, 6), Clip(-5, -2), Clip(-2, -2)),
        (Clip(), Clip(high=3), Clip(high=3)),
    ],
)
def test_clips_compose(first: Clip, second: Clip, expected: Clip) -> None:
    values = np.linspace(-10, 10, 81)
    assert first.then(second) == expected
    wanted = np.clip(np.clip(values, first.low, first.high), second.low, second.high)
    assert np.array_equal(np.clip(values, expected.low, expected.high), wanted)


def test_pad_goes_into_conv_and_average_pool(tmp_path: Path) -> None:
    nodes = [
        node("Pad", ["x", "p"], ["q"]),
        node("Conv", ["q", "u"], ["y"], pads=[1, 0, 0, 0]),
        node("AveragePool", ["q"], ["z"], kernel_shape=[3, 3]),
    ]
    graph = run(tmp_path, nodes, ("y", "z"))
    assert kinds(graph) == [Conv, AvgPool]
    assert isinstance(graph.layers[0], Conv)
    assert graph.layers[0].pads == (2, 2, 0, 1)


@pytest.mark.parametrize(
    "reader",
    [
        node("MaxPool", ["q"], ["y"], kernel_shape=[3, 3]),
        node("AveragePool", ["q"], ["y"], kernel_shape=[2, 2]),
    ],
)
def test_pad_stays_before_pools_that_cannot_take_it(reader, tmp_path: Path) -> None:
    assert kinds(run(tmp_path, [node("Pad", ["x", "p"], ["q"]), reader]))[0] is Pad


def test_pad_of_another_value_stays(tmp_path: Path) -> None:
    nodes = [node("Pad", ["x", "p", "six"], ["q"]), node("Conv", ["q", "u"], ["y"])]
    assert kinds(run(tmp_path, nodes)) == [Pad, Conv]


def test_averages_of_one_axis_each_merge_only_when_they_are_alone(tmp_path: Path) -> None:
    nodes = [
        node("ReduceMean", ["x"], ["h"], axes=[2], keepdims=1),
        node("ReduceMean", ["h"], ["y"], axes=[3], keepdims=1),
        node("Relu", ["h"], ["z"]),
    ]
    assert kinds(run(tmp_path, nodes)) == [AvgPool]
    assert kinds(run(tmp_path, nodes, ("y", "z"))) == [AvgPool, AvgPool, Activation]


def test_overlapping_averages_stay(tmp_path: Path) -> None:
    nodes = [
        node("AveragePool", ["x"], ["h"], kernel_shape=[2, 2]),
        node("AveragePool", ["h"], ["y"], kernel_shape=[2, 2]),
    ]
    assert kinds(run(tmp_path, nodes)) == [AvgPool, AvgPool]
