"""Models that hwq cannot build: every reason is told at once, each with its node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.helper import make_node as node
from onnx_models import check_equal, model, refusal, save, weights

IMAGE = (4, 8, 7)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def one(op: str, *extra: str, **attributes: Any) -> list[onnx.NodeProto]:
    return [node(op, ["x", *extra], ["y"], name="n", **attributes)]


# nodes, input shape, constants, operator set, text
CASES: list[tuple[list[onnx.NodeProto], tuple[int, ...], dict[str, Any], int, str]] = [
    (
        one("Conv", "w", group=2),
        IMAGE,
        {"w": weights(4, 2, 3, 3)},
        17,
        "n (Conv): group is 2, expected 1 or 4 (depthwise)",
    ),
    (
        one("Conv", "w", group=4),
        IMAGE,
        {"w": weights(8, 1, 3, 3)},
        17,
        "n (Conv): depthwise with 8 filters for 4 channels",
    ),
    (one("Conv", "w"), IMAGE, {"w": weights(4, 3, 3, 3)}, 17, "does not fit 4 input channels"),
    (one("Conv", "w"), IMAGE, {"w": weights(4, 4, 9, 9)}, 17, "n (Conv): kernel (9, 9) is larger"),
    (one("Conv", "w"), IMAGE, {"w": weights(4, 4, 3)}, 17, "n (Conv): weight has the shape"),
    (one("Conv", "w", "b"), IMAGE, {"w": weights(4, 4, 3, 3), "b": weights(3)}, 17, "n (Conv): bias has"),
    (one("Conv", "w", pads=[-1, 0, 0, 0]), IMAGE, {"w": weights(4, 4, 3, 3)}, 17, "n (Conv): pads is (-1"),
    (one("Conv", "w", strides=[1]), IMAGE, {"w": weights(4, 4, 3, 3)}, 17, "n (Conv): strides is (1,)"),
    (one("Conv", "w", kernel_shape=[3, 2]), IMAGE, {"w": weights(4, 4, 3, 3)}, 17, "n (Conv): kernel_shape"),
    (
        one("Conv", "w", auto_pad="SAME"),
        IMAGE,
        {"w": weights(4, 4, 3, 3)},
        17,
        "n (Conv): auto_pad is 'SAME'",
    ),
    (
        one("Conv", "w"),
        (4, 5, 6, 7),
        {"w": weights(4, 4, 3, 3, 3)},
        17,
        "n (Conv): input has the shape [N,4,5,6,7]",
    ),
    (one("Conv", "x"), IMAGE, {}, 17, "n (Conv): weight ('x') is computed at run time"),
    (
        one("Gemm", "w"),
        (4,),
        {"w": np.ones((4, 2), complex)},
        17,
        "n (Gemm): weight ('w') is of the type complex",
    ),
    (one("Gemm", "w", transA=1), (4,), {"w": weights(4, 2)}, 17, "n (Gemm): transA is 1"),
    (one("Gemm", "w"), (4,), {"w": weights(5, 2)}, 17, "n (Gemm): weight (5, 2) does not fit"),
    (one("Gemm", "w", "b"), (4,), {"w": weights(4, 2), "b": weights(3)}, 17, "n (Gemm): bias has"),
    (
        [node("MatMul", ["w", "x"], ["y"], name="n")],
        (4,),
        {"w": weights(2, 1)},
        17,
        "n (MatMul): the constant",
    ),
    ([node("MatMul", ["x", "x"], ["y"], name="n")], (4, 4), {}, 17, "n (MatMul): both inputs depend"),
    (one("MatMul", "w"), (3, 4), {"w": weights(3, 4, 2)}, 17, "n (MatMul): weight (3, 4, 2) does not fit"),
    (one("Mul", "x"), IMAGE, {}, 17, "n (Mul): both inputs depend"),
    (one("Add", "c"), (4,), {"c": weights(3, 1, 4)}, 17, "n (Add): constant of shape (3, 1, 4)"),
    (one("Div", "c"), IMAGE, {"c": np.zeros(1, np.float32)}, 17, "n (Div): divisor holds a zero"),
    ([node("Div", ["c", "x"], ["y"], name="n")], IMAGE, {"c": np.float32(1)}, 17, "n (Div): a constant is"),
    (
        one("Clip", "lo", "hi"),
        IMAGE,
        {"lo": np.float32(2), "hi": np.float32(1)},
        17,
        "n (Clip): bounds are 2.0",
    ),
    (one("Clip", "lo"), IMAGE, {"lo": np.float32(np.nan)}, 17, "n (Clip): min"),
    (one("Max", "c"), IMAGE, {"c": weights(4, 1, 1)}, 17, "n (Max): bound has the shape (4, 1, 1)"),
    (one("Max", "x"), IMAGE, {}, 17, "n (Max): inputs are two tensors"),
    (one("AveragePool", kernel_shape=[3, 3], pads=[1] * 4), IMAGE, {}, 17, "n (AveragePool): pads are"),
    (
        one("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        IMAGE,
        {},
        17,
        "n (AveragePool): ceil_mode 1",
    ),
    (one("AveragePool", kernel_shape=[2, 2], dilations=[2, 2]), IMAGE, {}, 19, "n (AveragePool): dilations"),
    (one("MaxPool", kernel_shape=[2, 2], pads=[2] * 4), IMAGE, {}, 17, "n (MaxPool): pads are (2, 2, 2, 2)"),
    (one("ReduceMean", axes=[1]), IMAGE, {}, 17, "n (ReduceMean): the mean runs over channels"),
    (one("ReduceMean", axes=[0, 2]), IMAGE, {}, 17, "n (ReduceMean): axes are (0, 2)"),
    (one("ReduceMean"), IMAGE, {}, 17, "n (ReduceMean): axes are ()"),
    (
        one("Pad", "p", mode="reflect"),
        IMAGE,
        {"p": ints(0, 0, 1, 1, 0, 0, 1, 1)},
        17,
        "n (Pad): mode is 'reflect'",
    ),
    (one("Pad", "p"), IMAGE, {"p": ints(0, 1, 0, 0, 0, 0, 0, 0)}, 17, "n (Pad): pads are (0, 1"),
    (one("Pad", "p"), IMAGE, {"p": ints(0, 0, -1, 0, 0, 0, 0, 0)}, 17, "n (Pad): pads are (0, 0, -1"),
    (one("Cast", to=TensorProto.INT8), IMAGE, {}, 17, "n (Cast): casts to INT8"),
    (one("ArgMax", axis=0), IMAGE, {}, 17, "n (ArgMax): axis is 0"),
    (
        [node("Conv", ["x", "w"], ["c"]), node("ArgMax", ["c"], ["y"], axis=3, name="n")],
        IMAGE,
        {"w": weights(2, 4, 1, 1)},
        17,
        "n (ArgMax): input is (7, 2, 8)",
    ),
    (one("ArgMax", axis=1, select_last_index=1), IMAGE, {}, 17, "n (ArgMax): select_last_index is 1"),
    (one("Softmax", axis=0), IMAGE, {}, 17, "n (Softmax): axis is 0"),
    (one("Softmax", axis=1), IMAGE, {}, 9, "n (Softmax): it runs over the axes [1, 2, 3]"),
    (
        [node("Softmax", ["x"], ["s"]), node("Relu", ["s"], ["y"], name="r")],
        (4,),
        {},
        17,
        "r (Relu): it follows Softmax",
    ),
    (
        [node("Softmax", ["x"], ["s"], axis=3), node("ArgMax", ["s"], ["y"], name="a", axis=1)],
        IMAGE,
        {},
        17,
        "a (ArgMax): axis is 1 after Softmax(axis=3)",
    ),
    (
        [node("ArgMax", ["x"], ["s"], axis=1), node("ArgMax", ["s"], ["y"], axis=1, name="a")],
        IMAGE,
        {},
        17,
        "a (ArgMax): it follows ArgMax",
    ),
    (
        [
            node("Dropout", ["x"], ["d", "m"], name="d"),
            node("Cast", ["m"], ["c"], to=1),
            node("Add", ["d", "c"], ["y"]),
        ],
        IMAGE,
        {},
        13,
        "d (Dropout): its output 'm' is used",
    ),
    (one("Dropout", "", "t"), IMAGE, {"t": np.array(True)}, 13, "n (Dropout): training_mode is on"),
    (
        one("BatchNormalization", "g", "g", "g", "g"),
        IMAGE,
        {"g": weights(3)},
        17,
        "n (BatchNormalization): param",
    ),
    (
        one("BatchNormalization", "g", "g", "g", "v"),
        IMAGE,
        {"g": weights(4), "v": np.full(4, -1, np.float32)},
        17,
        "n (BatchNormalization): variance",
    ),
    (one("Identity"), IMAGE, {}, 17, "output 'y': an input as it stands"),
    (
        [node("Identity", ["c"], ["y"]), node("Relu", ["x"], ["z"])],
        IMAGE,
        {"c": weights(2)},
        17,
        "output 'y': constant",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[-1][:40])
def test_refused(case: tuple, tmp_path: Path) -> None:
    nodes, shape, constants, opset, text = case
    outputs = ["y", "z"] if any("z" in item.output for item in nodes) else ["y"]
    assert text in refusal(model(nodes, {"x": shape}, outputs, constants, opset=opset), tmp_path)


def test_all_refusals_come_together(tmp_path: Path) -> None:
    nodes = [
        node("LeakyRelu", ["x"], ["a"], name="leak1"),
        node("Conv", ["a", "w"], ["b"], name="conv1", group=2),
        node("LeakyRelu", ["b"], ["c"], name="leak2"),
        node("Swish", ["c"], ["d"], name="swish", domain="com.example"),
        node("Relu", ["d"], ["e"], name="relu"),
        node("Softmax", ["c"], ["f"], name="soft"),
        node("MaxPool", ["f"], ["g"], name="pool", kernel_shape=[2, 2]),
        node("Add", ["g", "e"], ["y"], name="add"),
    ]
    constants = {"w": weights(4, 2, 3, 3)}
    made = model(nodes, {"x": IMAGE, "mask": (2,)}, ["y"], constants, domains=["com.example"])
    lines = refusal(made, tmp_path).splitlines()
    assert lines[0].startswith("input 'mask': nothing reads it")
    assert lines[1].startswith("conv1 (Conv): group is 2, expected 1 or 4")
    assert lines[2].startswith("pool (MaxPool): it follows Softmax")
    assert lines[3].startswith("leak1, leak2: operator LeakyRelu is not supported")
    assert lines[4].startswith("swish: operator Swish of domain com.example is not supported")
    assert lines[5].startswith("supported operators: Add, ")
    assert len(lines) == 6


def test_other_domain_without_operator_set(tmp_path: Path) -> None:
    made = model([node("Quant", ["x"], ["y"], name="q", domain="qonnx")], {"x": (4,)}, ["y"], domains=["qonnx"])
    del made.opset_import[1]
    assert "q: operator Quant of domain qonnx is not supported" in refusal(made, tmp_path)


@pytest.mark.parametrize("shape", [("C", 8, 8), (3, "H", "W"), (0,), (3, None, 4)])
def test_inputs_of_unknown_size(shape: tuple, tmp_path: Path) -> None:
    made = model([node("Relu", ["x"], ["y"])], {"x": shape}, ["y"])
    assert "input 'x': shape [N," in refusal(made, tmp_path)


def test_tensors_that_would_fill_the_memory(tmp_path: Path) -> None:
    huge = model([node("Relu", ["x"], ["y"])], {"x": (2**20, 2**20, 2**20)}, ["y"])
    assert "input 'x': shape [1, 1048576, 1048576, 1048576], expected at most" in refusal(huge, tmp_path)
    padded = model(one("MaxPool", kernel_shape=[2**30] * 2, pads=[2**29] * 4), {"x": IMAGE}, ["y"])
    assert "n (MaxPool): kernel_shape is (1073741824, 1073741824)" in refusal(padded, tmp_path)
    padded = model(one("Pad", "p"), {"x": IMAGE}, ["y"], {"p": ints(0, 0, 2**40, 0, 0, 0, 0, 0)})
    assert "n (Pad): tensor of" in refusal(padded, tmp_path)


def test_input_without_batch(tmp_path: Path) -> None:
    assert "input 'x': 1 axes" in refusal(model([node("Relu", ["x"], ["y"])], {"x": ()}, ["y"]), tmp_path)


def test_input_of_another_type(tmp_path: Path) -> None:
    made = model([node("Not", ["x"], ["y"])], {"x": (4,)}, ["y"], dtype=TensorProto.BOOL)
    assert "input 'x': type BOOL" in refusal(made, tmp_path)


def test_integer_input_that_is_not_cast(tmp_path: Path) -> None:
    made = model([node("Relu", ["x"], ["y"], name="n")], {"x": (4,)}, ["y"], dtype=TensorProto.INT32)
    assert "n (Relu): input is of an integer type" in refusal(made, tmp_path)


def test_model_without_output(tmp_path: Path) -> None:
    assert "the model has no output" in refusal(model([node("Relu", ["x"], ["y"])], {"x": (4,)}, []), tmp_path)


def test_strange_names_become_legal(tmp_path: Path) -> None:
    names = ["a b", "a/b", "A_B", "module", "日本語", "x" * 500, "x" * 501, "../../etc", "95", "std"]
    nodes = [
        node("Relu", [source], [target], name=target)
        for source, target in zip(["in put", *names[:-1]], names, strict=True)
    ]
    graph = check_equal(save(model(nodes, {"in put": (4,)}, ["std"]), tmp_path))
    assert graph.inputs[0].tensor == "in_put"
    assert graph.outputs[0].onnx_name == "std"
    assert graph.outputs[0].tensor == "t_std"


def test_colliding_names_of_several_layers(tmp_path: Path) -> None:
    nodes = [
        node("Gemm", ["x", "w"], ["a b"]),
        node("Gemm", ["a b", "w"], ["a/b"]),
        node("Gemm", ["a/b", "w"], ["A_B"]),
    ]
    graph = check_equal(save(model(nodes, {"x": (4,)}, ["A_B"], {"w": weights(4, 4)}), tmp_path))
    assert [layer.name for layer in graph.layers] == ["a_b", "a_b_2", "A_B_3"]
    assert [layer.source for layer in graph.layers] == ["a b (Gemm)", "a/b (Gemm)", "A_B (Gemm)"]
