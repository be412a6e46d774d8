"""Node and tensor names that no language takes: the build is legal, bit-exact, and keeps the user's names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from e2e_models import CHANNELS, SIZE, normal, save_calib, save_model, tiny
from e2e_run import done, refused
from onnx import helper

from hwq.verify import tools

LONG = "x" * 500
CASES = {
    "spaces and slashes": ("the input", "/enc/conv 1", "enc.conv 1", "a\\b", "../up", "out put/0"),
    "unicode": ("größe", "日本", "本日", "é", "e\u0301", "🙂"),
    "keywords": ("input", "module", "reg", "begin", "int", "output"),
    "own names": ("clk", "rst", "s_axis", "tb_net", "hwq_fifo", "m_axis_tdata"),
    "numpy's own": ("file", "args", "kwds", "conv", "arr_0", "allow_pickle"),
    "long": (LONG, f"{LONG}a", f"{LONG}b", f"{LONG}a1", f"{LONG}a2", f"{LONG}y"),
    "colliding": ("a b", "a/b", "a.b", "a_b", "A_B", "a__b"),
    "markup": ("[red]", "[/red]", "$(x)", "`y`", '"q"', "%s{x}"),
}


@pytest.fixture(params=CASES)
def named_build(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[tuple[str, ...], Path]:
    names = CASES[request.param]
    model = save_model(tmp_path, tiny(names))
    calib = save_calib(tmp_path, x=normal(8, CHANNELS, SIZE, SIZE))
    done("quantize", model, "--calib", calib, "-o", tmp_path / "n.hwq")
    done("generate", tmp_path / "n.hwq", "-o", tmp_path / "b")
    return names, tmp_path


def test_results_and_reports_keep_the_names(named_build: tuple[tuple[str, ...], Path]) -> None:
    names, folder = named_build
    first, *_, last = names
    done("simulate", folder / "n.hwq", folder / "calib.npz", "-o", folder / "out.npz")
    with np.load(folder / "out.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {f"{first}.int", last, f"{last}.int"}
        port = done("inspect", folder / "n.hwq", "--json").json["text"]
        assert repr(last) in port
        assert arrays[last].shape == arrays[f"{last}.int"].shape == (8, 4)
    sources = [row["source"] for row in done("report", folder / "b", "--json").json["layers"]]
    assert sources == [f"{names[1]} (Conv)", f"{names[3]} (MaxPool)", f"{last} (Gemm)"]
    text = done("report", folder / "b", columns=80).out
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.icarus
def test_icarus(named_build: tuple[tuple[str, ...], Path]) -> None:
    _, folder = named_build
    value = done("verify", folder / "b", "--sim", "icarus", "-n", 2, "--trace", "--json").json
    assert value["passed"] and value["samples"] == 2


@pytest.mark.verilator
def test_verilator_lint(named_build: tuple[tuple[str, ...], Path]) -> None:
    _, folder = named_build
    verilator = str(tools.require("verilator").path)
    build = folder / "b"
    tops = [path.stem.removeprefix("tb_") for path in (build / "tb").glob("tb_*.sv")]
    sources = [str(path) for path in sorted((build / "rtl").glob("*.sv"))]
    flags = ["--lint-only", "-Wall", "--timing", "--top-module", tops[0], "rtl/hwq_lint.vlt"]
    finished = tools.run([verilator, *flags, *sources], cwd=build, timeout=120)
    assert finished.returncode == 0 and "%Warning" not in finished.output, finished.output


def test_outputs_whose_results_would_share_a_name(tmp_path: Path) -> None:
    made = tiny(("x", "conv", "relu", "pool", "flat", "y"))
    made.graph.node.append(helper.make_node("Relu", ["y"], ["y.int"], name="r"))
    made.graph.output.add().CopyFrom(made.graph.output[0])
    made.graph.output[1].name = "y.int"
    model, calib = save_model(tmp_path, made), save_calib(tmp_path)
    done("quantize", model, "--calib", calib, "-o", tmp_path / "n.hwq")
    assert "share a name" in refused(2, "simulate", tmp_path / "n.hwq", calib, "-o", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()
