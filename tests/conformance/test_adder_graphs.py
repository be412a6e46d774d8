"""Layers that are adder graphs, of every kind of scale, coding and window: equal to the simulator, at their formulas.

`test_ops.py` has the same fold among those of each case; here each is sure to come, and goes through Yosys as well.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builds import checked, graph_entries, plan_with
from cases import CASES, SAMPLES
from netlists import last_line, yosys
from nets import conv, dense, program, tensor
from test_yosys import SCRIPT

from hwq.arith import Rounding
from hwq.emit.generate import generate
from hwq.hw.plan import Plan
from hwq.ir.window import Window

LABELS = ("conv-same-half_up", "conv-half_even-channel", "conv-half_away-pow2", "conv-1x1-stride2", "conv-codebook",
          "conv-zero_points", "conv-floor", "depthwise-asymmetric", "dense-image-channel", "dense-powers2")  # fmt: skip
READ = ("conv-half_even-channel", "conv-zero_points", "depthwise-asymmetric")
"""Cases that Yosys reads."""


def _plan(label: str) -> Plan:
    kind, _, name = label.partition("-")
    (entry,) = graph_entries(CASES[kind][name], CASES[kind][name].ops[0])
    return plan_with(CASES[kind][name], {CASES[kind][name].ops[0].name: entry})


@pytest.mark.icarus
@pytest.mark.parametrize("label", LABELS)
def test_operations(label: str, tmp_path: Path) -> None:
    plan = _plan(label)
    assert plan.multipliers == 0 and not plan.net.roms
    for samples, stall in ((SAMPLES, 0.35), (SAMPLES + 1, 0.0)):
        result = checked(plan, tmp_path / "build", "icarus", samples, stall)
        assert result.passed, result.trouble


@pytest.mark.verilator
def test_verilator(tmp_path: Path) -> None:
    result = checked(_plan("conv-same-half_up"), tmp_path / "build", "verilator", SAMPLES, 0.2)
    assert result.passed, result.trouble


@pytest.mark.yosys
@pytest.mark.icarus
@pytest.mark.parametrize("label", READ)
def test_yosys_reads_the_same(label: str, tmp_path: Path) -> None:
    plan = _plan(label)
    generate(plan, tmp_path, SAMPLES)
    sources = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("rtl/*.sv"))
    yosys(tmp_path, SCRIPT.format(sources=" ".join(sources), top=plan.program.name))
    assert last_line(tmp_path, plan.program.name, "read.v").startswith("HWQ_RESULT PASS")


@pytest.mark.icarus
@pytest.mark.parametrize("window", [Window((1, 1)), Window((1, 1), (2, 2)), Window((3, 3), pads=(1, 1, 1, 1))], ids=str)
@pytest.mark.parametrize("stage", [1, 4])
def test_cycles_and_latency(window: Window, stage: int, tmp_path: Path) -> None:
    """A window a cycle, however many adders stand between two registers."""
    x = tensor(14, 16, 3)
    p = program([conv(x, 5, window)], {"a": x})
    (entry,) = graph_entries(p, p.ops[0])
    plan = plan_with(p, {"y": {**entry, "stage": stage}})
    assert plan.interval == 14 * 16
    result = checked(plan, tmp_path / "build", samples=6)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02)
    assert result.latency == pytest.approx(result.latency_formula, rel=0.05, abs=3)


@pytest.mark.icarus
def test_weights_that_are_all_zero(tmp_path: Path) -> None:
    """As quantisation makes of weights that are tiny: sums of one value, in no less than the bits of a requantiser."""
    a = tensor(1, 1, 6)
    op = dense(a, 3)
    requant = replace(op.requant, rounding=Rounding.HALF_EVEN)
    nothing = replace(op, weight=np.zeros_like(op.weight), bias=np.zeros_like(op.bias), requant=requant)
    p = program([nothing], {"a": a})
    result = checked(plan_with(p, {"y": graph_entries(p, p.ops[0])[0]}), tmp_path / "build", samples=8)
    assert result.passed, result.trouble


@pytest.mark.icarus
def test_a_frame_a_cycle(tmp_path: Path) -> None:
    """Two layers, each of which takes a whole frame in every cycle."""
    a, y = tensor(1, 1, 24), tensor(1, 1, 12)
    p = program([dense(a, 12, name="m"), dense(y, 5, source="m")], {"a": a})
    plan = plan_with(p, {op.name: graph_entries(p, op)[0] for op in p.ops})
    assert plan.interval == 1
    result = checked(plan, tmp_path / "build", samples=64)
    assert result.passed, result.trouble
    assert (result.cycles_per_frame, result.latency) == (1, result.latency_formula)
