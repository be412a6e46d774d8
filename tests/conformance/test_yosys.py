"""Yosys reads the hardware as simulators do: what it makes of each operation passes the build's testbench.

Tools differ in silence: Yosys drops the minus of ``-W'(x)``, for instance.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cases import CASES, SAMPLES
from hardware import DEEP, entries, plan_with
from synth_nets import small_plan
from test_ops import VERILATED

from hwq.emit.generate import generate
from hwq.hw.plan import Plan
from hwq.ir.program import Program
from hwq.verify import tools

PROGRAMS = {f"{kind}-{name}": p for kind, cases in CASES.items() for name, p in cases.items()}
INNER = re.compile(r"\(dut\.\w+_tvalid && dut\.\w+_tready\)")
"""What the testbench looks at to see whether anything moves inside; what Yosys writes has no such wires."""
SCRIPT = """read_verilog -sv -defer {sources}
hierarchy -check -top {top}
prep -flatten -top {top}
write_verilog -noattr read.v
"""


def passes(plan: Plan, folder: Path) -> str:
    """The last line of the testbench with what Yosys has read in the place of the network."""
    generate(plan, folder, SAMPLES)
    top = plan.program.name
    sources = sorted(path.relative_to(folder).as_posix() for path in folder.glob("rtl/*.sv"))
    (folder / "read.ys").write_text(SCRIPT.format(sources=" ".join(sources), top=top))
    bench = folder / "tb" / f"tb_{top}.sv"
    bench.write_text(INNER.sub("1'b0", bench.read_text()))
    yosys, iverilog, vvp = (str(tools.require(name).path) for name in ("yosys", "iverilog", "vvp"))
    benches = sorted(str(path.relative_to(folder)) for path in folder.glob("tb/*.sv"))
    for command in (
        [yosys, "-q", "-s", "read.ys"],
        [iverilog, "-g2012", "-s", f"tb_{top}", "-o", "run", *benches, "read.v"],
        [vvp, "-N", "run", "+stall_in=30", "+stall_out=30"],
    ):
        done = tools.run(command, cwd=folder, timeout=600)
        assert done.returncode == 0, done.output[-2000:]
    return next(line for line in reversed(done.output.splitlines()) if line.startswith("HWQ_RESULT"))


@pytest.mark.yosys
@pytest.mark.icarus
@pytest.mark.parametrize("label", PROGRAMS if DEEP else sorted(VERILATED))
def test_operations(label: str, tmp_path: Path) -> None:
    program: Program = PROGRAMS[label]
    chosen = {op.name: entries(program, op)[-1] for op in program.ops}
    assert passes(plan_with(program, chosen), tmp_path / "b").startswith("HWQ_RESULT PASS")


@pytest.mark.yosys
@pytest.mark.icarus
def test_network(tmp_path: Path) -> None:
    assert passes(small_plan(), tmp_path / "b").startswith("HWQ_RESULT PASS")
