"""The quick setting of `make bench` runs, and what it shows is exact."""

import re
import sys
from pathlib import Path

import pytest

from hwq.verify import tools

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.icarus
@pytest.mark.verilator
def test_quick_benchmark() -> None:
    finished = tools.run([sys.executable, str(ROOT / "benchmarks" / "run.py")], cwd=ROOT, timeout=900)
    assert finished.returncode == 0, finished.output[-2000:]
    rows = re.findall(r"digits +│ (pow2|fixed) +│ (\d+) +│ (\d+) +│ (\d+) +│[^│]+│ 20 / 0 +│ 1 / 0 ", finished.output)
    assert [row[0] for row in rows] == ["pow2", "fixed"]
    assert all(abs(int(measured) - int(formula)) <= 0.02 * int(formula) for _, _, formula, measured in rows)


def test_simulator_benchmark() -> None:
    finished = tools.run([sys.executable, str(ROOT / "benchmarks" / "simulator.py")], cwd=ROOT, timeout=900)
    assert finished.returncode == 0, finished.output[-2000:]
    assert re.search(r"digits +│ 1000 +│ [\d,]+ +│ [\d,]+ +│ \d+\.\d\d ", finished.output)
