"""A pytest plugin: Verilator counts what runs of hwq's modules, in every test that simulates with it.

``HWQ_COVERAGE`` names the folder that receives a file for each process.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hwq.verify import simulate

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2] / "rtl_sim")]

import runner  # noqa: E402
from points import Points  # noqa: E402

FLAGS = ("--coverage-line", "--coverage-toggle")
POINTS = Points()
SCRATCH = Path(tempfile.mkdtemp(prefix="hwq-coverage-"))

_run = simulate.Simulation.run
_run_case = runner.run_case


def _counted_run(self: simulate.Simulation, plusargs: Sequence[str] = (), **more: Any) -> tuple[str, float]:
    if self.simulator != "verilator":
        return _run(self, plusargs, **more)
    path = SCRATCH / "coverage.dat"
    try:
        return _run(self, [*plusargs, f"+verilator+coverage+file+{path}"], **more)
    finally:
        _take(path)


def _counted_case(name: str, params: dict[str, Any], simulator: str, label: str) -> int:
    try:
        return _run_case(name, params, simulator, label)
    finally:
        _take(runner.WORK / simulator / label / "coverage.dat")


def _take(path: Path) -> None:
    """Add a coverage file and remove it; a simulation that failed leaves none."""
    if path.exists():
        POINTS.add(path)
        path.unlink()


def pytest_configure(config: pytest.Config) -> None:
    """Let Verilator count, and collect what it counted."""
    simulate._VERILATOR_FLAGS += FLAGS
    runner._BUILD_ARGS["verilator"] += FLAGS
    simulate.Simulation.run = _counted_run  # type: ignore[method-assign]
    runner.run_case = _counted_case


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write what this process counted."""
    SCRATCH.rmdir()
    folder = Path(os.environ["HWQ_COVERAGE"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{os.getpid()}.json").write_text(json.dumps(POINTS.as_json()), "utf-8")
