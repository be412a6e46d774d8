"""`hwq export`: the golden model of the demo network, and golden files where a command takes a program."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from e2e_models import save_model, tiny
from e2e_run import DIGITS, done, listing, refused
from golden_models import check_equal

from hwq import api
from hwq.api.loading import load_program
from hwq.ir import serial
from hwq.verify import tools

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def digits_golden(digits_net: Path) -> Path:
    path = digits_net.with_name("golden.onnx")
    done("export", digits_net, "-o", path)
    return path


@pytest.fixture(scope="module")
def digits_data() -> dict[str, np.ndarray]:
    with np.load(DIGITS / "calib.npz") as archive:
        return {name: archive[name] for name in archive.files}


def test_digits_in_every_runtime(digits_net: Path) -> None:
    program = serial.load(digits_net)
    check_equal(program, {name: x[:20] for name, x in program.samples.items()})


def test_integers_and_real_values_are_those_of_simulate(
    digits_net: Path, digits_golden: Path, digits_data: dict[str, np.ndarray]
) -> None:
    program = serial.load(digits_net)
    want = api.simulate(program, digits_data)
    session = ort.InferenceSession(digits_golden, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    integers = want[f"{port.name}.int"].astype({"tensor(uint8)": np.uint8, "tensor(int8)": np.int8}[port.type])
    for output, got in zip(session.get_outputs(), session.run(None, {port.name: integers}), strict=True):
        assert np.array_equal(got, want[f"{output.name}.int"])
    real = digits_golden.with_name("real.onnx")
    shown = done("export", digits_net, "--format", "onnx", "--float", "-o", real, "--json").json
    assert shown["float"] is True and shown["bytes"] == real.stat().st_size
    assert shown["digest"] == serial.digest(program) == serial.digest(load_program(real))
    session = ort.InferenceSession(real, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    results = session.run(None, {port.name: digits_data[port.name].astype(np.float32)})
    for output, got in zip(session.get_outputs(), results, strict=True):
        assert np.array_equal(got, want[output.name])


def test_golden_file_stands_for_the_program(digits_net: Path, digits_golden: Path, tmp_path: Path) -> None:
    """Every command that takes NET.hwq takes golden.onnx, and does the same."""
    assert done("inspect", digits_golden).out == done("inspect", digits_net).out
    assert done("inspect", digits_golden, "--json").json["kind"] == "program"
    for number, net in enumerate((digits_net, digits_golden)):
        done("simulate", net, DIGITS / "calib.npz", "-o", tmp_path / f"{number}.npz")
        done("export", net, "-o", tmp_path / f"{number}.onnx")
        done("generate", net, "-o", tmp_path / f"build{number}")
    with np.load(tmp_path / "0.npz") as want, np.load(tmp_path / "1.npz") as got:
        assert want.files == got.files and all(np.array_equal(want[name], got[name]) for name in want.files)
    assert (tmp_path / "0.onnx").read_bytes() == (tmp_path / "1.onnx").read_bytes() == digits_golden.read_bytes()
    assert listing(tmp_path / "build0") == listing(tmp_path / "build1")
    for file in (tmp_path / "build0" / "rtl").iterdir():
        assert file.read_bytes() == (tmp_path / "build1" / "rtl" / file.name).read_bytes()


def test_the_file_shows_layers(digits_net: Path, digits_golden: Path) -> None:
    """Node and tensor names and texts are those of `hwq inspect`; Netron shows them."""
    model, program = onnx.load(digits_golden), serial.load(digits_net)
    nodes = [node for node in model.graph.node if node.domain == "hwq"]
    assert [node.name for node in nodes] == [op.name for op in program.ops]
    assert [node.op_type for node in nodes] == [op.kind for op in program.ops]
    lines = done("inspect", digits_net, columns=400).out.splitlines()
    assert [node.doc_string for node in nodes] == [line for line in lines if line.startswith("%")]
    assert {node.output[0] for node in nodes} <= {item.name for item in model.graph.value_info}


def test_the_page_runs(digits_golden: Path) -> None:
    """The Python text in docs/golden.md runs with onnxruntime and numpy alone."""
    page = (ROOT / "docs" / "golden.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert "hwq" not in code
    finished = tools.run(["python", "-c", code], cwd=digits_golden.parent, timeout=60)
    assert finished.returncode == 0 and re.search(r"\w+ u?int8 \(4, 10\)", finished.output), finished.output


def test_refusals(digits_net: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path, tiny())
    assert "carries no program, expected a golden model" in refused(2, "export", model, "-o", tmp_path / "o.onnx")
    assert "no such file" in refused(2, "export", tmp_path / "no.hwq", "-o", tmp_path / "o.onnx")
    assert "is not a folder" in refused(2, "export", digits_net, "-o", tmp_path / "no" / "o.onnx")
    assert "'--format'" in refused(2, "export", digits_net, "--format", "tflite", "-o", tmp_path / "o.onnx")
    assert listing(tmp_path) == ["net.onnx"]
