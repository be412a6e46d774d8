"""The example trains, and writes a program."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hwq.ir import serial
from hwq.verify import tools

pytestmark = [pytest.mark.torch, pytest.mark.slow]

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "qat" / "train.py"


def test_example(tmp_path: Path) -> None:
    options = ("--network", "binary", "--float-epochs", "1", "--epochs", "1", "-o", str(tmp_path))
    finished = tools.run((sys.executable, str(SCRIPT), *options), cwd=tmp_path, timeout=600)
    assert finished.returncode == 0, finished.output
    assert "equal to the network on all 450 test images" in finished.output
    program = serial.load(tmp_path / "binary_w1.hwq")
    assert [op.kind for op in program.ops].count("threshold") == 3
