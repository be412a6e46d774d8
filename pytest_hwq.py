"""pytest plugin of hwq: `pytest --hwq build/` runs one test for each layer of a build and each simulator.

Without the option it imports nothing: what it does lies in `hwq.ci`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hwq.ci.items import BuildFolder

SIMULATORS = ("verilator", "icarus", "all")
RESULTS = "hwq_results"
"""Key under which a controller of pytest-xdist tells its workers where results are shared."""
_FOLDER = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("hwq", "hardware that hwq made")
    group.addoption(
        "--hwq", action="append", default=[], metavar="DIR",
        help="Verify a build of `hwq generate`, one test for each layer; may be given several times.",
    )  # fmt: skip
    group.addoption(
        "--hwq-sim", choices=SIMULATORS, default="verilator", help="Simulators that run it (default: verilator)."
    )
    group.addoption("--hwq-samples", type=_samples, default=4, metavar="N", help="Samples to compare (default: 4).")
    group.addoption(
        "--hwq-stall", type=_stall, default=0.0, metavar="P",
        help="Probability of a stall on both sides at each clock, 0 to 0.99 (default: 0).",
    )  # fmt: skip
    group.addoption("--hwq-seed", type=_seed, default=1, metavar="S", help="Seed of the stalls (default: 1).")
    group.addoption("--hwq-gate", action="store_true", help="Verify the netlist that Yosys makes of it as well.")
    group.addoption(
        "--hwq-skip-missing", action="store_true", help="Skip what needs a program that is missing; else it fails."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the builds what is tested, beside the paths that were given; the workers of pytest-xdist are told both."""
    builds = config.getoption("hwq")
    if not builds:
        return
    if not hasattr(pytest, "Directory"):
        raise pytest.UsageError(f"--hwq: pytest is {pytest.__version__}, expected 8.2 or newer.")
    folders = {Path(config.invocation_params.dir, build).resolve(): build for build in builds}
    for folder, build in folders.items():
        if not folder.is_dir():
            raise pytest.UsageError(f"--hwq {build}: is not a folder, expected one that `hwq generate` wrote.")
        if any(folder in other.parents for other in folders):
            raise pytest.UsageError(f"--hwq {build}: another build lies in it. Give the builds alone.")
    given = list(config.args) if config.args_source is pytest.Config.ArgsSource.ARGS else []
    config.args = given + [build for build in folders.values() if build not in given]
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    config.stash[_FOLDER] = worker.get(RESULTS) or tempfile.mkdtemp(prefix="hwq-pytest-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the tests shared."""
    if _FOLDER in config.stash and not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where results are shared."""
    if _FOLDER in node.config.stash:
        node.workerinput[RESULTS] = node.config.stash[_FOLDER]


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> BuildFolder | None:
    """Collect a folder that was given with --hwq as a build."""
    config = parent.config
    for build in config.getoption("hwq"):
        if Path(config.invocation_params.dir, build).resolve() == path.resolve():
            from hwq.ci.items import collect  # imports onnx, numpy and others

            return collect(parent, path, str(build), Path(config.stash[_FOLDER]))
    return None


def _samples(text: str) -> int:
    return int(_within(text, int(text), 1, 10**9))


def _seed(text: str) -> int:
    return int(_within(text, int(text), 0, 2**31 - 1))


def _stall(text: str) -> float:
    return _within(text, float(text), 0.0, 0.99)


def _within(text: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text}: expected {low:g} to {high:g}")
    return value
