"""Whole models: ends, constants, functions, several inputs and outputs, other types, fixed batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.helper import make_node as node
from onnx_models import check_equal, model, save, weights

from hwq.frontend.graph import Add, AvgPool, Conv, Dense, MaxPool

W33 = weights(4, 3, 3, 3)
IMAGE = (3, 8, 7)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize(("axis", "keep"), [(1, 1), (1, 0), (-3, 0)])
def test_argmax_of_an_image(axis: int, keep: int, tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["c"]), node("ArgMax", ["c"], ["y"], axis=axis, keepdims=keep)]
    made = model(nodes, {"x": IMAGE}, ["y"], {"w": W33})
    made.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    check_equal(save(made, tmp_path))


def test_argmax_takes_the_lowest_index_and_drops_softmax(tmp_path: Path) -> None:
    nodes = [
        node("Gemm", ["x", "w"], ["g"]),
        node("Softmax", ["g"], ["s"], axis=1),
        node("ArgMax", ["s"], ["a"], axis=-1, keepdims=0),
        node("Cast", ["a"], ["y"], to=TensorProto.INT32),
    ]
    made = model(nodes, {"x": (4,)}, ["y"], {"w": np.ones((4, 5), np.float32)})
    made.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    graph = check_equal(save(made, tmp_path))
    assert graph.outputs[0].host_ops == ()
    assert graph.outputs[0].onnx_shape == ()


def test_integer_input_that_is_cast(tmp_path: Path) -> None:
    nodes = [
        node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        node("Div", ["f", "c"], ["d"]),
        node("Conv", ["d", "w"], ["y"]),
    ]
    made = model(nodes, {"x": IMAGE}, ["y"], {"c": np.float32(255), "w": W33}, dtype=TensorProto.UINT8)
    inputs = {"x": np.random.default_rng(0).integers(0, 256, (3, *IMAGE)).astype(np.uint8)}
    graph = check_equal(save(made, tmp_path), inputs)
    assert graph.inputs[0].dtype == "uint8"
    assert [type(layer) for layer in graph.layers] == [Conv]


def test_two_inputs_and_two_outputs(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["a", "w"], ["c"], pads=[1] * 4),
        node("Add", ["c", "b"], ["s"]),
        node("Relu", ["s"], ["y"]),
        node("MaxPool", ["c"], ["z"], kernel_shape=[2, 2]),
    ]
    made = model(nodes, {"a": IMAGE, "b": (4, 8, 7)}, ["y", "z"], {"w": W33})
    graph = check_equal(save(made, tmp_path))
    assert [type(layer) for layer in graph.layers] == [Conv, Add, MaxPool]


def test_two_outputs_of_one_tensor(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["y"]), node("Flatten", ["y"], ["z"])]
    graph = check_equal(save(model(nodes, {"x": IMAGE}, ["y", "z"], {"w": W33}), tmp_path))
    assert [out.tensor for out in graph.outputs] == ["y", "y"]


def test_dead_nodes_are_left_out_whatever_they_are(tmp_path: Path) -> None:
    nodes = [node("Erf", ["x"], ["e"]), node("Relu", ["x"], ["y"])]
    assert len(check_equal(save(model(nodes, {"x": IMAGE}, ["y"]), tmp_path)).layers) == 1


def test_constants_are_folded(tmp_path: Path) -> None:
    nodes = [
        node("Constant", [], ["one"], value_float=1.0),
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axis"], ["n1"]),
        node("Concat", ["n1", "minus"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["flat"]),
        node("ConstantOfShape", ["size"], ["zeros"]),
        node("Add", ["zeros", "one"], ["ones"]),
        node("Mul", ["ones", "w"], ["w2"]),
        node("Transpose", ["w2"], ["w3"], perm=[1, 0]),
        node("MatMul", ["flat", "w3"], ["m"]),
        node("Add", ["m", "b"], ["y"]),
    ]
    size = int(np.prod(IMAGE))
    constants = {
        "zero": np.array(0, np.int64),
        "axis": ints(0),
        "minus": ints(-1),
        "size": ints(5, size),
        "w": weights(5, size),
        "b": weights(5),
    }
    graph = check_equal(save(model(nodes, {"x": IMAGE}, ["y"], constants), tmp_path))
    assert [type(layer) for layer in graph.layers] == [Dense]


def test_initialisers_that_are_graph_inputs_too(tmp_path: Path) -> None:
    made = model([node("Conv", ["x", "w"], ["y"])], {"x": IMAGE}, ["y"], {"w": W33})
    made.graph.input.append(onnx.helper.make_tensor_value_info("w", TensorProto.FLOAT, W33.shape))
    path = save(made, tmp_path)
    assert [item.onnx_name for item in check_equal(path).inputs] == ["x"]


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    made = model([node("Act", ["x"], ["y"], domain="local")], {"x": IMAGE}, ["y"], domains=["local"])
    opset = [onnx.helper.make_opsetid("", 17)]
    made.functions.append(onnx.helper.make_function("local", "Act", ["i"], ["o"], [node("Relu", ["i"], ["o"])], opset))
    check_equal(save(made, tmp_path))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_types(dtype: type, tmp_path: Path) -> None:
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [node("Gemm", ["x", "w"], ["y"])]
    made = model(nodes, {"x": (4,)}, ["y"], {"w": np.eye(4, 3, dtype=dtype)}, dtype=kind)
    made.graph.output[0].type.tensor_type.elem_type = kind
    assert check_equal(save(made, tmp_path)).inputs[0].dtype == np.dtype(dtype).name


def test_fixed_batch_in_reshape(tmp_path: Path) -> None:
    nodes = [node("Reshape", ["x", "s"], ["f"]), node("Gemm", ["f", "w"], ["y"])]
    size = int(np.prod(IMAGE))
    constants = {"s": ints(1, size), "w": weights(size, 2)}
    check_equal(save(model(nodes, {"x": IMAGE}, ["y"], constants, batch=1), tmp_path))


def test_average_of_both_axes_is_one_layer(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("ReduceMean", ["r"], ["h"], axes=[-1], keepdims=0),
        node("ReduceMean", ["h"], ["y"], axes=[-1], keepdims=0),
    ]
    graph = check_equal(save(model(nodes, {"x": IMAGE}, ["y"]), tmp_path))
    pools = [layer for layer in graph.layers if isinstance(layer, AvgPool)]
    assert [pool.kernel for pool in pools] == [(8, 7)]
