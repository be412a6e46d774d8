"""`pytest --hwq`: one test for each layer and simulator, what a failure says, and what cannot be tested."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from e2e_run import done, run_hwq
from spoiled import flipped, spoiled

from hwq.ci import shared
from hwq.ci.items import failure
from hwq.ci.shared import Finished, Job
from hwq.verify.check import Verification
from hwq.verify.streams import StreamResult

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["x", "relu", "pool", "y", "m_axis"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's project, in which pytest runs."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class Ran:
    """One run of pytest in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: object) -> None:
        capsys.readouterr()
        self.code = int(pytest.main(["-p", "pytest_hwq", "--junitxml", "out.xml", *map(str, words)]))
        self.out = "".join(capsys.readouterr())
        assert "Traceback" not in self.out and not list(Path.cwd().glob("hwq-pytest-*"))

    @property
    def cases(self) -> dict[str, Xml.Element]:
        """The test cases of the XML file, by class and name."""
        return {f"{case.get('classname')}.{case.get('name')}": case for case in Xml.parse("out.xml").iter("testcase")}


def _faults(cases: dict[str, Xml.Element]) -> list[str]:
    return [name for name, case in cases.items() if case.find("failure") is not None or case.find("error") is not None]


@pytest.mark.icarus
def test_one_test_for_each_layer(tiny_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = shutil.copytree(tiny_build, "mine")
    ran = Ran(capsys, "--hwq", given, "--hwq-sim", "icarus", "--hwq-stall", 0.3, "-v")
    assert ran.code == 0 and "mine::icarus::relu PASSED" in ran.out
    assert list(ran.cases) == [f"mine.icarus.{layer}" for layer in LAYERS]
    operations = [case.find("properties/property").get("value") for case in ran.cases.values()]  # type: ignore[union-attr]
    assert operations == ["input", "conv", "maxpool", "dense", "port"]


@pytest.mark.icarus
def test_a_failure_says_where_and_how_to_see_it_again(tiny_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = spoiled(tiny_build, Path("bad"), "rom/relu_weight.mem", flipped(0, 6))
    words = ("--hwq", bad, "--hwq-sim", "icarus", "--hwq-samples", 3, "--hwq-stall", 0.25, "--hwq-seed", 7)
    ran = Ran(capsys, *words, "-rA")
    assert ran.code == 1 and "bad.icarus.relu" in _faults(ran.cases) and "bad.icarus.x" not in _faults(ran.cases)
    text = ran.cases["bad.icarus.relu"].find("failure").text  # type: ignore[union-attr]
    assert text is not None and text.startswith("relu (conv) on icarus: ")
    assert "beats differ\n  first at sample 0, row " in text and ", channel " in text and "got " in text
    assert "  seed 7, 3 samples, stalls 0.25\n" in text and "add --waves bad.vcd\n" in text
    assert "add --record bad.npz, then hwq diff bad bad.npz" in text and "the first layer" not in text
    last = ran.cases["bad.icarus.m_axis"].find("failure").text or ""  # type: ignore[union-attr]
    assert "the first layer that differs is relu" in last
    command = next(line for line in text.splitlines() if "again: " in line).split("again: hwq ")[1]
    again = run_hwq(*shlex.split(command))
    first = next(line for line in text.splitlines() if "first at" in line).split("first at ")[1]
    assert again.code == 1 and f"relu: {first}" in again.out
    assert "FAILED bad::icarus::relu - " in ran.out


@pytest.mark.icarus
def test_workers_share_one_simulation(tiny_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "--hwq", tiny_build, "--hwq-sim", "icarus", "-n", 2)
    assert ran.code == 0 and len(ran.cases) == len(LAYERS)


def test_a_result_is_shared(tiny_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Job] = []

    def run(job: Job) -> Finished:
        calls.append(job)
        return Finished(None, "an error")

    monkeypatch.setattr(Job, "run", run)
    job = Job("b", tiny_build, "icarus", 4, 0.0, 1)
    assert shared.finished(job, tmp_path) == shared.finished(job, tmp_path) == Finished(None, "an error")
    assert len(calls) == 1
    shared.finished(Job("b", tiny_build, "icarus", 4, 0.0, 2), tmp_path)
    assert len(calls) == 2


@pytest.mark.icarus
@pytest.mark.yosys
def test_gates_as_well(tiny_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = shutil.copytree(tiny_build, "mine")
    ran = Ran(capsys, "--hwq", build, "--hwq-sim", "icarus", "--hwq-gate", "--hwq-samples", 1)
    assert ran.code == 0
    assert list(ran.cases) == [*(f"mine.icarus.{layer}" for layer in LAYERS), "mine.icarus-gate.m_axis"]


@pytest.mark.compiler
def test_a_build_in_cpp(tiny_net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done("generate", tiny_net, "-o", "hls", "--backend", "hls")
    ran = Ran(capsys, "--hwq", "hls")
    assert ran.code == 0 and list(ran.cases) == ["hls.g++.m_axis"]
    bad = spoiled(Path("hls"), Path("bad"), "rom/y_bias.inc", lambda text: text.replace("1", "2", 1))
    ran = Ran(capsys, "--hwq", bad)
    assert ran.code == 1 and "m_axis (port) on g++: 1 of " in ran.out and "again: hwq verify bad -n 4\n" in ran.out


def test_a_damaged_build_is_one_error(tiny_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("test_mine.py").write_text("def test_mine(): pass\n")
    bad = spoiled(tiny_build, Path("bad"), "hwq-build.json", lambda text: text[:40])
    ran = Ran(capsys, "test_mine.py", "--hwq", bad)
    assert ran.code == 1 and "holds no readable hwq-build.json" in ran.out and "1 passed, 1 error" in ran.out
    assert _faults(ran.cases) == ["bad.build"] and len(ran.cases) == 2


def test_builds_alone_where_no_path_is_given(tiny_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("test_alone.py").write_text("def test_alone(): pass\n")
    ran = Ran(capsys, "--hwq", tiny_build, "--hwq", f"{tiny_build}/", "--collect-only", "-q")
    assert "5 tests collected" in ran.out and "test_alone" not in ran.out
    assert "1 test collected" in Ran(capsys, "--collect-only", "-q").out


def test_a_missing_simulator(
    tiny_build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path / "empty"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    ran = Ran(capsys, "--hwq", tiny_build, "--hwq-sim", "icarus")
    assert ran.code == 1 and len(ran.cases) == 1 and "iverilog" in ran.out and "apt-get install iverilog" in ran.out
    ran = Ran(capsys, "--hwq", tiny_build, "--hwq-sim", "icarus", "--hwq-skip-missing", "-rs")
    assert ran.code == 0 and "1 skipped" in ran.out and "apt-get install iverilog" in ran.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--hwq", "none"], "--hwq none: is not a folder, expected one that `hwq generate` wrote."),
        (["--hwq", "a", "--hwq", "a/b"], "--hwq a: another build lies in it."),
        (["--hwq", "a", "--hwq-stall", "2"], "2: expected 0 to 0.99"),
        (["--hwq", "a", "--hwq-samples", "0"], "0: expected 1 to 1e+09"),
        (["--hwq", "a", "--hwq-seed", "-1"], "-1: expected 0 to "),
        (["--hwq", "a", "--hwq-sim", "modelsim"], "invalid choice: 'modelsim'"),
    ],
)
def test_wrong_options(words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    ran = Ran(capsys, *words)
    assert ran.code == pytest.ExitCode.USAGE_ERROR and says in ran.out


def test_nothing_is_imported_without_the_option() -> None:
    code = "import sys, pytest_hwq; assert not {'hwq', 'numpy', 'onnx'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def _run(*streams: StreamResult, mismatches: int = 1, trouble: tuple[str, ...] = ()) -> Finished:
    made = Verification("icarus", 4, 0.0, mismatches, None, 1, None, 1, 1, None, trouble, 0.0, 0.0, 1, streams)
    return Finished(made)


def test_what_is_wrong_with_no_stream_is_said_at_the_ports() -> None:
    job = Job("b", Path("b"), "icarus", 4, 0.0, 1)
    good = (StreamResult("conv", "conv", 8, 0), StreamResult("m_axis", "port", 8, 0))
    assert failure("conv", "conv", job, _run(*good)) == ""
    assert "frame_error of the hardware is set" in failure("m_axis", "port", job, _run(*good))
    assert failure("m_axis", "port", job, _run(*good, mismatches=0)) == ""
    late = StreamResult("m_axis", "port", 5, 0, missing=3)
    text = failure("m_axis", "port", job, _run(good[0], late))
    assert text.startswith("m_axis (port) on icarus: 3 beats did not come before nothing moved any more\n")
    old = failure("conv", "conv", job, _run(trouble=("HWQ_ERROR something",)))
    assert "conv (conv) on icarus: not as the simulator says\n  HWQ_ERROR something\n" in old
    assert failure("conv", "conv", job, Finished(None, "does not compile")).startswith("does not compile\n")
