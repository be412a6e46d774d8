"""Commands that are killed or find the disk full at any moment, and two that write one place: never half an output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DEEP = os.environ.get("HWQ_DEEP") == "1"
CHILD = Path(__file__).with_name("fault_child.py")
SEED = int(os.environ.get("HWQ_SEED", "1"))
QUICK = 2
"""Moments of a quick run, beside the last ones; all of them with HWQ_DEEP."""
LAST = 6
"""Changes of files at the end of a command: the final move, and what is removed after it."""
FOLDERS = ("generate", "build", "vectors", "hls")
FILES = ("quantize", "simulate", "golden")


def _words(command: str, files: tuple[Path, Path], net: Path, target: Path) -> tuple[list[str], list[str]]:
    """A command, and one that writes something else to the same place."""
    model, calib = map(str, files)
    build = ["build", model, "--calib", calib, "--sim", "icarus", "-o", str(target)]
    words = {
        "generate": (["generate", str(net), "-o", str(target)], ["--multipliers", "4"]),
        "hls": (["generate", str(net), "--backend", "hls", "-o", str(target)], ["--multipliers", "4"]),
        "build": ([*build, "--effort", "fast"], ["--multipliers", "4"]),
        "vectors": (["vectors", str(net), "-o", str(target), "--data", calib], ["-n", "2"]),
        "quantize": (
            ["quantize", model, "--calib", calib, "--effort", "fast", "-o", str(target)],
            ["--weight-bits", "4"],
        ),
        "simulate": (["simulate", str(net), calib, "-o", str(target)], ["-n", "2"]),
        "golden": (["export", str(net), "-o", str(target)], ["--integers"]),
    }
    first, change = words[command]
    return first, [*first, *change]


def _lines(
    kind: str, command: str, old: bool, files: tuple[Path, Path], net: Path, folder: Path, **options: Any
) -> list[dict[str, Any]]:
    target = folder / "work" / ("out" if command in FOLDERS else "out.bin")
    words, other = _words(command, files, net, target)
    job = {
        "kind": kind, "words": words, "before": other if old else None, "other": other, "target": str(target),
        "log": str(folder / "log"), "count": None if DEEP else QUICK, "last": LAST, "seed": SEED, "again": True,
        **options,
    }  # fmt: skip
    env = {**os.environ, "HWQ_CACHE": str(folder / "cache"), "COLUMNS": "80", "TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, CHILD], input=json.dumps(job), capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found
    return found


def _check(line: dict[str, Any]) -> None:
    """Old or new, and nothing is left once another command has come to its end."""
    assert line["state"] in ("old", "new"), line
    if "again" in line:
        assert (line["again"], line["again_state"]) == (0, "new"), line
        assert line["again_names"] in (["out"], ["out.bin"]), line


@pytest.mark.icarus
@pytest.mark.parametrize("command", [*FOLDERS, *FILES] if DEEP else ["build", "quantize"])
@pytest.mark.parametrize("old", [False, True] if DEEP else [True])
def test_killed_at_a_change_of_files(
    command: str, old: bool, tiny_files: tuple[Path, Path], tiny_net: Path, tmp_path: Path
) -> None:
    if not DEEP and (command, old) not in {
        ("generate", True),
        ("generate", False),
        ("build", True),
        ("quantize", True),
    }:
        pytest.skip("only with HWQ_DEEP=1")
    states = set()
    for line in _lines("kill", command, old, tiny_files, tiny_net, tmp_path):
        _check(line)
        assert line["code"] == -9, line
        states.add(line["state"])
    assert states == {"old", "new"}


@pytest.mark.icarus
@pytest.mark.parametrize("command", FOLDERS if DEEP else ["build"])
@pytest.mark.parametrize("old", [False, True] if DEEP else [True])
def test_killed_at_any_time(
    command: str, old: bool, tiny_files: tuple[Path, Path], tiny_net: Path, tmp_path: Path
) -> None:
    for line in _lines("time", command, old, tiny_files, tiny_net, tmp_path, count=None if DEEP else 2):
        _check(line)
        assert line["code"] in (-9, 0), line


@pytest.mark.icarus
@pytest.mark.parametrize("command", [*FOLDERS, *FILES] if DEEP else ["generate", "quantize"])
@pytest.mark.parametrize("old", [False, True] if DEEP else [True])
def test_disk_full_from_some_change_on(
    command: str, old: bool, tiny_files: tuple[Path, Path], tiny_net: Path, tmp_path: Path
) -> None:
    """One line that says so, the old output, and nothing beside it."""
    for line in _lines("full", command, old, tiny_files, tiny_net, tmp_path, again=False, last=2):
        _check(line)
        assert "No space left on device" in line["said"] or line["code"] == 0, line
        assert (line["code"], line["state"]) in ((2, "old"), (0, "new")), line
        assert "Traceback" not in line["said"] and "internal error" not in line["said"], line
        name = "out" if command in FOLDERS else "out.bin"
        assert line["names"] == ([name] if old or line["state"] == "new" else []), line


@pytest.mark.icarus
@pytest.mark.parametrize("command", [*FOLDERS, *FILES] if DEEP else ["generate", "quantize"])
@pytest.mark.parametrize("old", [False, True] if DEEP else [True])
def test_two_at_once(command: str, old: bool, tiny_files: tuple[Path, Path], tiny_net: Path, tmp_path: Path) -> None:
    """Both succeed, and the output is that of one of them."""
    for line in _lines("pairs", command, old, tiny_files, tiny_net, tmp_path, count=None if DEEP else 2):
        assert line["code"] == [0, 0] and line["state"] in ("new", "old"), line
        assert line["names"] in (["out"], ["out.bin"]), line
