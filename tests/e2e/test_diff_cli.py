"""`hwq diff` and `hwq verify --record` on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from e2e_run import DIGITS, done, refused, run_hwq

from hwq.report import figure

LAYER_KEYS = {"name", "op", "shape", "only_in", "elements", "missing", "max_abs", "mean_abs", "worst"}


def test_float_against_program(digits_net: Path, tmp_path: Path) -> None:
    """Exit code 0 whatever the error; on calibration data it is that of the report."""
    plot = tmp_path / "diff.svg"
    words = ("diff", DIGITS / "model.onnx", digits_net, DIGITS / "calib.npz")
    value = done(*words, "--plot", plot, "--json").json
    assert (
        value["kind"] == "diff" and value["comparison"] == "real values" and value["passed"] and value["samples"] == 128
    )
    assert value["a"]["what"] == "float model" and value["b"]["what"] == "program" and value["b"]["digest"]
    assert plot.read_bytes().startswith(b"<?xml") and value["plot"] == str(plot)
    quantised = done("inspect", digits_net, "--json").json["text"]
    for layer in value["layers"]:
        assert f"%{layer['name']}:" in quantised and set(layer) >= LAYER_KEYS
    output = value["layers"][-1]
    assert output["name"] == "logits" and 35 < output["sqnr_db"] < 60 and 0.9 < output["agreement"] <= 1.0
    assert value["worst"] in [layer["name"] for layer in value["layers"]]
    run = done(*words, columns=80)
    assert all(len(line) <= 80 for line in run.out.splitlines()[2:])
    assert "Output logits: " in run.out and "argmax equal at" in run.out and "is made in" in run.out


@pytest.mark.icarus
def test_a_fault_in_the_hardware_is_located(tiny_net: Path, tiny_build: Path, tmp_path: Path) -> None:
    """From a build that fails to the first wrong integer, as docs/debugging.md goes."""
    bad, dump = tmp_path / "bad", tmp_path / "dump.npz"
    shutil.copytree(tiny_build, bad)
    (memory,) = bad.glob("rom/relu_weight.mem")
    words = memory.read_text("ascii").split()
    words[0] = f"{int(words[0], 16) ^ 0x10:0{len(words[0])}x}"
    memory.write_text("\n".join(words) + "\n", "ascii")
    failed = run_hwq("verify", bad, "--sim", "icarus", "-n", 2, "--record", dump, "--json")
    assert failed.code == 1 and failed.json["recording"] == str(dump)
    run = run_hwq("diff", tiny_net, dump, "--json")
    value = run.json
    assert run.code == 1 and not value["passed"] and value["first"] == "relu" and value["made_in"] == ["relu"]
    layers = {layer["name"]: layer for layer in value["layers"]}
    assert layers["x"]["different"] == 0 and layers["relu"]["made_here"] and layers["m_axis"]["op"] == "port"
    place = layers["relu"]["first"]
    assert set(place) == {"sample", "row", "column", "channel", "a", "b"} and place["a"] != place["b"]
    text = run_hwq("diff", tiny_net, dump, columns=80)
    assert text.code == 1 and all(len(line) <= 80 for line in text.out.splitlines()[2:])
    assert f"First difference: relu (conv), sample {place['sample']}, row {place['row']}," in text.out
    done("verify", tiny_build, "--sim", "icarus", "-n", 2, "--record", dump)
    assert "Equal: " in done("diff", tiny_net, dump).out
    assert "Equal: " in done("diff", tiny_build, dump).out


@pytest.mark.icarus
def test_recording_of_given_samples(tiny_files: tuple[Path, Path], tiny_build: Path, tmp_path: Path) -> None:
    """A float model against the RTL, with the samples that were recorded or with the integers alone."""
    model, calib = tiny_files
    dump = tmp_path / "dump.npz"
    done("verify", tiny_build, "--sim", "icarus", "-n", 3, "--data", calib, "--record", dump)
    given = done("diff", model, dump, calib, "--json").json
    alone = done("diff", model, dump, "--json").json
    assert (given["samples"], alone["samples"]) == (3, 3)
    assert given["layers"][0]["sqnr_db"] < 80 and (alone["layers"][0]["sqnr_db"] or 200) > 120
    other = tmp_path / "other.npz"
    np.savez(other, x=-np.load(calib)["x"])
    assert "was made with other samples" in refused(2, "diff", model, dump, other)


def test_what_is_refused(tiny_files: tuple[Path, Path], tiny_net: Path, tmp_path: Path) -> None:
    model, calib = tiny_files
    assert "neither brings inputs" in refused(2, "diff", model, tiny_net)
    assert "expected .svg or .png" in refused(2, "diff", model, tiny_net, calib, "--plot", tmp_path / "x.pdf")
    assert "is not a folder" in refused(2, "diff", model, tiny_net, calib, "--plot", tmp_path / "none" / "x.svg")
    assert "no such file" in refused(2, "diff", model, tmp_path / "none.hwq", calib).lower()
    assert "expected an array" in refused(2, "diff", model, tiny_net, DIGITS / "calib.npz")
    bad = tmp_path / "nan.npz"
    np.savez(bad, x=np.full((2, 2, 4, 4), np.nan))
    assert "NaN" in refused(2, "diff", model, tiny_net, bad)
    assert "pool: shape (4, 4, 16) in" in refused(2, "diff", DIGITS / "model.onnx", tiny_net, DIGITS / "calib.npz")


def test_a_plot_needs_matplotlib(
    tiny_files: tuple[Path, Path], tiny_net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure, "find_spec", lambda name: None)
    model, calib = tiny_files
    assert "leave --plot out" in refused(3, "diff", model, tiny_net, calib, "--plot", tmp_path / "x.png")
    done("diff", model, tiny_net, calib)
