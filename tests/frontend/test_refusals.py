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
        one("Conv", "w", group=3),
        IMAGE,
        {"w": weights(4, 2, 3, 3)},
        17,
        "n (Conv): group is 3, expected a number that divides 4 channels and 4 filters",
    ),
    (
        one("Conv", "w", group=4),
        IMAGE,
        {"w": weights(6, 1, 3, 3)},
        17,
        "n (Conv): group is 4, expected a number that divides 4 channels and 6 filters",
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
    (one("MatMul", "w"), (3, 4), {"w": weights(3, 4, 2)}, 17, "n (MatMul): weight (3, 4, 2) does not fit"),
    (one("Add", "c"), (4,), {"c": weights(3, 1, 4)}, 17, "n (Add): constant of shape (3, 1, 4)"),
    (one("Div", "c"), IMAGE, {"c": np.zeros(1, np.float32)}, 17, "n (Div): divisor holds a zero"),
    (
        one("Clip", "lo", "hi"),
        IMAGE,
        {"lo": np.float32(2), "hi": np.float32(1)},
        17,
        "n (Clip): bounds are 2.0",
    ),
    (one("Clip", "lo"), IMAGE, {"lo": np.float32(np.nan)}, 17, "n (Clip): min"),
    (one("AveragePool", kernel_shape=[2, 2], dilations=[2, 2]), IMAGE, {}, 19, "n (AveragePool): dilations"),
    (one("MaxPool", kernel_shape=[2, 2], pads=[2] * 4), IMAGE, {}, 17, "n (MaxPool): pads are (2, 2, 2, 2)"),
    (one("ReduceMean", axes=[0, 2]), IMAGE, {}, 17, "n (ReduceMean): axes are (0, 2)"),
    (one("ReduceMean"), IMAGE, {}, 17, "n (ReduceMean): axes are ()"),
    (one("Cast", to=TensorProto.INT8), IMAGE, {}, 17, "n (Cast): casts to INT8"),
    (one("ArgMax", axis=0), IMAGE, {}, 17, "n (ArgMax): axis is 0"),
    (one("ArgMax", axis=1, select_last_index=1), IMAGE, {}, 17, "n (ArgMax): select_last_index is 1"),
    (one("Softmax", axis=0), IMAGE, {}, 17, "n (Softmax): axis is 0"),
    (one("Softmax", axis=1), IMAGE, {}, 9, "n (Softmax): it runs over the axes [1, 2, 3]"),
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
    (
        [node("MatMul", ["x", "r"], ["y"], name="n"), node("Relu", ["x"], ["r"])][::-1],
        (4, 3),
        {},
        17,
        "n (MatMul): inputs without batch are (4, 3) and (4, 3), which do not fit",
    ),
    (
        [node("ReduceMean", ["x"], ["r"], axes=[1], keepdims=0), node("Mul", ["x", "r"], ["y"], name="n")],
        IMAGE,
        {},
        17,
        "n (Mul): inputs without batch are (4, 8, 7) and (8, 7), expected the same number of axes",
    ),
    (one("Max", "c", "x"), IMAGE, {"c": weights(1)}, 17, "n (Max): has 3 inputs, expected 2"),
    (one("AveragePool", kernel_shape=[2, 2], pads=[2] * 4), IMAGE, {}, 17, "n (AveragePool): pads are (2, 2, 2, 2)"),
    (
        one("Pad", "p", mode="reflect"),
        IMAGE,
        {"p": ints(0, 0, 8, 0, 0, 0, 0, 0)},
        17,
        "n (Pad): pads are (0, 8, 0, 0, 0, 0), expected less than the size",
    ),
    (one("Pad", "p"), IMAGE, {"p": ints(1, 0, 0, 0, 0, 0, 0, 0)}, 17, "expected none on the batch axis"),
    (
        one("Slice", "s", "e", "a"),
        IMAGE,
        {"s": ints(5), "e": ints(9), "a": ints(1)},
        17,
        "n (Slice): makes a tensor of",
    ),
    (one("Slice", "s", "e", "a"), IMAGE, {"s": ints(1), "e": ints(2), "a": ints(0)}, 17, "none to be the batch axis"),
    (one("Gather", "i", axis=0), IMAGE, {"i": ints(0)}, 17, "n (Gather): axis is 0, expected one of 1 to 3"),
    (one("Resize", "", "s", mode="cubic"), IMAGE, {"s": np.ones(4, np.float32)}, 17, "n (Resize): mode is 'cubic'"),
    (
        one("Resize", "", "s", mode="linear"),
        IMAGE,
        {"s": np.array([1, 1, 1.5, 2], np.float32)},
        17,
        "n (Resize): linear at scales [1.0, 1.5, 2.0]",
    ),
    (
        [node("Relu", ["x"], ["r"]), node("Concat", ["x", "r"], ["y"], axis=0, name="n")],
        IMAGE,
        {},
        17,
        "n (Concat): inputs without batch are [(4, 8, 7), (4, 8, 7)] and axis 0",
    ),
    (
        [node("LogSoftmax", ["x"], ["s"]), node("Relu", ["s"], ["y"])],
        (4,),
        {},
        17,
        "(LogSoftmax): it is read by other operators",
    ),
    (
        [node("TopK", ["x", "k"], ["y", "i"], name="n")],
        (4,),
        {"k": ints(2)},
        17,
        "n (TopK): its output 'y' is used, which hwq does not compute",
    ),
    (
        [node("TopK", ["x", "k"], ["v", "y"], name="n")],
        (40,),
        {"k": ints(17)},
        17,
        "n (TopK): K is 17, expected 1 to 16",
    ),
    (one("LayerNormalization", "g", axis=1), (3, 4), {"g": weights(3, 4)}, 17, "n (LayerNormalization): axis is 1"),
    (one("PRelu", "s"), IMAGE, {"s": weights(4, 8, 7)}, 17, "n (PRelu): its slope differs from pixel to pixel"),
    (one("Pow", "e"), IMAGE, {"e": weights(4, 1, 1)}, 17, "n (Pow): exponent has the shape (4, 1, 1)"),
    (
        one("LSTM", "w", "r", hidden_size=2),
        (5, 3),
        {"w": weights(1, 8, 3), "r": weights(1, 8, 2)},
        17,
        "n (LSTM): input without batch is (5, 3), batch axis 0",
    ),
    (
        [
            node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
            node("GRU", ["t", "w", "r"], ["g"], name="n", hidden_size=2, activations=["Relu", "Tanh"]),
            node("Transpose", ["g"], ["y"], perm=[2, 0, 1, 3]),
        ],
        (5, 3),
        {"w": weights(1, 6, 3), "r": weights(1, 6, 2)},
        17,
        "n (GRU): activations are ('relu', 'tanh')",
    ),
    (
        [node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), node("Conv", ["t", "w"], ["y"], name="n")],
        (4, 7),
        {"w": weights(2, 4, 1)},
        17,
        "n (Conv): the batch is axis 1 of its input, expected axis 0",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[-1][:40])
def test_refused(case: tuple, tmp_path: Path) -> None:
    nodes, shape, constants, opset, text = case
    outputs = ["y", "z"] if any("z" in item.output for item in nodes) else ["y"]
    assert text in refusal(model(nodes, {"x": shape}, outputs, constants, opset=opset), tmp_path)


def test_all_refusals_come_together(tmp_path: Path) -> None:
    nodes = [
        node("Hardmax", ["x"], ["a"], name="det1"),
        node("Conv", ["a", "w"], ["b"], name="conv1", group=3),
        node("Hardmax", ["b"], ["c"], name="det2"),
        node("Swish", ["c"], ["d"], name="swish", domain="com.example"),
        node("Relu", ["d"], ["e"], name="relu"),
        node("LogSoftmax", ["x"], ["f"], name="soft"),
        node("MaxPool", ["f"], ["g"], name="pool", kernel_shape=[2, 2]),
        node("Add", ["g", "e"], ["y"], name="add"),
    ]
    constants = {"w": weights(4, 2, 3, 3)}
    made = model(nodes, {"x": IMAGE, "mask": (2,)}, ["y"], constants, domains=["com.example"])
    lines = refusal(made, tmp_path).splitlines()
    assert lines[0].startswith("input 'mask': nothing reads it")
    assert lines[1].startswith("conv1 (Conv): group is 3, expected a number that divides")
    assert lines[2].startswith("soft (LogSoftmax): it is read by other operators")
    assert lines[3].startswith("det1, det2: operator Hardmax is not supported")
    assert lines[4].startswith("swish: operator Swish of domain com.example is not supported")
    assert lines[5].startswith("supported operators: Abs, ")
    assert len(lines) == 6


def test_other_domain_without_operator_set(tmp_path: Path) -> None:
    made = model([node("Sharpen", ["x"], ["y"], name="q", domain="qonnx")], {"x": (4,)}, ["y"], domains=["qonnx"])
    del made.opset_import[1]
    assert "q: operator Sharpen of domain qonnx is not supported" in refusal(made, tmp_path)


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
