"""`hwq generate --backend hls` and `hwq verify` of such a build: results, its own Makefile, and what goes wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from e2e_models import CHANNELS, SIZE, normal
from e2e_run import DIGITS, done, listing, refused, run_hwq

from hwq.verify import tools

pytestmark = pytest.mark.compiler


@pytest.fixture(scope="session")
def hls_build(tiny_net: Path) -> Path:
    folder = tiny_net.with_name("hls")
    done("generate", tiny_net, "-o", folder, "--backend", "hls", "--frames", 3)
    return folder


@pytest.fixture
def build(hls_build: Path, tmp_path: Path) -> Path:
    """A build of its own for a test that writes into it."""
    return shutil.copytree(hls_build, tmp_path / "b")


def test_verify(hls_build: Path) -> None:
    value = done("verify", hls_build, "-n", 12, "--json").json
    assert value["passed"] and value["simulator"] == "g++" and value["samples"] == 12 and value["mismatches"] == 0
    assert value["cycles_per_frame"] is None and value["cycles_formula"] > 0
    assert "12 samples bit-exact" in done("verify", hls_build, "-n", 12).out


def test_verify_other_samples(hls_build: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=normal(5, CHANNELS, SIZE, SIZE) / 3)
    assert done("verify", hls_build, "-n", 9, "--data", tmp_path / "d.npz", "--json").json["samples"] == 5


def test_digits_whole(digits_net: Path, tmp_path: Path) -> None:
    done("generate", digits_net, "-o", tmp_path / "b", "--backend", "hls", "--multipliers", 256)
    data = np.load(DIGITS / "test.npz")
    np.savez(tmp_path / "d.npz", image=data["image"])
    value = done("verify", tmp_path / "b", "-n", len(data["image"]), "--data", tmp_path / "d.npz", "--json").json
    assert value["passed"] and value["samples"] == len(data["image"])


def test_folder(hls_build: Path, tiny_net: Path) -> None:
    """It has what it needs, and is verified, compared and reported like one of Verilog; only that is synthesised."""
    names = listing(hls_build)
    top = json.loads((hls_build / "hwq-build.json").read_text())["top"]
    assert {f"hls/{top}.cpp", f"hls/{top}.hpp", f"hls/tb_{top}.cpp", "hls.tcl", "hls/native/ap_int.h"} <= set(names)
    assert not any(name.endswith(".sv") for name in names)
    done("report", hls_build)
    message = refused(2, "synth", hls_build, "--device", "ecp5-85f")
    assert message.startswith(f"{hls_build}: is C++ for HLS, expected Verilog.")
    assert (hls_build / "net.hwq").read_bytes() == tiny_net.read_bytes()


@pytest.mark.parametrize(
    "words",
    [["--sim", "icarus"], ["--stall", 0.2], ["--trace"], ["--record", "r.npz"], ["--gate"], ["--waves", "w.vcd"]],
)
def test_options_of_simulators(hls_build: Path, words: list[object]) -> None:
    assert "has no --sim, --stall, --trace, --record, --gate or --waves" in refused(2, "verify", hls_build, *words)


def test_makefile(build: Path) -> None:
    """Without hwq: `make sim` passes, and fails after a weight was changed."""
    assert _make(build).returncode == 0
    assert (build / "build").is_dir()
    file = next(iter(sorted(build.glob("rom/*weight.inc"))))
    text = file.read_text()
    file.write_text(text.replace("{", "{1 + ", 1))
    failed = _make(build)
    assert failed.returncode != 0 and "HWQ_RESULT FAIL" in failed.stdout


def test_difference(build: Path) -> None:
    """The first one is named in words, and is the result."""
    file = next(iter(sorted(build.glob("rom/*bias.inc"))))
    file.write_text(file.read_text().replace("{", "{20000 + ", 1))
    run = run_hwq("verify", build, "--json")
    assert run.code == 1 and not run.json["passed"]
    (line,) = run.json["runs"][0]["trouble"]
    assert "sample 0, row 0, column 0, channel " in line and "got" in line


def test_a_testbench_cannot_do_without_its_vectors(build: Path) -> None:
    next(iter(build.glob("vectors/s_axis.mem")), next(iter(build.glob("vectors/*.mem")))).unlink()
    failed = _make(build)
    assert failed.returncode != 0 and "cannot be read" in failed.stdout + failed.stderr


def test_cpp_that_does_not_compile(build: Path) -> None:
    top = json.loads((build / "hwq-build.json").read_text())["top"]
    (build / "hls" / f"{top}.cpp").write_text("this is no C++\n")
    assert "does not compile" in refused(1, "verify", build)
    (build / "hls" / f"{top}.cpp").unlink()
    assert f"holds no hls/{top}.cpp" in refused(2, "verify", build)


def test_compiler_missing(hls_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_candidates", lambda _name: iter(()))
    assert refused(3, "verify", hls_build).startswith("g++ (")


def test_unknown_backend(tiny_net: Path, tmp_path: Path) -> None:
    assert "--backend" in run_hwq("generate", tiny_net, "-o", tmp_path / "b", "--backend", "vhdl").err


def _make(folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["make", "sim", "CXXFLAGS=-O1 -Werror"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
