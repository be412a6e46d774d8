"""What becomes of a test whose simulator is missing."""

from __future__ import annotations

import os

import pytest

from hwq.errors import ToolMissing
from hwq.verify.simulate import PROGRAMS, require_simulator


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked with a simulator that is missing; fail it where CI is set."""
    for simulator in PROGRAMS:
        if item.get_closest_marker(simulator):
            try:
                require_simulator(simulator)
            except ToolMissing as missing:
                if os.environ.get("CI"):
                    pytest.fail(str(missing))
                pytest.skip(str(missing))
