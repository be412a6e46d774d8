"""Every RTL module's cocotb tests, each set of parameters on each simulator, as pytest tests.

By default Icarus runs a few cases of each module, spread over its list, and Verilator, which compiles C++ for each,
the first one; both run all cases when HWQ_DEEP is 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import runner

QUICK_CASES = {"icarus": 3, "verilator": 1}
DEEP = os.environ.get("HWQ_DEEP") == "1"


def _cases() -> Iterator[Any]:
    for name in runner.modules():
        cases = runner.load(name).CASES
        for simulator, quick in QUICK_CASES.items():
            count = len(cases) if DEEP else min(quick, len(cases))
            for index in (number * len(cases) // count for number in range(count)):
                label = f"{runner.top_of(name)}-{index:02d}"
                case = (name, cases[index], simulator, label)
                yield pytest.param(*case, id=f"{simulator}-{label}", marks=getattr(pytest.mark, simulator))


@pytest.mark.parametrize(("name", "params", "simulator", "label"), list(_cases()))
def test_module(name: str, params: dict[str, Any], simulator: str, label: str) -> None:
    """The module behaves as its model says, for these parameters, with stalls on both sides."""
    runner.run_case(name, params, simulator, label)


def test_every_module_is_tested() -> None:
    """Each file of the RTL library has a test module with cases, and each test module a file."""
    library, testbench = ({path.stem for path in folder.glob("hwq_*.sv")} for folder in runner.RTL)
    tested = {runner.top_of(name) for name in runner.modules() if runner.load(name).CASES}
    assert library <= tested <= library | testbench
