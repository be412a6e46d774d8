"""examples/ci: every line of hwq and pytest in them runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB, GITLAB = (ROOT / "examples" / "ci" / f"{name}.yml" for name in ("github-actions", "gitlab-ci"))
INSTALL = ("sudo apt-get ", "apt-get ", "pip install ")


def _lines(value: Any) -> list[str]:
    """Shell lines of a workflow, in order."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if key in ("run", "script", "before_script"):
            found += [line for text in ([inner] if isinstance(inner, str) else inner) for line in text.splitlines()]
        elif isinstance(inner, dict | list):
            found += _lines(inner)
    return found


def _ours(path: Path) -> list[str]:
    return [line for line in _lines(yaml.safe_load(path.read_text("utf-8"))) if not line.startswith(INSTALL)]


def test_both_workflows_do_the_same() -> None:
    extra = [line for line in _ours(GITHUB) if line not in _ours(GITLAB)]
    assert [line for line in _ours(GITHUB) if line not in extra] == _ours(GITLAB)
    assert extra[0] == "hwq doctor" and len(extra) == 2 and "--waves" in extra[1]


@pytest.mark.icarus
@pytest.mark.yosys
def test_a_workflow_runs(tiny_files: tuple[Path, Path], tmp_path: Path) -> None:
    """For a tiny network, and on Icarus alone, which compiles it sooner."""
    for path, name in zip(tiny_files, ("model.onnx", "calib.npz"), strict=True):
        (tmp_path / "models").mkdir(exist_ok=True)
        shutil.copyfile(path, tmp_path / "models" / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, call in (("hwq", "-c 'import sys; from hwq.cli import main; sys.exit(main())'"), ("pytest", "-m pytest")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {call} "$@"\n')
        (programs / name).chmod(0o755)
    given = yaml.safe_load(GITHUB.read_text("utf-8"))["env"]
    env = {
        **os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "PYTEST_PLUGINS": "pytest_hwq", "MODEL": given["MODEL"], "CALIB": given["CALIB"],
    }  # fmt: skip
    for line in _ours(GITHUB):
        quick = line.replace("--hwq-sim all", "--hwq-sim icarus").replace("--gate", "--gate --sim icarus")
        done = subprocess.run(
            ["bash", "-ec", quick], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{quick}\n{done.stdout}{done.stderr}"
    layers, gates = ((tmp_path / "build" / f"{name}.xml").read_text() for name in ("layers", "gates"))
    assert layers.count("<testcase") == 5 and 'failures="0"' in layers
    assert 'classname="rtl.icarus-gate"' in gates and not list(tmp_path.glob("build/*.vcd"))
