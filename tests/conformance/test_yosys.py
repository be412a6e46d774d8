"""Yosys reads the hardware as simulators do: what it makes of each operation passes the build's testbench.

Tools differ in silence: Yosys drops the minus of ``-W'(x)``, for instance.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import DEEP, Entry, entries, plan_with, with_logic
from cases import CASES, SAMPLES
from netlists import last_line, yosys
from test_ops import VERILATED

from hwq.emit.generate import generate
from hwq.ir.program import Program

PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}
SCRIPT = """read_verilog -sv -defer {sources}
hierarchy -check -top {top}
prep -flatten -top {top}
write_verilog -noattr read.v
"""
LOGIC = ("conv-unsigned-relu", "conv-16-bit", "depthwise-same", "dense-image-channel", "groupconv-two")
"""Layers whose products come from LUTs."""


@pytest.mark.yosys
@pytest.mark.icarus
@pytest.mark.parametrize("label", PROGRAMS if DEEP else sorted(VERILATED))
def test_operations(label: str, tmp_path: Path) -> None:
    program = PROGRAMS[label]
    _check(program, {op.name: entries(program, op)[-1] for op in program.ops}, tmp_path)


@pytest.mark.yosys
@pytest.mark.icarus
@pytest.mark.parametrize("label", LOGIC if DEEP else LOGIC[:1])
def test_products_from_luts(label: str, tmp_path: Path) -> None:
    program = PROGRAMS[label]
    _check(program, {op.name: with_logic(entries(program, op)[-1]) for op in program.ops}, tmp_path)


def _check(program: Program, folding: dict[str, Entry], tmp_path: Path) -> None:
    generate(plan_with(program, folding), tmp_path, SAMPLES)
    sources = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("rtl/*.sv"))
    yosys(tmp_path, SCRIPT.format(sources=" ".join(sources), top=program.name))
    assert last_line(tmp_path, program.name, "read.v").startswith("HWQ_RESULT PASS")
