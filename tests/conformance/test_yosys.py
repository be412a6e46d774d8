"""Yosys reads the hardware as simulators do: what it makes of each operation passes the build's testbench.

Tools differ in silence: Yosys drops the minus of ``-W'(x)``, for instance.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import CASES, SAMPLES
from hardware import DEEP, entries, plan_with
from netlists import last_line, yosys
from test_ops import VERILATED

from hwq.emit.generate import generate

PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}
SCRIPT = """read_verilog -sv -defer {sources}
hierarchy -check -top {top}
prep -flatten -top {top}
write_verilog -noattr read.v
"""


@pytest.mark.yosys
@pytest.mark.icarus
@pytest.mark.parametrize("label", PROGRAMS if DEEP else sorted(VERILATED))
def test_operations(label: str, tmp_path: Path) -> None:
    program = PROGRAMS[label]
    generate(plan_with(program, {op.name: entries(program, op)[-1] for op in program.ops}), tmp_path, SAMPLES)
    sources = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("rtl/*.sv"))
    yosys(tmp_path, SCRIPT.format(sources=" ".join(sources), top=program.name))
    assert last_line(tmp_path, program.name, "read.v").startswith("HWQ_RESULT PASS")
