"""Models and data that cannot be used: one clear message, exit code 2, nothing left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from e2e_models import CHANNELS, CLASSES, HIDDEN, SIZE, normal, save_calib, save_model, tiny
from e2e_run import done, listing, refused
from onnx import TensorProto, external_data_helper, helper

Broken = Callable[[Path], Path]


def _text(folder: Path) -> Path:
    path = folder / "net.onnx"
    path.write_text("This is not a model.\n")
    return path


def _truncated(folder: Path) -> Path:
    path = save_model(folder, tiny())
    path.write_bytes(path.read_bytes()[:-40])
    return path


def _unsupported(folder: Path) -> Path:
    names = ("x", "conv", "relu", "pool", "flat", "logits")
    extra = [
        helper.make_node("Sinh", ["logits"], ["s"], name="wave[red]"),
        helper.make_node("Cosh", ["s"], ["t"], name="/dec/other"),
    ]
    made = tiny(names, extra=extra)
    made.graph.output[0].name = "t"
    return save_model(folder, made)


def _weight(value: float) -> Broken:
    weight = normal(HIDDEN, CHANNELS, 3, 3)
    weight[0, 0, 1, 1] = value
    return lambda folder: save_model(folder, tiny(weight=weight))


def _outside(folder: Path) -> Path:
    made = tiny()
    (folder.parent / "outside.bin").write_bytes(b"\0" * 10_000)
    tensor = next(one for one in made.graph.initializer if one.name == "w")
    external_data_helper.set_external_data(tensor, location="../outside.bin", length=len(tensor.raw_data))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return save_model(folder, made)


MODELS: dict[str, tuple[Broken, list[str]]] = {
    "missing": (lambda folder: folder / "none.onnx", ["none.onnx", "No such file"]),
    "folder": (lambda folder: folder, ["Is a directory"]),
    "text": (_text, ["net.onnx", "not an ONNX model"]),
    "truncated": (_truncated, ["net.onnx", "cut short"]),
    "unsupported": (_unsupported, ["wave[red]", "Sinh", "/dec/other", "Cosh"]),
    "opset 8": (lambda folder: save_model(folder, tiny(opset=8)), ["operator set [8]", "9 to"]),
    "opset 999": (lambda folder: save_model(folder, tiny(opset=999)), ["operator set [999]"]),
    "dynamic": (lambda folder: save_model(folder, tiny(size="width")), ["x", "width"]),
    "nan weight": (_weight(np.nan), ["'w'", "NaN"]),
    "infinite weight": (_weight(np.inf), ["'w'", "infinity"]),
    "external": (_outside, ["w", "outside"]),
}


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.parametrize("command", ["quantize", "build", "inspect"])
def test_models(case: str, command: str, tmp_path: Path) -> None:
    make, needles = MODELS[case]
    (tmp_path / "work").mkdir()
    model = make(tmp_path / "work")
    options = [] if command == "inspect" else ["--calib", save_calib(tmp_path), "-o", tmp_path / "out"]
    before = listing(tmp_path)
    message = refused(2, command, model, *options)
    assert all(needle in message for needle in needles), message
    assert listing(tmp_path) == before


GOOD = normal(8, CHANNELS, SIZE, SIZE)
WITH_NAN = np.where(np.arange(GOOD.size).reshape(GOOD.shape) == 7, np.float32(np.nan), GOOD)
DATA: dict[str, tuple[dict[str, np.ndarray], list[str]]] = {
    "shape": ({"x": normal(8, CHANNELS, SIZE, SIZE + 1)}, ["'x'", f"(8, 2, 4, {SIZE + 1})", "(n,2,4,4)"]),
    "no batch": ({"x": GOOD[0]}, ["'x'", "(2, 4, 4)"]),
    "name": ({"image": GOOD, "label": np.zeros(8)}, ["'image', 'label'", "'x'"]),
    "text": ({"x": GOOD.astype(str)}, ["'x'", "type"]),
    "complex": ({"x": GOOD.astype(complex)}, ["'x'", "complex128"]),
    "empty": ({"x": GOOD[:0]}, ["'x'", "no samples"]),
    "nan": ({"x": WITH_NAN}, ["'x'", "NaN"]),
}


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("command", ["quantize", "simulate", "build", "verify"])
def test_data(case: str, command: str, tiny_files: tuple[Path, Path], tiny_build: Path, tmp_path: Path) -> None:
    arrays, needles = DATA[case]
    data = save_calib(tmp_path, "bad.npz", **arrays)
    words = {
        "quantize": [tiny_files[0], "--calib", data, "-o", tmp_path / "out"],
        "simulate": [tiny_build / "net.hwq", data, "-o", tmp_path / "out"],
        "build": [tiny_files[0], "--calib", data, "-o", tmp_path / "out", "--sim", "icarus"],
        "verify": [tiny_build, "--data", data, "--sim", "icarus"],
    }[command]
    before = listing(tmp_path)
    message = refused(2, command, *words)
    assert "bad.npz" in message and all(needle in message for needle in needles), message
    assert listing(tmp_path) == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"x,y\n1,2\n"])
def test_data_that_are_no_archive(content: bytes, tiny_net: Path, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    assert "data.npz: not an npz archive" in refused(
        2, "simulate", tiny_net, tmp_path / "data.npz", "-o", tmp_path / "o"
    )
    assert listing(tmp_path) == ["data.npz"]


def test_pickled_data_are_never_loaded(tiny_net: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.array([{}, None], object))
    assert "not an npz archive of plain arrays" in refused(
        2, "simulate", tiny_net, tmp_path / "data.npz", "-o", tmp_path / "o"
    )


@pytest.mark.icarus
@pytest.mark.parametrize(
    "weight",
    [
        pytest.param(np.zeros((HIDDEN, CHANNELS, 3, 3), np.float32), id="all zero"),
        pytest.param(normal(HIDDEN, CHANNELS, 3, 3) * np.float32([[[[0]]], [[[1]]], [[[1]]]]), id="a constant channel"),
    ],
)
@pytest.mark.parametrize("scale", ["pow2", "fixed"])
def test_degenerate_weights_still_build(weight: np.ndarray, scale: str, tmp_path: Path) -> None:
    """They are no error: a trained network may have dead channels. The hardware is bit-exact all the same."""
    model, calib = save_model(tmp_path, tiny(weight=weight)), save_calib(tmp_path)
    words = ["build", model, "--calib", calib, "-o", tmp_path / "b", "--sim", "icarus", "-n", 2, "--scale", scale]
    assert done(*words, "--json").json["passed"]


@pytest.mark.icarus
def test_a_constant_input_channel_still_builds(tmp_path: Path) -> None:
    data = GOOD.copy()
    data[:, 0] = 0
    calib = save_calib(tmp_path, x=data)
    model = save_model(tmp_path, tiny())
    assert done("build", model, "--calib", calib, "-o", tmp_path / "b", "--sim", "icarus", "-n", 2, "--json").json[
        "passed"
    ]


@pytest.mark.parametrize("damage", ["cut", "overwritten", "text", "onnx"])
def test_damaged_programs(damage: str, tiny_net: Path, tmp_path: Path) -> None:
    content = tiny_net.read_bytes()
    middle = len(content) // 2
    bad = {
        "cut": content[:middle],
        "overwritten": content[:middle] + b"\xff" * 64 + content[middle + 64 :],
        "text": b"net",
        "onnx": tiny().SerializeToString(),
    }[damage]
    (tmp_path / "bad.hwq").write_bytes(bad)
    for words in (["generate", tmp_path / "bad.hwq", "-o", tmp_path / "b"], ["inspect", tmp_path / "bad.hwq"]):
        assert "bad.hwq: " in refused(2, *words)
    assert listing(tmp_path) == ["bad.hwq"]


OPTIONS: dict[str, tuple[list[object], str]] = {
    "fps alone": (["--fps", 100], "--fps and --clock"),
    "two sizes": (["--cycles", 9, "--multipliers", 9], "cycles and multipliers"),
    "fps and cycles": (["--fps", 1, "--clock", 1, "--cycles", 9], "--fps"),
    "fps zero": (["--fps", 0, "--clock", 1], "positive"),
    "fps nan": (["--fps", "nan", "--clock", 1], "positive"),
    "too fast": (["--cycles", 1], "relu: 1 cycles a frame asked for"),
    "too few": (["--multipliers", 1], "expected at least 2"),
    "negative": (["--cycles", -1], "--cycles"),
    "no frames": (["--frames", 0], "--frames"),
    "no folding": (["--folding", "none.json"], "none.json"),
    "unknown": (["--colour"], "--colour"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_of_generate(case: str, tiny_net: Path, tmp_path: Path) -> None:
    words, needle = OPTIONS[case]
    assert needle in refused(2, "generate", tiny_net, "-o", tmp_path / "b", *words)
    assert listing(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("{", "not a readable JSON"),
        ("[]", "object"),
        ('{"conv[1]": {}}', "conv[1]"),
        ('{"relu": {"pe": 99}}', "pe is 99"),
    ],
)
def test_folding_files(text: str, needle: str, tiny_net: Path, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(text)
    message = refused(2, "generate", tiny_net, "-o", tmp_path / "b", "--folding", tmp_path / "f.json")
    assert "f.json" in message and needle in message
    assert listing(tmp_path) == ["f.json"]


@pytest.mark.parametrize(
    "words",
    [
        ["--weight-bits", 0], ["--act-bits", 17], ["--percentile", 20], ["--scale", "pow3"], ["--rounding", "up"],
        ["--weight-bits", "eight"], ["--head", "softmax"],
    ],
    ids=str,
)  # fmt: skip
def test_options_of_quantize(words: list[object], tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    message = refused(2, "quantize", tiny_files[0], "--calib", tiny_files[1], "-o", tmp_path / "n.hwq", *words)
    assert str(words[0]) in message
    assert listing(tmp_path) == []


def test_a_refusal_leaves_no_file_of_options(tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    """`--write-config` writes what was used, after it was."""
    (tmp_path / "o.toml").write_text('[[layer]]\nmatch = "nothing*"\nact_bits = 6\n')
    words = ["--config", tmp_path / "o.toml", "--write-config", tmp_path / "w.toml", "-o", tmp_path / "n.hwq"]
    assert "nothing*" in refused(2, "quantize", tiny_files[0], "--calib", tiny_files[1], *words)
    assert listing(tmp_path) == ["o.toml"]


@pytest.mark.parametrize(
    "change",
    [
        {"top": "os"},
        {"top": ["x"]},
        {"bound": {"least": {}, "binds": "x"}},
        {"bound": {"least": 0, "binds": "x"}},
        {"bound": {"least": 9, "binds": 1}},
        {"bound": [9]},
        {"device": ["x"]},
    ],
    ids=str,
)
def test_damaged_builds(change: dict[str, object], tiny_build: Path, tmp_path: Path) -> None:
    """Told before a simulator starts."""
    shutil.copytree(tiny_build, tmp_path / "b")
    path = tmp_path / "b" / "hwq-build.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    before = listing(tmp_path)
    for words in (["verify", tmp_path / "b"], ["report", tmp_path / "b"]):
        assert "hwq-build.json" in refused(2, *words)
    assert listing(tmp_path) == before


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    made = tiny()
    made.graph.node.append(onnx.helper.make_node("Sinh", ["y"], ["z"], name="a\x1b[31m[bold]b"))
    made.graph.output[0].name = "z"
    assert made.graph.output[0].type.tensor_type.shape.dim[1].dim_value == CLASSES
    message = refused(2, "inspect", save_model(tmp_path, made))
    assert "\x1b" not in message and "[bold]" in message
