"""Runs a script of Yosys in a process of its own: an error of Yosys ends the process that it works in.

    python elaborate.py SCRIPT.ys

Yosys here is the one of the Python package `pyosys`, which is native and starts in 30 ms.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyosys import libyosys


def main(script: Path) -> None:
    """Run the commands of a file, one a line."""
    design = libyosys.Design()
    for line in script.read_text(encoding="utf-8").splitlines():
        if line.strip():
            libyosys.run_pass(line, design)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
