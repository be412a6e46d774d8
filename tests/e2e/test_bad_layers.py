"""Operators beyond convolution that cannot be built: one message, exit code 2, nothing left; and odd cases that can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from e2e_models import normal, save_calib, save_model
from e2e_run import done, listing, refused
from onnx import TensorProto, helper, numpy_helper, shape_inference

Nodes = list[onnx.NodeProto]
IMAGE, STEPS = (4, 6, 5), (7, 5)
node = helper.make_node


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def model(nodes: Nodes, shape: tuple[int, ...], constants: dict[str, Any], output: str = "y") -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_empty_tensor_value_info(output)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 8
    try:
        (found,) = shape_inference.infer_shapes(made).graph.output
    except shape_inference.InferenceError:
        found = graph.output[0]
    sizes = [axis.dim_value or 1 for axis in found.type.tensor_type.shape.dim] or [1, 1]
    kind = found.type.tensor_type.elem_type
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info(output, kind, ["N", *sizes[1:]]))
    return made


def lstm(**changed: Any) -> tuple[Nodes, tuple[int, ...], dict[str, Any]]:
    """An LSTM of two units whose initial state is i, if there is one."""
    constants = {"w": normal(1, 8, 5), "r": normal(1, 8, 2), **changed}
    given = ["t", "w", "r", "", "", "i"] if "i" in changed else ["t", "w", "r"]
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        node("LSTM", given, ["h"], name="cell", hidden_size=2),
        node("Transpose", ["h"], ["y"], perm=[2, 0, 1, 3]),
    ]
    return nodes, STEPS, constants


def heads() -> Nodes:
    return [
        node("Reshape", ["x", "h"], ["q"]), node("Reshape", ["x", "g"], ["k"]),
        node("Transpose", ["k"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["q", "t"], ["y"], name="scores"),
    ]  # fmt: skip


def resize(sizes: Any, **more: Any) -> tuple[Nodes, tuple[int, ...], dict[str, Any]]:
    where = ["x", "", "s"] if np.asarray(sizes).dtype == np.float32 else ["x", "", "", "s"]
    return [node("Resize", where, ["y"], name="up", **more)], IMAGE, {"s": sizes}


def holed(*shape: int) -> np.ndarray:
    array = normal(*shape)
    array.flat[0] = np.nan
    return array


FOUR = np.array([1, 1, 2, 2], np.float32)
HUGE = np.array([1, 1, 1e9, 1e9], np.float32)
CASES: dict[str, tuple[tuple[Nodes, tuple[int, ...], dict[str, Any]], str]] = {
    "mismatched heads": ((heads(), (6, 8), {"h": ints(0, 2, 6, 4), "g": ints(0, 4, 3, 4)}), "scores (MatMul): inputs"),
    "initial state": (lstm(i=normal(1, 1, 2)), "cell (LSTM): its initial state is not zero"),
    "activations": (
        ([node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
          node("LSTM", ["t", "w", "r"], ["h"], name="cell", hidden_size=2, activations=[b"\xff", b"Tanh", b"Tanh"]),
          node("Transpose", ["h"], ["y"], perm=[2, 0, 1, 3])], STEPS, lstm()[2]),
        "cell (LSTM): activations are",
    ),
    "lstm nan": (lstm(r=holed(1, 8, 2)), "'r'"),
    "lstm scalar": (lstm(r=np.float32(1)), "cell (LSTM): W (1, 8, 5) and R ()"),
    "cubic": (resize(FOUR, mode="cubic"), "up (Resize): mode is 'cubic'"),
    "huge": (resize(HUGE), "elements a sample, expected at most"),
    "aspect ratio": (resize(ints(9, 9), axes=[2, 3], keep_aspect_ratio_policy="not_larger"), "_policy is"),
    "axes": (resize(ints(9, 9), axes=[2, 9]), "up (Resize): scales or sizes are"),
    "concat of batches": (
        ([node("Relu", ["x"], ["r"]), node("Concat", ["x", "r"], ["y"], name="join", axis=0)], IMAGE, {}),
        "join (Concat): inputs",
    ),
    "values of topk": (
        ([node("TopK", ["x", "k"], ["v", "i"], name="best"), node("Relu", ["v"], ["y"])], IMAGE, {"k": ints(2)}),
        "best (TopK): its output 'v' is used",
    ),
    "topk of nothing": (
        ([node("TopK", ["x", "k"], ["v", "y"], name="best", axis=1)], IMAGE, {"k": ints()}), "best (TopK): K is 0",
    ),
    "nan slope": (([node("PRelu", ["x", "s"], ["y"])], IMAGE, {"s": holed(4, 1, 1)}), "'s'"),
    "nan constant": (([node("Add", ["x", "c"], ["y"])], IMAGE, {"c": holed(4, 6, 5)}), "'c'"),
    "nan attribute": (([node("Elu", ["x"], ["y"], name="e", alpha=float("nan"))], IMAGE, {}), "e (Elu): alpha"),
    "epsilon": (
        ([node("LayerNormalization", ["x", "g"], ["y"], name="n", epsilon=-1.0)], IMAGE, {"g": normal(5)}),
        "n (LayerNormalization): epsilon is -1",
    ),
    "border": (
        ([node("Pad", ["x", "p", "", "a"], ["y"], name="n")], IMAGE, {"p": ints(1, 1), "a": ints(9)}), "n (Pad): pads",
    ),
    "repeats": (([node("Tile", ["x", "p"], ["y"])], IMAGE, {"p": ints(1, 1, 2**20, 2**20)}), "elements a sample"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_models(case: str, tmp_path: Path) -> None:
    (nodes, shape, constants), needle = CASES[case]
    path, calib = save_model(tmp_path, model(nodes, shape, constants)), save_calib(tmp_path, x=normal(4, *shape))
    message = refused(2, "quantize", path, "--calib", calib, "-o", tmp_path / "n.hwq")
    assert needle in message and message.count(needle) == 1, message
    assert listing(tmp_path) == ["calib.npz", "net.onnx"]


@pytest.mark.parametrize("factor", [1e38, 3e38])
def test_values_that_leave_float32(factor: float, tmp_path: Path) -> None:
    made = model([node("Mul", ["x", "c"], ["m"]), node("Mul", ["m", "c"], ["y"])], IMAGE, {"c": np.float32([factor])})
    path, calib = save_model(tmp_path, made), save_calib(tmp_path, x=normal(4, *IMAGE))
    message = refused(2, "quantize", path, "--calib", calib, "-o", tmp_path / "n.hwq")
    assert "on these samples, expected numbers below 1e+37" in message
    assert listing(tmp_path) == ["calib.npz", "net.onnx"]


def quantised(folder: Path, nodes: Nodes, constants: dict[str, Any], x: np.ndarray) -> dict[str, Any]:
    path, calib = save_model(folder, model(nodes, x.shape[1:], constants)), save_calib(folder, x=x)
    done("quantize", path, "--calib", calib, "-o", folder / "n.hwq")
    done("simulate", folder / "n.hwq", calib, "-o", folder / "out.npz")
    with np.load(folder / "out.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize("op", ["Sigmoid", "Exp", "Tanh", "Softsign"])
def test_a_function_of_zeros(op: str, tmp_path: Path) -> None:
    """Samples that say nothing of a range are no error."""
    found = quantised(tmp_path, [node(op, ["x"], ["y"])], {}, np.zeros((4, *IMAGE), np.float32))
    np.testing.assert_allclose(found["y"], {"Sigmoid": 0.5, "Exp": 1.0}.get(op, 0.0), atol=0.01)


@pytest.mark.parametrize("op", ["LayerNormalization", "Softmax"])
def test_layers_over_zeros(op: str, tmp_path: Path) -> None:
    nodes = [node(op, ["x", *(["g"] if op != "Softmax" else [])], ["m"], axis=-1), node("Relu", ["m"], ["y"])]
    constants = {"g": normal(5)} if op != "Softmax" else {}
    found = quantised(tmp_path, nodes, constants, np.zeros((4, *IMAGE), np.float32))
    np.testing.assert_allclose(found["y"], 0.2 if op == "Softmax" else 0.0, atol=0.01)


def test_a_table_over_a_constant_tensor(tmp_path: Path) -> None:
    """Every channel of the convolution is a constant: its weights are zero."""
    nodes = [node("Conv", ["x", "w", "b"], ["c"]), node("Sigmoid", ["c"], ["y"])]
    constants = {"w": np.zeros((2, 4, 1, 1), np.float32), "b": np.array([0.5, -2.0], np.float32)}
    found = quantised(tmp_path, nodes, constants, normal(4, *IMAGE))
    want = 1 / (1 + np.exp(-constants["b"]))[None, :, None, None]
    np.testing.assert_allclose(found["y"], np.broadcast_to(want, found["y"].shape), atol=0.01)


@pytest.mark.icarus
@pytest.mark.parametrize("name", ["../up", "module", '"q"', "x_order", "a/b\\c", "$(x)"])
def test_names_made_from_those_of_nodes(name: str, tmp_path: Path) -> None:
    """Orders, factors, terms, phases and means within an operator; a tensor has such a name already."""
    nodes = [
        node("ConvTranspose", ["x", "w"], [name], strides=[2, 2]),
        node("Add", [name, "c"], [f"{name}_phases"]),
        node("AveragePool", [f"{name}_phases"], [f"{name}_order"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Concat", [f"{name}_order", name], [f"{name}_mean"], axis=1),
        node("Relu", [f"{name}_mean"], ["y"]),
    ]
    constants = {"w": normal(2, 1, 2, 2), "c": normal(1, 6, 4)}
    path = save_model(tmp_path, model(nodes, (2, 3, 2), constants))
    calib = save_calib(tmp_path, x=normal(4, 2, 3, 2))
    done("quantize", path, "--calib", calib, "-o", tmp_path / "n.hwq")
    done("generate", tmp_path / "n.hwq", "-o", tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "calib.npz", "n.hwq", "net.onnx"]
    assert done("verify", tmp_path / "b", "--sim", "icarus", "-n", 2, "--json").json["passed"]
