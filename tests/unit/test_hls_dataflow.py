"""Kernels that run at once, joined by streams of the depths that are declared, never stand still."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import fork_nets
import pytest
from hls_builds import Compiler, run_batch
from hls_dataflow import at_once

from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import for_multipliers
from hwq.ir.program import Program

pytestmark = pytest.mark.compiler
COMPILER = Compiler(flags=("-O0", "-pthread"))
SIZES = ((7, 6, 4), (5, 9, 2))
MULTIPLIERS = (5, 100)


def _plan(p: Program, number: int, multipliers: int) -> Plan:
    named = replace(p, name=f"n{number}")
    return make_plan(named, for_multipliers(named, multipliers).folds)


@pytest.mark.slow
@pytest.mark.parametrize("block", fork_nets.BLOCKS)
def test_blocks(block: str, tmp_path: Path) -> None:
    nets = [(fork_nets.BLOCKS[block](*size), count) for size in SIZES for count in MULTIPLIERS]
    plans = {f"{number}": _plan(p, number, count) for number, (p, count) in enumerate(nets)}
    assert run_batch(plans, tmp_path, COMPILER, 3, at_once) == {}


@pytest.mark.slow
@pytest.mark.parametrize("half", range(2))
def test_branches(half: int, tmp_path: Path) -> None:
    labels = list(fork_nets.NETS)[half::2]
    plans = {label: _plan(fork_nets.NETS[label](), number, 12) for number, label in enumerate(labels)}
    assert run_batch(plans, tmp_path, COMPILER, 3, at_once) == {}


@pytest.mark.parametrize("block", ["residual", "one-layer"])
def test_streams_that_are_too_short(block: str, tmp_path: Path) -> None:
    """What is proved above can fail."""
    plans = {block: _plan(fork_nets.BLOCKS[block](7, 6, 4), 0, 5)}
    assert "stands still" in str(run_batch(plans, tmp_path, COMPILER, 3, _short))


def _short(texts: Mapping[str, str]) -> dict[str, str]:
    found = at_once(texts)
    short = {name: re.sub(r"set_depth\(\d+\)", "set_depth(2)", text) for name, text in found.items()}
    return {name: text.replace("seconds(60)", "seconds(5)") for name, text in short.items()}
