"""`hwq export --format c`: the demo network and trained ones, odd names, what is printed, refusals."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from c_models import check_c, compiled
from e2e_models import CHANNELS, SIZE, normal, save_calib, save_model, tiny
from e2e_run import DIGITS, done, refused
from test_odd_names import CASES as ODD

from hwq import api
from hwq.emit.cmodel import c_model
from hwq.ir import serial
from hwq.ir.program import quantise_inputs
from hwq.quant import Effort
from hwq.sim import simulate_plain
from hwq.verify import tools

MODELS = Path(__file__).parents[3] / "shared" / "models"


@pytest.mark.compiler
def test_digits_on_all_test_images(digits_net: Path, tmp_path: Path) -> None:
    program = serial.load(digits_net)
    with np.load(DIGITS / "test.npz") as data:
        inputs = quantise_inputs(program, {"image": data["image"]})
    check_c({"digits": (program, inputs)}, tmp_path, "-O2")


def test_the_command_writes_and_says_so(digits_net: Path, tmp_path: Path) -> None:
    """The folder is made, files of a former run are replaced, others stay."""
    folder = tmp_path / "new" / "c"
    lines = done("export", digits_net, "--format", "c", "-o", folder, "--name", "digits", columns=300).out.splitlines()
    made = c_model(serial.load(digits_net), "digits")
    sizes = f"{made.constant_bytes:,} bytes of constants, {made.working:,} to work in"
    names = f"{folder / 'hwq_digits.c'} and {folder / 'hwq_digits.h'}"
    assert lines == [f"{names}: 9 operations; static memory: {sizes}", "bit-exact, whatever the compiler"]
    (folder / "main.c").write_text("mine")
    (folder / "hwq_digits.h").write_text("old")
    limit = made.constant_bytes + made.working
    value = done(
        "export", digits_net, "--format", "c", "-o", folder, "--name", "digits", "--memory-limit", limit, "--json"
    ).json
    assert {path.name: path.read_text() for path in folder.iterdir()} == made.files | {"main.c": "mine"}
    assert value["files"] == ["hwq_digits.c", "hwq_digits.h"] and value["bytes"] == sum(map(len, made.files.values()))
    assert (value["constant_bytes"], value["working_bytes"]) == (made.constant_bytes, made.working)
    assert sum(value["constant_bytes_by_layer"].values()) == made.constant_bytes and value["inexact"] == {}


@pytest.mark.compiler
def test_examples_of_the_page(digits_net: Path, tmp_path: Path) -> None:
    """What docs/c.md shows compiles and runs, with a trace and without one."""
    page = (Path(__file__).parents[2] / "docs" / "c.md").read_text("utf-8")
    program, trace = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    done("export", digits_net, "--format", "c", "-o", tmp_path, "--name", "digits")
    (tmp_path / "main.c").write_text(program)
    compiled(["main.c", "hwq_digits.c"], tmp_path)
    shown = tools.run([str(tmp_path / "model")], cwd=tmp_path, timeout=60).output.splitlines()
    want = simulate_plain(serial.load(digits_net), {"image": np.zeros((1, 8, 8, 1), np.int64)})["logits"]
    assert [int(line) for line in shown] == want.ravel().tolist()
    (tmp_path / "main.c").write_text(f"{program.replace('int main', trace + 'int main')}")
    compiled(["main.c", "hwq_digits.c"], tmp_path, "-DHWQ_DIGITS_TRACE", "-Wno-unused-parameter")
    traced = tools.run([str(tmp_path / "model")], cwd=tmp_path, timeout=60).output.splitlines()
    assert traced[0] == "stem: 1024 elements of 1 bytes" and traced[-10:] == shown and len(traced) == 19


def test_refusals(digits_net: Path, tmp_path: Path) -> None:
    words = ("export", digits_net, "--format", "c", "-o", tmp_path / "c")
    assert "always takes and gives integers" in refused(2, *words, "--float")
    assert "--name 'int'" in refused(2, *words, "--name", "int")
    assert "bytes of static memory" in refused(2, *words, "--memory-limit", 4000)
    assert not list(tmp_path.iterdir())
    assert "Leave .c out" in refused(2, *words[:-1], tmp_path / "net.c")
    (tmp_path / "file").write_text("")
    assert "cannot be made a folder" in refused(2, *words[:-1], tmp_path / "file")
    (tmp_path / "c" / "hwq_model.h").mkdir(parents=True)
    assert "is a folder, expected a file" in refused(2, *words)
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["hwq_model.h"]
    for option in (("--name", "a"), ("--memory-limit", 1)):
        message = refused(2, "export", digits_net, "-o", tmp_path / "n.onnx", *option)
        assert f"{option[0]}: is for --format c, found onnx" in message


@pytest.mark.compiler
@pytest.mark.parametrize("names", ODD.values(), ids=ODD)
def test_odd_names(names: tuple[str, ...], tmp_path: Path) -> None:
    model, calib = save_model(tmp_path, tiny(names)), save_calib(tmp_path, x=normal(8, CHANNELS, SIZE, SIZE))
    done("quantize", model, "--calib", calib, "-o", tmp_path / "n.hwq")
    program = serial.load(tmp_path / "n.hwq")
    check_c({"odd": (program, program.samples)}, tmp_path / "c")


TRAINED = {"cifar10_resnet8": 200, "mlkws_gru_s": 60, "mnist_lstm": 60, "kwt1_transformer": 2}
"""Networks of the shared folder, and the evaluation samples of each that are computed."""


@pytest.mark.compiler
@pytest.mark.slow
@pytest.mark.skipif(
    not MODELS.is_dir(), reason="the trained models of ../shared are not here; they are no part of the repository"
)
@pytest.mark.parametrize("name", TRAINED)
def test_trained_networks(name: str, tmp_path: Path) -> None:
    """Every tensor of every sample."""
    model = MODELS / name / "model.onnx"
    port = onnx.load(model).graph.input[0].name
    program = api.quantize(model, {port: _samples(name, "calib", 16)}, Effort.FAST.config())
    check_c(
        {"net": (program, quantise_inputs(program, {port: _samples(name, "eval", TRAINED[name])}))}, tmp_path, "-O2"
    )


def _samples(name: str, split: str, count: int) -> np.ndarray:
    """The first samples of a split, as the script of the shared folder loads them."""
    spec = importlib.util.spec_from_file_location("shared_evaluate", MODELS / "evaluate.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return np.stack(script.load(name, split)[0][:count])
