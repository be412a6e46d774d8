"""Every RTL module's cocotb tests, each set of parameters on each simulator, as pytest tests.

Icarus runs all cases. Verilator compiles C++ for each of them, so by default it runs the first case of each
module, and all of them when HWQ_DEEP is 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import runner

QUICK_CASES = 1
DEEP = os.environ.get("HWQ_DEEP") == "1"


def _cases() -> Iterator[Any]:
    for name in runner.modules():
        for index, params in enumerate(runner.load(name).CASES):
            label = f"{runner.top_of(name)}-{index:02d}"
            yield pytest.param(name, params, "icarus", label, id=f"icarus-{label}", marks=pytest.mark.icarus)
            if DEEP or index < QUICK_CASES:
                case = (name, params, "verilator", label)
                yield pytest.param(*case, id=f"verilator-{label}", marks=pytest.mark.verilator)


@pytest.mark.parametrize(("name", "params", "simulator", "label"), list(_cases()))
def test_module(name: str, params: dict[str, Any], simulator: str, label: str) -> None:
    """The module behaves as its model says, for these parameters, with stalls on both sides."""
    runner.run_case(name, params, simulator, label)


def test_every_module_is_tested() -> None:
    """Each file of the RTL library has a test module with cases, and each test module a file."""
    library, testbench = ({path.stem for path in folder.glob("hwq_*.sv")} for folder in runner.RTL)
    tested = {runner.top_of(name) for name in runner.modules() if runner.load(name).CASES}
    assert library <= tested <= library | testbench
