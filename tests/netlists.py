"""Netlists that synthesis made, in a build's own testbench."""

from __future__ import annotations

from pathlib import Path

from hwq.verify import tools


def yosys(folder: Path, script: str) -> None:
    """Run commands of Yosys in a folder."""
    (folder / "test.ys").write_text(script)
    _done(folder, "yosys", "-q", "-s", "test.ys")


def last_line(folder: Path, top: str, *netlist: str) -> str:
    """How the testbench of the build `folder` ends on Icarus, with stalls and `netlist` in the place of its RTL."""
    benches = sorted(str(path.relative_to(folder)) for path in folder.glob("tb/*.sv"))
    _done(folder, "iverilog", "-g2012", "-DHWQ_GATE", "-s", f"tb_{top}", "-o", "run", *benches, *netlist)
    output = _done(folder, "vvp", "-N", "run", "+stall_in=30", "+stall_out=30")
    return next(line for line in reversed(output.splitlines()) if line.startswith("HWQ_RESULT"))


def _done(folder: Path, name: str, *arguments: str) -> str:
    done = tools.run([str(tools.require(name).path), *arguments], cwd=folder, timeout=600)
    assert done.returncode == 0, done.output[-2000:]
    return done.output
