"""The examples in hwq's docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import hwq

MODULES = sorted(module.name for module in pkgutil.walk_packages(hwq.__path__, "hwq.", lambda name: None))
MARKED = [pytest.param(name, marks=[pytest.mark.torch] * name.startswith("hwq.torch")) for name in MODULES]


@pytest.mark.parametrize("name", MARKED)
def test_examples(name: str) -> None:
    """Every module imports alone, and each of its examples holds."""
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
