"""Disks that are small or read-only, limits on the size of a file, and devices in place of files, for each command."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from e2e_run import Run, listing, run_hwq

DEEP = os.environ.get("HWQ_DEEP") == "1"
HWQ = (sys.executable, "-c", "import sys; from hwq.cli import main; sys.exit(main())")
Words = Callable[[Path], list[object]]


@pytest.fixture
def commands(tiny_files: tuple[Path, Path], tiny_net: Path, tmp_path: Path) -> dict[str, Words]:
    """Every command that writes, given a folder for its output."""
    model, calib = tiny_files
    data = tmp_path / "data"
    data.mkdir()
    np.save(data / "s.npy", np.load(calib)["x"])
    quantised = [model, "--calib", calib]
    return {
        "quantize": lambda place: ["quantize", *quantised, "--effort", "fast", "-o", place / "o"],
        "config": lambda place: ["quantize", *quantised, "-o", tmp_path / "n.hwq", "--write-config", place / "o"],
        "simulate": lambda place: ["simulate", tiny_net, calib, "-o", place / "o"],
        "stream": lambda place: ["simulate", tiny_net, data, "-o", place / "o"],
        "golden": lambda place: ["export", tiny_net, "-o", place / "o"],
        "qonnx": lambda place: ["export", tiny_net, "--format", "qonnx", "-o", place / "o"],
        "c": lambda place: ["export", tiny_net, "--format", "c", "-o", place / "o"],
        "vectors": lambda place: ["vectors", tiny_net, "-o", place / "o", "--data", calib],
        "generate": lambda place: ["generate", tiny_net, "-o", place / "o"],
        "hls": lambda place: ["generate", tiny_net, "--backend", "hls", "-o", place / "o"],
        "build": lambda place: ["build", *quantised, "--effort", "fast", "--sim", "icarus", "-o", place / "o"],
    }


NAMES = ("quantize", "config", "simulate", "stream", "golden", "qonnx", "c", "vectors", "generate", "hls", "build")
LARGE = ("stream", "golden", "c", "vectors", "generate", "hls", "build")
"""Outputs of more than 4 KiB."""
PARTLY = {"config": ["o"], "stream": ["o", "o/hwq-results.jsonl"], "c": ["o", "o/net.c", "o/net.h"]}
"""What may be there without all the rest: options before their program, results one by one, C beside its header."""


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A file system of its own at a folder, where this process may make one."""
    place.mkdir(exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def _refused(run: Run, name: str, place: Path, *reasons: str) -> None:
    """Said in one line, and nothing is left."""
    assert run.code == 2 and run.out == "", (run.code, run.err)
    assert any(reason in run.err for reason in reasons) and run.err.count("\n") == 1, run.err
    assert "internal error" not in run.err and set(listing(place)) <= set(PARTLY.get(name, [])), listing(place)


@pytest.mark.icarus
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", ["4k", "12k", "20k", "64k"] if DEEP else ["4k"])
def test_a_disk_that_is_too_small(name: str, size: str, commands: dict[str, Words], tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with mounted(place, f"size={size}"):
        run = run_hwq(*commands[name](place))
        if run.code or (size == "4k" and name in LARGE):
            _refused(run, name, place, "No space left on device")


@pytest.mark.icarus
@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_is_read_only(name: str, commands: dict[str, Words], tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with mounted(place, "ro"):
        _refused(run_hwq(*commands[name](place)), name, place, "Read-only file system")


@pytest.mark.icarus
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 100, 500, 2000, 8000] if DEEP else [500])
def test_a_limit_on_the_size_of_files(name: str, size: int, commands: dict[str, Words], tmp_path: Path) -> None:
    place, limits = tmp_path / "disk", resource.getrlimit(resource.RLIMIT_FSIZE)
    place.mkdir()
    words = commands[name](place)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        run = run_hwq(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    if run.code or size <= 100:
        _refused(run, name, place, "File too large")


@pytest.mark.icarus
@pytest.mark.parametrize("name", NAMES if DEEP else ["quantize", "generate"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_results_that_cannot_be_printed(name: str, commands: dict[str, Words], tmp_path: Path) -> None:
    """The output is there, the command says that it could not tell."""
    (tmp_path / "disk").mkdir()
    words = [str(word) for word in commands[name](tmp_path / "disk")]
    with open("/dev/full", "w") as full:
        run = subprocess.run([*HWQ, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 2 and "standard output: cannot be written (No space left on device)" in run.stderr
    assert "Traceback" not in run.stderr and (tmp_path / "disk" / "o").exists()


@pytest.mark.parametrize(
    "name", ["quantize", "config", "simulate", "golden", "qonnx", "c", "generate", "hls", "vectors"]
)
def test_a_device_in_place_of_the_output(name: str, commands: dict[str, Words], tmp_path: Path) -> None:
    """It would be replaced by a file."""
    words = [Path(os.devnull) if word == tmp_path / "o" else word for word in commands[name](tmp_path)]
    run = run_hwq(*words)
    assert run.code == 2 and "/dev/null" in run.err and not Path(os.devnull).is_file()


@pytest.mark.icarus
def test_a_cache_that_is_full(commands: dict[str, Words], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled for a simulator has no place; half of it is not kept, even where the compiler says nothing."""
    monkeypatch.setenv("HWQ_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "disk"
    place.mkdir()
    for size in ("4k", "8k", "64k"):
        with mounted(tmp_path / "cache", f"size={size}"):
            run = run_hwq(*commands["build"](place))
            assert run.code == 2 and "has no room for icarus-" in run.err and "HWQ_CACHE" in run.err, run.err
            assert listing(tmp_path / "cache") == []
    assert run_hwq(*commands["build"](place)).code == 0
