"""Outputs that cannot be written, tools that are missing, interrupts, and errors inside hwq."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from e2e_run import done, heed_interrupts, listing, refused, run_hwq

from hwq import api
from hwq.api import building, quantising, simulating
from hwq.ir import storage
from hwq.verify import tools

HWQ = (sys.executable, "-c", "import sys; from hwq.cli import main; sys.exit(main())")
READ_ONLY = OSError(errno.EROFS, os.strerror(errno.EROFS))
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _raise(error: BaseException) -> Any:
    def function(*_args: object, **_options: object) -> NoReturn:
        raise error

    return function


@pytest.fixture(params=["quantize", "simulate"])
def file_command(request: pytest.FixtureRequest, tiny_files: tuple[Path, Path], tiny_net: Path) -> list[object]:
    """A command that writes one file, up to the name of it."""
    if request.param == "quantize":
        return ["quantize", tiny_files[0], "--calib", tiny_files[1], "-o"]
    return ["simulate", tiny_net, tiny_files[1], "-o"]


@pytest.fixture(params=["generate", "build"])
def folder_command(request: pytest.FixtureRequest, tiny_files: tuple[Path, Path], tiny_net: Path) -> list[object]:
    """A command that writes a folder, up to the name of it."""
    if request.param == "generate":
        return ["generate", tiny_net, "-o"]
    return ["build", tiny_files[0], "--calib", tiny_files[1], "--sim", "icarus", "-o"]


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail when the long part of a command begins: its output is to be checked before."""
    for module, name in ((quantising, "quantize_graph"), (simulating, "Simulator"), (building, "write_build")):
        monkeypatch.setattr(module, name, _raise(AssertionError("the work began")))


@pytest.mark.usefixtures("no_work")
def test_output_file_is_a_folder_or_has_none(file_command: list[object], tmp_path: Path) -> None:
    assert "is a folder" in refused(2, *file_command, tmp_path)
    assert "none is not a folder" in refused(2, *file_command, tmp_path / "none" / "out")
    (tmp_path / "file").write_text("mine")
    assert "is not a folder" in refused(2, *file_command, tmp_path / "file" / "out")
    assert listing(tmp_path) == ["file"]


@pytest.mark.usefixtures("no_work")
def test_output_file_in_a_place_that_cannot_be_written(
    file_command: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "/proc/out: cannot be written" in refused(2, *file_command, "/proc/out")
    monkeypatch.setattr(tempfile, "TemporaryFile", _raise(READ_ONLY))
    assert "Read-only file system" in refused(2, *file_command, tmp_path / "out")
    assert listing(tmp_path) == []


@pytest.mark.usefixtures("no_work")
def test_output_folder_that_is_not_a_build(folder_command: list[object], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    assert "file: is not a folder" in refused(2, *folder_command, tmp_path / "file")
    assert "full: exists and was not made by hwq" in refused(2, *folder_command, tmp_path / "full")
    assert "link: is not a folder" in refused(2, *folder_command, tmp_path / "link")
    assert "cannot be written" in refused(2, *folder_command, tmp_path / "file" / "b")
    assert listing(tmp_path) == ["file", "full", "full/thesis.txt", "link"]


@pytest.mark.usefixtures("no_work")
def test_output_folder_in_a_place_that_cannot_be_written(
    folder_command: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "/proc cannot be written" in refused(2, *folder_command, "/proc/b")
    monkeypatch.setattr(tempfile, "TemporaryFile", _raise(READ_ONLY))
    assert "Read-only file system" in refused(2, *folder_command, tmp_path / "b")
    assert listing(tmp_path) == []


def test_disk_full_while_a_file_is_written(
    file_command: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_text("old")
    monkeypatch.setattr(storage.os, "replace", _raise(FULL))
    assert "out: cannot be written (No space left" in refused(2, *file_command, tmp_path / "out")
    assert listing(tmp_path) == ["out"] and (tmp_path / "out").read_text() == "old"


@pytest.mark.icarus
@pytest.mark.parametrize("after", [0, 7, 30])
def test_disk_full_while_a_build_is_written(
    after: int, folder_command: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(*folder_command, tmp_path / "b")
    before = listing(tmp_path)
    write, left = Path.write_text, iter(range(after))

    def write_some(path: Path, *args: Any, **options: Any) -> int:
        return write(path, *args, **options) if next(left, None) is not None else _raise(FULL)()

    monkeypatch.setattr(Path, "write_text", write_some)
    run = run_hwq(*folder_command, tmp_path / "b")
    assert run.code == 2 and "No space left on device" in run.err
    assert listing(tmp_path) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_standard_output_is_full(options: tuple[str, ...], tiny_build: Path) -> None:
    with open("/dev/full", "w") as full:
        run = subprocess.run([*HWQ, "report", tiny_build, *options], stdout=full, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 2
    assert run.stderr == "standard output: cannot be written (No space left on device). Free the disk.\n"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nobody_reads_standard_output(options: tuple[str, ...], tiny_build: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run([*HWQ, "report", tiny_build, *options], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert run.returncode in (1, 141) and run.stderr == ""


def test_output_without_utf8(tiny_build: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    run = subprocess.run([*HWQ, "report", tiny_build], capture_output=True, env=env)
    assert run.returncode == 0 and run.stdout.isascii() and b"relu" in run.stdout


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every simulator and compiler: those along PATH, in the environment, and in a wheel."""
    monkeypatch.setattr(tools, "_candidates", lambda _name: iter(()))


@pytest.mark.usefixtures("no_tools")
def test_simulator_missing(tiny_files: tuple[Path, Path], tiny_build: Path, tmp_path: Path) -> None:
    build = ["build", tiny_files[0], "--calib", tiny_files[1], "-o", tmp_path / "b"]
    assert "No simulator: " in refused(3, *build)
    for simulator, program in (("verilator", "verilator"), ("icarus", "iverilog"), ("all", "verilator")):
        for words in ([*build, "--sim", simulator], ["verify", tiny_build, "--sim", simulator]):
            message = refused(3, *words)
            assert message.startswith(f"{program} (") and "not found" in message
    assert listing(tmp_path) == []


@pytest.mark.usefixtures("no_tools")
def test_doctor_without_tools() -> None:
    run = run_hwq("doctor", "--json")
    assert run.code == 3 and run.json["simulators"] == {"verilator": False, "icarus": False}
    assert all(tool["path"] is None and tool["how_to_get"] for tool in run.json["tools"])
    text = run_hwq("doctor")
    assert text.code == 3 and "Usable simulators: none." in text.out and "apt-get install iverilog" in text.out


@pytest.mark.usefixtures("no_tools")
def test_no_simulator_is_needed_to_quantise_simulate_and_generate(
    tiny_files: tuple[Path, Path], tmp_path: Path
) -> None:
    net = tmp_path / "n.hwq"
    done("quantize", tiny_files[0], "--calib", tiny_files[1], "-o", net)
    done("simulate", net, tiny_files[1], "-o", tmp_path / "out.npz")
    done("generate", net, "-o", tmp_path / "b")


@pytest.mark.parametrize("command", ["verify", "report"])
def test_a_folder_that_is_no_build(command: str, tmp_path: Path) -> None:
    assert "hwq-build.json" in refused(2, command, tmp_path)
    (tmp_path / "hwq-build.json").write_text("[]")
    assert str(tmp_path) in refused(2, command, tmp_path)


@pytest.mark.icarus
def test_a_build_that_lost_files(tiny_net: Path, tmp_path: Path) -> None:
    done("generate", tiny_net, "-o", tmp_path / "b")
    (tmp_path / "b" / "rom" / "y_bias.mem").unlink()
    run = run_hwq("verify", tmp_path / "b", "--sim", "icarus", "-n", 1)
    assert run.code == 1 and "y_bias.mem" in run.err


def test_error_inside_hwq(tiny_net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "inspect", _raise(RuntimeError("no [bold] idea\nat all")))
    run = run_hwq("inspect", tiny_net)
    assert run.code == 70 and run.out == "" and run.err.count("\n") == 1
    assert "internal error: RuntimeError: no [bold] idea at all." in run.err and "report it" in run.err
    assert run_hwq("inspect", tiny_net, "--json").json["exit_code"] == 70
    verbose = run_hwq("inspect", tiny_net, "-v")
    assert verbose.code == 70 and "Traceback (most recent call last)" in verbose.err


@pytest.mark.parametrize(
    ("error", "code", "needle"),
    [
        (KeyboardInterrupt(), 130, "Interrupted."),
        (MemoryError(), 2, "Not enough memory."),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/there"), 2, "/there: Permission denied"),
    ],
    ids=repr,
)
def test_ends_that_are_nobodys_fault(
    error: BaseException, code: int, needle: str, tiny_net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "inspect", _raise(error))
    assert needle in refused(code, "inspect", tiny_net)


@pytest.mark.icarus
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_nothing_behind(number: signal.Signals, code: int, tiny_build: Path, tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [*HWQ, "verify", tiny_build, "--sim", "icarus", "-n", "100000", "-v"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stderr is not None
        while "Simulating" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(0.3)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == code and "Traceback" not in rest
    # onnxruntime leaves a file of its own.
    assert [name for name in listing(tmp_path) if name != ".ses"] == []
