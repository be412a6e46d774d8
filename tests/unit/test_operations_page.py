"""docs/operations.md is what its script writes, and the tables that it reads know every operation."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from hwq.ir.op import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
FOR_PROGRAMS = {"threshold"}
"""Operations that only programs from elsewhere have."""


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "operations.py"))


def test_page_is_up_to_date(script: dict[str, Any]) -> None:
    assert script["PAGE"].read_text("utf-8") == script["page"](), "run `make docs`"


def test_every_operation_comes_from_an_onnx_operator(script: dict[str, Any]) -> None:
    assert {kind for kind, operators in script["operators"]().items() if not operators} <= FOR_PROGRAMS


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_engines_are_those_of_plans(script: dict[str, Any], kind: str) -> None:
    """The table "Engines" of docs/hardware.md names every module that a plan has for the operation."""
    rows = script["table"](script["HARDWARE"], "| operation | built from |")
    named = {m for head, text in rows if kind in re.findall(r"\w+", head) for m in re.findall(r"hwq_\w+", text)}
    assert set(script["seen"](kind).modules) <= named
