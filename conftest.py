"""What becomes of a test whose simulator or synthesis tool is missing."""

from __future__ import annotations

import importlib.util
import os

import pytest

from hwq.errors import ToolMissing
from hwq.synth import liberty
from hwq.verify import tools
from hwq.verify.simulate import PROGRAMS

TOOLS = {
    **PROGRAMS,
    "compiler": ("g++",),
    "yosys": ("yosys",),
    "nextpnr": ("nextpnr-ice40", "icepack", "nextpnr-ecp5", "ecppack"),
    "opensta": ("sta",),
    "clang": ("clang++",),
}
"""The programs that a test with each marker needs."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked with a tool that is missing; fail it where CI is set."""
    try:
        for marker, programs in TOOLS.items():
            if item.get_closest_marker(marker):
                for program in programs:
                    tools.require(program)
                if marker == "opensta":
                    liberty.find(liberty.DEFAULT)
        if item.get_closest_marker("formal") and importlib.util.find_spec("pyosys") is None:
            raise ToolMissing("pyosys (formal proofs): not found. Run `make setup`, or `pip install pyosys`.")
        if item.get_closest_marker("torch") and importlib.util.find_spec("torch") is None:
            raise ToolMissing("torch (training): not found. Run `pip install hwq[torch]`.")
    except ToolMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
