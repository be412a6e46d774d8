"""Line and toggle coverage of the RTL library over its tests, counted by Verilator.

    python proof/coverage/rtl.py             run the tests of modules and operations on Verilator, then report
    python proof/coverage/rtl.py --report    report what the last run counted

Fails where fewer than 95 % of the lines ran, or where a line that never ran is not explained in holes.toml, or where
holes.toml explains one that did. Lines under `ifndef SYNTHESIS` that run only where something is wrong do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from points import Points
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "templates" / "rtl"
FOUND = ROOT / "build" / "coverage-rtl"
HOLES = Path(__file__).with_name("holes.toml")
TESTS = ["rtl_sim", "tests/conformance"]
LEAST = 0.95
"""Share of lines that must run."""


def run_tests(jobs: int, more: list[str]) -> None:
    """Run the tests that simulate with Verilator; they must pass."""
    shutil.rmtree(FOUND, ignore_errors=True)
    command = [
        sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "--dist", "worksteal", "-m", "verilator",
        "-p", "plugin", *(more or TESTS),
    ]  # fmt: skip
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path, "HWQ_COVERAGE": str(FOUND)}, check=True)


def checks(text: str) -> set[int]:
    """Numbers of the lines that run only where a check fails."""
    return {number for number, line in enumerate(text.splitlines(), 1) if "$fatal" in line or "$error" in line}


def processes(text: str) -> set[int]:
    """Numbers of the lines at which a process begins, but for those of cells of a vendor.

    Verilator says nothing of a process that no set of parameters brought into the design.
    """
    found: set[int] = set()
    vendor = False
    for number, line in enumerate(text.splitlines(), 1):
        vendor = line.startswith("`ifdef HWQ_") or (vendor and not line.startswith(("`else", "`endif")))
        if not vendor and re.match(r"\s*always", line):
            found.add(number)
    return found


def report(points: Points) -> bool:
    """Print the coverage of each module, and every line that never ran; return whether all is well."""
    console = Console(width=120)
    reasons = tomllib.loads(HOLES.read_text("utf-8"))
    table = Table("module", "lines", "ran", "per cent", "bits", "toggled", "per cent")
    totals = [0, 0, 0, 0]
    holes: list[str] = []
    explained: set[tuple[str, str]] = set()
    for path in sorted(LIBRARY.glob("*.sv")):
        text = path.read_text("utf-8")
        source, skipped = text.splitlines(), checks(text)
        lines = dict.fromkeys(processes(text), False) | points.lines.get(path.name, {})
        lines = {number: hit for number, hit in lines.items() if number not in skipped}
        bits = points.toggles.get(path.name, {})
        row = [len(lines), sum(lines.values()), len(bits), sum(bits.values())]
        totals = [a + b for a, b in zip(totals, row, strict=True)]
        table.add_row(path.stem, *_cells(row))
        for number in sorted(n for n, hit in lines.items() if not hit):
            line = source[number - 1].strip()
            reason = reasons.get(path.stem, {}).get(line)
            explained.add((path.stem, line))
            holes.append(f"{path.name}:{number}: {line}  -- {reason or 'NOT EXPLAINED'}")
    table.add_section()
    table.add_row("all", *_cells(totals))
    console.print(table)
    for hole in holes:
        console.print(hole, markup=False, highlight=False)
    stale = [
        f"{module}: {line}" for module, lines in reasons.items() for line in lines if (module, line) not in explained
    ]
    for line in stale:
        console.print(f"holes.toml explains a line that ran: {line}", markup=False)
    return totals[1] >= LEAST * totals[0] and not stale and not any("NOT EXPLAINED" in hole for hole in holes)


def _cells(row: list[int]) -> list[str]:
    lines, ran, bits, toggled = row
    return [str(lines), str(ran), _percent(ran, lines), str(bits), str(toggled), _percent(toggled, bits)]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def main() -> int:
    """Run, merge and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="do not run the tests again")
    parser.add_argument("--jobs", type=int, default=2, help="tests side by side (2)")
    arguments, more = parser.parse_known_args()
    if not arguments.report:
        run_tests(arguments.jobs, more)
    points = Points()
    for path in sorted(FOUND.glob("*.json")):
        points.merge(json.loads(path.read_text("utf-8")))
    return 0 if report(points) else 1


if __name__ == "__main__":
    sys.exit(main())
