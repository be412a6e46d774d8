"""`FloatReference` gives every tensor, before and after its clip, whatever the number of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.helper import make_node as node
from onnx_models import model, save, weights

from hwq import frontend
from hwq.errors import BadInput
from hwq.frontend.float_model import IR_VERSION, OPSET, to_onnx
from hwq.frontend.graph import FloatGraph
from hwq.frontend.reference import FloatReference
from hwq.frontend.text import dump
from hwq.passes import simplify


@pytest.fixture
def graph(tmp_path: Path) -> FloatGraph:
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1] * 4, group=3),
        node("Relu", ["c"], ["r"]),
        node("Add", ["r", "x"], ["a"]),
        node("Clip", ["a", "", "high"], ["k"]),
        node("Pad", ["k", "p", "one"], ["q"]),
        node("MaxPool", ["q"], ["m"], kernel_shape=[3, 2], strides=[2, 2], dilations=[1, 2]),
        node("ReduceMean", ["m"], ["g"], axes=[2, 3], keepdims=0),
        node("MatMul", ["g", "d"], ["y"]),
        node("ArgMax", ["y"], ["z"], axis=1),
    ]
    constants = {
        "w": weights(3, 1, 3, 3),
        "d": weights(3, 4),
        "high": np.float32(1.5),
        "p": np.array([0, 0, 1, 0, 0, 0, 0, 2], np.int64),
        "one": np.float32(1),
    }
    return simplify(frontend.read(save(model(nodes, {"x": (3, 6, 5)}, ["y", "z"], constants), tmp_path)))


def test_all_tensors_have_their_shapes(graph: FloatGraph) -> None:
    found = FloatReference(graph).run({"x": weights(4, 3, 6, 5)}, list(graph.shapes))
    assert {name: array.shape for name, array in found.items()} == {
        name: (4, *shape) for name, shape in graph.shapes.items()
    }
    assert all(array.dtype == np.float32 for array in found.values())


def test_values_before_the_clip(graph: FloatGraph) -> None:
    x = weights(4, 3, 6, 5)
    found = FloatReference(graph).run({"x": x}, ["r", "r:pre", "k", "k:pre", "m", "m:pre", "x"])
    assert np.array_equal(np.maximum(found["r:pre"], 0), found["r"])
    assert (found["r:pre"] < 0).any()
    assert np.array_equal(found["k:pre"], found["r"] + x)
    assert np.array_equal(np.minimum(found["k:pre"], 1.5), found["k"])
    assert np.array_equal(found["m"], found["m:pre"])
    assert np.array_equal(found["x"], x)


def test_batches_change_nothing(graph: FloatGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    x = weights(11, 3, 6, 5)
    whole = FloatReference(graph).run({"x": x}, ["r", "y"])
    monkeypatch.setattr("hwq.frontend.reference._MAX_BATCH", 4)
    parts = FloatReference(graph).run({"x": x}, ["r", "y"])
    for name, array in whole.items():
        assert array.shape[0] == 11
        np.testing.assert_allclose(parts[name], array, rtol=1e-5, atol=1e-6)


def test_outputs_are_the_default(graph: FloatGraph) -> None:
    found = FloatReference(graph).run({"x": weights(2, 3, 6, 5)})
    assert found.keys() == {"y", "z"}
    assert np.array_equal(found["z"][:, 0, 0, 0], found["y"][:, :, 0, 0].argmax(axis=1))


def test_unknown_tensor(graph: FloatGraph) -> None:
    with pytest.raises(BadInput, match="tensor 'absent': unknown"):
        FloatReference(graph).run({"x": weights(2, 3, 6, 5)}, ["absent"])


@pytest.mark.parametrize("everything", [False, True])
def test_model_is_valid_and_old_enough(graph: FloatGraph, everything: bool) -> None:
    made = to_onnx(graph, all_tensors=everything, pre_activation=everything)
    onnx.checker.check_model(made, full_check=True)
    assert (made.ir_version, made.opset_import[0].version) == (IR_VERSION, OPSET) == (8, 17)
    names = [item.name for item in made.graph.output]
    everyone = ["r", "k", "q", "m", "g", "y", "z", "r:pre", "k:pre"]
    assert names == (everyone if everything else ["y", "z"])


def test_text(graph: FloatGraph) -> None:
    assert dump(graph) == (
        "graph net\n"
        "input  'x' float32[N,3,6,5] -> %x: f32[3,6,5]\n"
        "%r: f32[3,6,5] = conv(%x, w=[3,1,3,3], groups=3, stride=1x1, pads=1,1,1,1, relu)\n"
        "%k: f32[3,6,5] = add(%r, %x, clip=-inf..1.5)\n"
        "%q: f32[3,7,7] = pad(%k, pads=1,0,0,2, value=1)\n"
        "%m: f32[3,3,3] = maxpool(%q, kernel=3x2, stride=2x2, dilation=1x2)\n"
        "%g: f32[3,1,1] = avgpool(%m, kernel=3x3, stride=1x1)\n"
        "%y: f32[4,1,1] = dense(%g, w=[4,3,1,1])\n"
        "%z: f32[1,1,1] = argmax(%y)\n"
        "output 'y' [N,4] <- %y\n"
        "output 'z' [N,1] <- %z\n"
    )


def test_text_of_a_graph_that_is_not_simplified(tmp_path: Path) -> None:
    nodes = [
        node("Mul", ["x", "s"], ["m"]),
        node("Relu", ["m"], ["r"]),
        node("AveragePool", ["r"], ["p"], kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1),
        node("Softmax", ["p"], ["y"], axis=1),
    ]
    graph = frontend.read(save(model(nodes, {"x": (3, 4, 4)}, ["y"], {"s": np.float32(2)}), tmp_path))
    assert dump(graph).splitlines()[2:] == [
        "%m: f32[3,4,4] = batchnorm(%x, scale=[3], shift=[3])",
        "%r: f32[3,4,4] = activation(%m, relu)",
        "%p: f32[3,4,4] = avgpool(%r, kernel=2x2, stride=1x1, pads=1,1,0,0)",
        "output 'y' [N,3,4,4] <- %p, then on the host: Softmax(axis=1)",
    ]
