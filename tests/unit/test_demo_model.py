"""The shipped demo network (examples/digits): files, shapes, types, split, and float accuracy."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
FILES = ("README.md", "calib.npz", "model.onnx", "test.npz", "train.py")


def load(name: str) -> dict[str, NDArray[np.generic]]:
    with np.load(DIGITS / name, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return onnx.load(DIGITS / "model.onnx")


def test_files_are_there_and_small() -> None:
    sizes = {name: (DIGITS / name).stat().st_size for name in FILES}
    assert all(sizes.values())
    assert sum(sizes.values()) < 400_000


def test_model_is_valid_onnx_with_the_promised_versions(model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    assert not model.doc_string and not model.graph.doc_string
    assert not any(node.doc_string for node in model.graph.node)


def test_model_exercises_the_whole_flow(model: onnx.ModelProto) -> None:
    ops = Counter(node.op_type for node in model.graph.node)
    assert ops == {
        "Conv": 5, "BatchNormalization": 5, "Relu": 5, "Add": 1, "MaxPool": 1,
        "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1, "Softmax": 1,
    }  # fmt: skip
    groups = {node.name: {a.name: helper.get_attribute_value(a) for a in node.attribute}.get("group", 1)
              for node in model.graph.node if node.op_type == "Conv"}  # fmt: skip
    assert [name for name, group in groups.items() if group == 16] == ["dw_conv"]
    assert {"stem", "block1_add", "pool", "dw", "pw", "gap", "logits", "probs"} <= {
        output for node in model.graph.node for output in node.output
    }
    assert all([node.name] == list(node.output) for node in model.graph.node)


def test_model_ports(model: onnx.ModelProto) -> None:
    def port(value: onnx.ValueInfoProto) -> tuple[str, int, list[int | str]]:
        tensor = value.type.tensor_type
        return value.name, tensor.elem_type, [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]

    assert [port(value) for value in model.graph.input] == [("image", onnx.TensorProto.FLOAT, ["N", 1, 8, 8])]
    assert [port(value) for value in model.graph.output] == [("probs", onnx.TensorProto.FLOAT, ["N", 10])]


def test_model_weights(model: onnx.ModelProto) -> None:
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in weights.values())
    assert sum(value.size for name, value in weights.items() if ".running_" not in name) == 5930


def test_calibration_data() -> None:
    data = load("calib.npz")
    assert list(data) == ["image"]
    assert data["image"].shape == (128, 1, 8, 8) and data["image"].dtype == np.float32


def test_test_data() -> None:
    data = load("test.npz")
    assert sorted(data) == ["image", "label"]
    assert data["image"].shape == (450, 1, 8, 8) and data["image"].dtype == np.float32
    assert data["label"].shape == (450,) and data["label"].dtype == np.int64
    assert np.bincount(data["label"], minlength=10).min() >= 40


@pytest.mark.parametrize("name", ["calib.npz", "test.npz"])
def test_images_hold_the_raw_values(name: str) -> None:
    image = load(name)["image"]
    assert np.array_equal(image, np.round(image))
    assert image.min() == 0 and image.max() == 16


def test_no_calibration_image_is_in_the_test_split() -> None:
    calib = {image.tobytes() for image in load("calib.npz")["image"]}
    assert calib.isdisjoint(image.tobytes() for image in load("test.npz")["image"])


def test_float_accuracy() -> None:
    data = load("test.npz")
    session = onnxruntime.InferenceSession(DIGITS / "model.onnx", providers=["CPUExecutionProvider"])
    (probs,) = session.run(["probs"], {"image": data["image"]})
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, atol=1e-5)
    assert (probs.argmax(axis=1) == data["label"]).mean() >= 0.98
