"""Every command on the demo network or a tiny one: results, JSON, help, options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from e2e_models import CHANNELS, SIZE, normal, save_calib
from e2e_run import DIGITS, done, run_hwq

from hwq.cli import ORDER as COMMANDS
from hwq.ir import serial
from hwq.ops import Linear

VERIFY_KEYS = {
    "simulator", "samples", "mismatches", "cycles_per_frame", "cycles_formula", "latency", "latency_formula",
    "multipliers", "utilisation", "passed", "runs",
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_the_common_options(name: str) -> None:
    text = done(name, "--help").out
    assert f"Example: hwq {name}" in text
    assert "--json" in text and "--verbose" in text


def test_no_arguments_print_the_help() -> None:
    assert run_hwq() == run_hwq("--help")
    assert all(name in done().out for name in COMMANDS)


def test_version() -> None:
    assert done("--version").out.startswith("hwq ")


def test_quantize(tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    model, calib = tiny_files
    value = done("quantize", model, "--calib", calib, "-o", tmp_path / "a.hwq", "--json").json
    assert value["output"] == str(tmp_path / "a.hwq") and value["calibration_samples"] == 8
    assert [port["name"] for port in value["inputs"] + value["outputs"]] == ["x", "y"]
    assert all(db > 20 for db in value["sqnr_db"].values())
    done("quantize", model, "--calib", calib, "-o", tmp_path / "b.hwq")
    assert (tmp_path / "a.hwq").read_bytes() == (tmp_path / "b.hwq").read_bytes()


EVERY_OPTION = {
    "weight_bits": 6, "act_bits": 7, "output_bits": 9, "scale": "fixed", "per_channel": False, "zero_points": "all",
    "range": "percentile", "percentile": 99.0, "rounding": "half_even", "bias_correction": "analytic", "head": "argmax",
    "solver": "gptq", "equalise": False, "slim": False, "search": True, "port_scales": "pow2", "weights": "codebook",
    "entries": 5, "shared_table": False, "terms": 1, "mantissa_bits": 2, "absorb": True,
}  # fmt: skip


def test_quantize_takes_every_option(tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    model, calib = tiny_files
    words = (
        "--weight-bits 6 --act-bits 7 --output-bits 9 --scale fixed --per-tensor --zero-points all --range percentile "
        "--percentile 99 --rounding half-even --bias-correction analytic --head argmax --solver gptq --no-equalise "
        "--no-slim --search --port-scales pow2 --weights codebook --entries 5 --channel-tables --terms 1 "
        "--mantissa-bits 2 --absorb"
    )
    toml = tmp_path / "n.toml"
    value = done(
        "quantize", model, "--calib", calib, "-o", tmp_path / "n", *words.split(), "--write-config", toml, "--json"
    ).json
    assert {name: value["options"][name] for name in EVERY_OPTION} == EVERY_OPTION
    assert value["outputs"][0]["shape"] == [1] and value["inputs"][0]["bits"] == 7
    again = done("quantize", model, "--calib", calib, "-o", tmp_path / "m", "--config", toml, "--json").json
    assert again["options"] == value["options"] and again["digest"] == value["digest"]


def test_rules_for_layers_come_from_a_file(tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "q.toml").write_text('weight_bits = 4\n[[layer]]\nmatch = "y"\nweight_bits = 7\n')
    net = tmp_path / "n.hwq"
    done("quantize", tiny_files[0], "--calib", tiny_files[1], "-o", net, "--config", tmp_path / "q.toml")
    bits = [op.weight_bits for op in serial.load(net).ops if isinstance(op, Linear)]
    assert bits == [4, 7]


def test_analyze(tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    words = ["analyze", tiny_files[0], "--calib", tiny_files[1], "--weight-bits", 4, "--act-bits", 9]
    value = done(*words, "--json").json
    assert value["kind"] == "analysis" and value["options"]["weight_bits"] == 4 and value["samples"] == 8
    assert [row["name"] for row in value["layers"]] == ["x", "relu", "pool", "y"]
    assert [row["weight_bits"] for row in value["layers"]] == [None, 4, None, 4]
    assert sum((row["weight_share"] or 0) + (row["rounding_share"] or 0) for row in value["layers"]) == pytest.approx(1)
    (tmp_path / "more.toml").write_text(value["toml"])
    more = done(*words, "--config", tmp_path / "more.toml", "--json").json
    assert more["measured_db"] >= value["advice"]["sqnr_db"] - 1e-6  # the equalised form is chosen anew
    assert more["measured_db"] > value["measured_db"]
    text = done(*words).out
    assert value["conclusion"] in text and value["toml"] in text and "relu" in text
    assert "Trying more bits" in done(*words, "-v").err and list(tmp_path.iterdir()) == [tmp_path / "more.toml"]


def test_analyze_weight_only(tiny_files: tuple[Path, Path]) -> None:
    words = ["analyze", tiny_files[0], "--calib", tiny_files[1], "--weight-only", "--act-bits", 4]
    value = done(*words, "--json").json
    assert value["kind"] == "weight_only" and value["sqnr_db"] > value["integer_sqnr_db"] + 10
    assert [row["name"] for row in value["layers"]] == ["relu", "y"] and 0 < value["agreement"]["y"] <= 1
    assert f"outputs {value['sqnr_db']:.1f} dB with quantised weights" in done(*words).out


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
def test_analyze_fits_the_terminal(columns: int) -> None:
    words = ["analyze", DIGITS / "model.onnx", "--calib", DIGITS / "calib.npz", "--effort", "fast", "--weight-bits", 4]
    text = done(*words, columns=columns).out
    assert all(len(line) <= columns for line in text.splitlines())
    assert ("block1_conv1 (Conv)" in text) == (columns == 160) and "stem" in text and "logits" in text


@pytest.mark.parametrize("options", [(), ("--scale", "fixed", "--zero-points", "all")])
def test_simulate_writes_real_values_equal_to_integers_times_scale(
    options: tuple[str, ...], tiny_files: tuple[Path, Path], tmp_path: Path
) -> None:
    net, out = tmp_path / "n.hwq", tmp_path / "out.npz"
    quantised = done("quantize", tiny_files[0], "--calib", tiny_files[1], "-o", net, *options, "--json").json
    value = done("simulate", net, tiny_files[1], "-o", out, "--json").json
    assert value["samples"] == 8 and value["outputs"] == quantised["outputs"]
    with np.load(out, allow_pickle=False) as arrays:
        assert set(arrays.files) == set(value["arrays"]) == {"x.int", "y", "y.int"}
        real, integers, inputs = arrays["y"], arrays["y.int"], arrays["x.int"]
    port = value["outputs"][0]
    assert real.dtype == np.float64 and integers.dtype.kind == "i" and inputs.dtype.kind == "i"
    assert real.shape == integers.shape == (8, 4) and inputs.shape == (8, CHANNELS, SIZE, SIZE)
    assert np.array_equal(real, (integers - port["zero_point"]) * port["scale"])
    low = -(1 << (port["bits"] - 1)) if port["signed"] else 0
    assert integers.min() >= low and integers.max() < low + (1 << port["bits"])


def test_simulate_plain_and_fast_write_the_same_bytes(digits_net: Path, tmp_path: Path) -> None:
    with np.load(DIGITS / "test.npz", allow_pickle=False) as data:
        np.savez(tmp_path / "few.npz", x=data["image"][:5])
    for name, options in (("a.npz", []), ("b.npz", []), ("c.npz", ["--plain"])):
        done("simulate", digits_net, tmp_path / "few.npz", "-o", tmp_path / name, *options)
    first = (tmp_path / "a.npz").read_bytes()
    assert (tmp_path / "b.npz").read_bytes() == first and (tmp_path / "c.npz").read_bytes() == first


def test_integer_accuracy_on_digits(digits_net: Path, tmp_path: Path) -> None:
    done("simulate", digits_net, DIGITS / "test.npz", "-o", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as out, np.load(DIGITS / "test.npz") as test:
        assert (out["probs.int"].argmax(axis=1) == test["label"]).mean() >= 0.985


def test_generate_sizes(tiny_net: Path, tmp_path: Path) -> None:
    def formula(*options: object) -> int:
        return int(done("generate", tiny_net, "-o", tmp_path / "b", *options, "--json").json["cycles_formula"])

    assert formula("--cycles", 500) <= 500
    slow = formula("--multipliers", 2)
    assert slow > formula() and formula("--fps", 100, "--clock", 0.1) <= 1000
    formula("--multipliers", 2)
    (tmp_path / "folding.json").write_bytes((tmp_path / "b" / "hwq-build.json").read_bytes())
    assert formula("--folding", tmp_path / "folding.json") == slow


def test_generate_replaces_a_build_with_equal_bytes(tiny_net: Path, tmp_path: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    done("generate", tiny_net, "-o", tmp_path / "b")
    first = contents()
    (tmp_path / "b" / "rtl" / "stale.sv").write_text("")
    done("generate", tiny_net, "-o", tmp_path / "b")
    assert contents() == first


def test_report(digits_build: Path) -> None:
    value = done("report", digits_build, "--json").json
    layers = {row["name"]: row for row in value["layers"]}
    assert layers["dw"]["kind"] == "depthwise" and layers["stem"]["source"] == "stem_conv (Conv)"
    assert value["macs"] == 314_944 == sum(row["macs"] for row in value["layers"])
    assert value["limited_by"] == [n for n, row in layers.items() if row["cycles"] == value["cycles_formula"]]
    assert value["multipliers"] == sum(row["multipliers"] for row in value["layers"])
    assert layers["dw"]["weights"] == "s8" and layers["pool"]["storage"] is None
    assert value["storage"]["stored_bits"] == sum(
        row["storage"]["stored_bits"] for row in layers.values() if row["storage"]
    )
    text = done("report", digits_build, "--weights").out
    assert "float32" in text and "total" in text and "total" not in done("report", digits_build).out


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
def test_report_fits_the_terminal(columns: int, digits_build: Path) -> None:
    text = done("report", digits_build, columns=columns).out
    assert all(len(line) <= columns for line in text.splitlines())
    assert text.splitlines()[0] == "model: weight bits 8, act bits 8, scale pow2"
    assert "2560<" in text and "39,062 at 100 MHz" in text and "block1_relu1" in text
    assert ("depthwise" in text) == (columns >= 80)


def test_inspect(tiny_files: tuple[Path, Path], tiny_net: Path) -> None:
    graph = done("inspect", tiny_files[0], "--json").json
    program = done("inspect", tiny_net, "--json").json
    assert (graph["kind"], program["kind"]) == ("graph", "program")
    assert "maxpool(" in graph["text"] and program["text"].startswith("program net #")
    assert done("inspect", tiny_net).out == program["text"]


def test_doctor() -> None:
    run = run_hwq("doctor", "--json")
    names = {tool["name"] for tool in run.json["tools"]}
    assert {"verilator", "iverilog", "vvp", "g++", "make"} <= names
    assert run.code == (0 if any(run.json["simulators"].values()) else 3)
    assert "Usable simulators: " in run_hwq("doctor").out


@pytest.mark.icarus
def test_verify_on_icarus(tiny_build: Path, tmp_path: Path) -> None:
    data = save_calib(tmp_path, x=normal(3, CHANNELS, SIZE, SIZE))
    options = ["--sim", "icarus", "-n", 5, "--data", data, "--trace", "--seed", 9, "--stall", 0.3, "--json"]
    value = done("verify", tiny_build, *options).json
    assert set(value) >= VERIFY_KEYS
    assert (value["simulator"], value["samples"], value["mismatches"]) == ("icarus", 3, 0)
    assert value["passed"] and len(value["runs"]) == 1 and value["runs"][0]["stall"] == 0.3


@pytest.mark.verilator
@pytest.mark.icarus
def test_verify_on_all_simulators(tiny_build: Path) -> None:
    run = done("verify", tiny_build, "--sim", "all", "-n", 3, "--json")
    value = run.json
    assert [one["simulator"] for one in value["runs"]] == ["verilator", "icarus"]
    assert (value["simulator"], value["samples"], value["mismatches"]) == ("all", 3, 0)
    assert value["cycles_per_frame"] == pytest.approx(value["cycles_formula"], rel=0.02)
    assert 0 < value["utilisation"] <= 1
    text = done("verify", tiny_build, "--sim", "all", "-n", 3).out
    assert text.count("3 samples bit-exact") == 2


@pytest.mark.icarus
def test_a_mismatch_ends_with_exit_code_1(tiny_net: Path, tmp_path: Path) -> None:
    done("generate", tiny_net, "-o", tmp_path / "b")
    memory = tmp_path / "b" / "rom" / "y_bias.mem"
    words = memory.read_text("ascii").split("\n")
    words[0] = f"{int(words[0], 16) ^ int('1' * len(words[0]), 16):0{len(words[0])}x}"
    memory.write_text("\n".join(words), "ascii")
    run = run_hwq("verify", tmp_path / "b", "--sim", "icarus", "-n", 2, "--json")
    assert run.code == 1 and not run.json["passed"] and run.json["mismatches"] > 0
    text = run_hwq("verify", tmp_path / "b", "--sim", "icarus", "-n", 2)
    assert text.code == 1 and "MISMATCH" in text.out


@pytest.mark.icarus
def test_build_does_everything(tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    model, calib = tiny_files
    words = ["build", model, "--calib", calib, "-o", tmp_path / "b", "--sim", "icarus", "-n", 2, "--multipliers", 9]
    run = done(*words, "--scale", "fixed", "--frames", 3, "--json", "-v")
    value = run.json
    assert value["passed"] and set(value["verification"]) >= VERIFY_KEYS
    assert value["report"]["options"]["scale"] == "fixed" and value["report"]["multipliers"] <= 9
    assert "Calibrating" in run.err and "Simulating 2 samples on icarus" in run.err
    text = done(*words).out
    assert "2 samples bit-exact" in text and text.rstrip().endswith(f"Next: cd {tmp_path / 'b'} && make sim")
    assert json.loads((tmp_path / "b" / "hwq-build.json").read_text())["multipliers"] <= 9


@pytest.mark.verilator
@pytest.mark.slow
def test_build_of_digits_on_verilator(tmp_path: Path) -> None:
    words = [
        "build",
        DIGITS / "model.onnx",
        "--calib",
        DIGITS / "calib.npz",
        "-o",
        tmp_path / "b",
        "--sim",
        "verilator",
    ]
    value = done(*words, "-n", 20, "--stall", 0.3, "--json").json
    checked = value["verification"]
    assert (checked["simulator"], checked["samples"], checked["mismatches"]) == ("verilator", 20, 0)
    assert checked["cycles_per_frame"] == pytest.approx(checked["cycles_formula"], rel=0.02)
    assert checked["utilisation"] > 0.85


def test_quiet_without_a_terminal(tiny_net: Path, tmp_path: Path) -> None:
    assert done("generate", tiny_net, "-o", tmp_path / "b").err == ""
    assert "Writing hardware and vectors" in done("generate", tiny_net, "-o", tmp_path / "b", "-v").err
