"""Parts of models: those that the user names, and the one that is told when a model is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.helper import make_node as node
from onnx_models import model, refusal, run_graph, run_onnx, save, weights

from hwq import frontend
from hwq.errors import BadInput
from hwq.frontend.cut import Cut, samples_at
from hwq.passes import simplify

W = {"w": weights(4, 3, 3, 3), "v": weights(2, 4, 3, 3)}
IMAGE = (3, 8, 7)


def _three(middle: str) -> onnx.ModelProto:
    nodes = [
        node("Conv", ["x", "w"], ["a"], name="first"),
        node("Relu", ["a"], ["b"]),
        node(middle, ["b"], ["c"], name="middle"),
        node("Conv", ["c", "v"], ["y"], name="last"),
    ]
    return model(nodes, {"x": IMAGE}, ["y"], W)


@pytest.mark.parametrize("part", [Cut(outputs=("b",)), Cut(inputs=("b",)), Cut(("b",), ("c",)), Cut(("c",))], ids=str)
def test_part_computes_what_the_model_computes_there(part: Cut, tmp_path: Path) -> None:
    path = save(_three("Tanh"), tmp_path)
    x = np.random.default_rng(1).normal(0, 1, (3, *IMAGE)).astype(np.float32)
    graph = simplify(frontend.read(path, part))
    inputs = samples_at(path, part, {"x": x})
    whole = onnx.load(path)
    whole.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in ("b", "c"))
    wanted = run_onnx(save(whole, tmp_path, "whole.onnx"), {"x": x})
    assert isinstance(inputs, dict) and set(inputs) == set(part.inputs or ("x",))
    for name, found in run_graph(graph, inputs).items():
        np.testing.assert_allclose(found, wanted[name], atol=1e-4)
    assert [port.onnx_name for port in graph.outputs] == list(part.outputs or ("y",))


def test_samples_of_the_part_are_taken_as_they_are(tmp_path: Path) -> None:
    samples = {"b": np.zeros((1, 4, 6, 5), np.float32)}
    assert samples_at(save(_three("Tanh"), tmp_path), Cut(("b",)), samples) is samples


def test_samples_in_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "calib.npz", x=np.ones((2, *IMAGE), np.float32))
    found = samples_at(save(_three("Tanh"), tmp_path), Cut(("b",)), tmp_path / "calib.npz")
    assert isinstance(found, dict) and found["b"].shape == (2, 4, 6, 5)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 cut", b"\x93NUMPY\x01\x00\x10\x00((((((((((((((((", b"PK\x05\x06" + bytes(18)]
)
def test_samples_in_a_damaged_file(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "calib.npz").write_bytes(data)
    with pytest.raises(BadInput, match=r"calib\.npz"):
        samples_at(save(_three("Tanh"), tmp_path), Cut(("b",)), tmp_path / "calib.npz")


def test_a_refusal_names_the_part_before(tmp_path: Path) -> None:
    assert "--outputs b: this part of the model could be built, 2 layers" in refusal(_three("Hardmax"), tmp_path)


def test_a_refusal_names_the_part_behind(tmp_path: Path) -> None:
    nodes = [node("Hardmax", ["x"], ["a"], name="odd"), node("Conv", ["a", "w"], ["y"])]
    text = refusal(model(nodes, {"x": IMAGE}, ["y"], {"w": W["w"]}), tmp_path)
    assert "--inputs a: this part of the model could be built, 1 layers" in text


@pytest.mark.parametrize("part", [Cut(outputs=("nothing",)), Cut(inputs=("nothing",))], ids=str)
def test_unknown_tensors(part: Cut, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing: the model has no such tensor"):
        frontend.read(save(_three("Tanh"), tmp_path), part)
