"""TFLite: files of TensorFlow's converter give what its interpreter gives; damaged ones are refused.

`benchmarks/peers/litert_files.py` made the files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import qonnx_nodes  # noqa: F401  (adds the operators of qonnx)
from plain_nodes import run_plain

from hwq import api
from hwq.errors import BadInput
from hwq.frontend.tflite import read_tflite
from hwq.frontend.tflite_file import OPERATORS, is_tflite, read_file

FOLDER = Path(__file__).parent / "tflite_files"
NAMES = ("perceptron", "residual", "averages", "padded", "activations")
TIES = ("averages",)
"""Networks whose average pooling has ties, which float32 does not see exactly."""


def _integers(name: str, real: np.ndarray) -> np.ndarray:
    """Real outputs on the grid of the file's output."""
    file = read_file(FOLDER / f"{name}.tflite")
    tensor = file.tensors[file.outputs[0]]
    return np.clip(np.rint(real / tensor.scale[0]) + tensor.zero_point[0], -128, 127).astype(np.int64)


def _equal(found: np.ndarray, wanted: np.ndarray) -> float:
    """Share of equal rows; integers that differ are neighbours."""
    assert np.abs(found - wanted.astype(np.int64)).max() <= 1
    return float((found == wanted).reshape(len(wanted), -1).all(1).mean())


@pytest.mark.parametrize("name", NAMES)
def test_models_are_valid_and_equal_the_interpreter(name: str) -> None:
    data, made = np.load(FOLDER / f"{name}.npz"), read_tflite(FOLDER / f"{name}.tflite")
    onnx.checker.check_model(made, full_check=not {node.op_type for node in made.graph.node} & {"Quant"})
    found = run_plain(made, data["x"])[made.graph.output[0].name]
    assert len(np.unique(data["y"])) > 20
    share = _equal(_integers(name, found), data["y"])
    assert share == 1 if name not in TIES else share > 0.3


@pytest.mark.parametrize("name", NAMES)
def test_programs_equal_the_interpreter(name: str) -> None:
    """Sums times a multiplier of 16 bits: where the model's own is a hair beside a tie, a neighbour may come out."""
    data = np.load(FOLDER / f"{name}.npz")
    inputs = {"x": data["x"]}
    program = api.quantize(FOLDER / f"{name}.tflite", inputs)
    (port,) = program.outputs
    found = api.simulate(program, inputs)[port.name]
    if name == "residual":
        assert [op.split("(")[0] for op in port.host_ops] == ["Softmax"]
        raised = np.exp(found - found.max(1, keepdims=True))
        found = raised / raised.sum(1, keepdims=True)
    assert _equal(_integers(name, found), data["y"]) >= 0.95


def test_graphs_keep_names_and_types() -> None:
    made = read_tflite(FOLDER / "perceptron.tflite")
    (entry,), (port,) = made.graph.input, made.graph.output
    assert entry.type.tensor_type.elem_type == onnx.TensorProto.INT8
    assert [axis.dim_param or axis.dim_value for axis in entry.type.tensor_type.shape.dim] == ["N", 16]
    assert port.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [node.op_type for node in made.graph.node if node.op_type in ("Gemm", "Relu")] == ["Gemm", "Relu", "Gemm"]


def test_unknown_operators_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, kind in list(OPERATORS.items()):
        if kind in ("ADD", "CONV_2D"):
            monkeypatch.delitem(OPERATORS, number)
    with pytest.raises(BadInput) as caught:
        read_tflite(FOLDER / "residual.tflite")
    lines = str(caught.value).splitlines()
    assert ["(operator 3): operator 3 is not supported, expected" in line for line in lines].count(True) == 2
    assert sum("(operator 0): operator 0 is not supported" in line for line in lines) == 1


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file or directory, expected a readable TFLite file"):
        read_tflite(tmp_path / "none.tflite")
    (tmp_path / "net.tflite").write_bytes(b"\0" * 40)
    with pytest.raises(BadInput, match="not a TFLite model, expected one of schema version 3"):
        read_tflite(tmp_path / "net.tflite")
    assert is_tflite((FOLDER / "padded.tflite").read_bytes()) and not is_tflite(b"")


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    whole, rng = np.frombuffer((FOLDER / f"{name}.tflite").read_bytes(), np.uint8), np.random.default_rng(7)
    path, refused = tmp_path / "net.tflite", 0
    for turn in range(150):
        data = whole.copy()
        data[rng.integers(8, len(data), 3)] = rng.choice([0, 1, 127, 128, 255], 3)
        path.write_bytes(data[: rng.integers(8, len(data)) if turn % 5 == 0 else len(data)].tobytes())
        try:
            read_tflite(path)
        except BadInput:
            refused += 1
    assert 30 < refused < 150
