"""How long it takes to verify a build: `hwq verify`, from the Verilog to the comparison of every output bit.

    python benchmarks/verification.py           the demo network: Verilator and Icarus
    python benchmarks/verification.py --deep    and ResNet-8 (12.5 M multiplications an image) at 512 multipliers

Seconds are those of the processor, in all processes that the command starts, compiled anew.  The peer is Icarus, with
the same build and the same images; ResNet-8 would take minutes an image there, and is not run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

from native import children
from networks import Network, digits, quantised, shared
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.hw.target import Target

STALL = 0.3
ICARUS_MULTIPLIERS = 64


def verified(build: Path, simulator: str, samples: int, stall: float = 0.0, trace: bool = False) -> float:
    """Seconds of the processor that verifying takes; the build must pass."""
    start = children()
    (run,) = hwq.verify(build, simulator, samples, stall, trace)
    if not run.passed:
        raise SystemExit(f"{build}: {simulator} differs: {run.trouble}")
    return children() - start


def rows(network: Network, multipliers: int, samples: int, icarus: int) -> list[tuple[str, ...]]:
    """Compiling, and seconds an image: free, with stalls, with inner streams; on Icarus too with `icarus` images."""
    program = quantised(network.name, network.model, network.calib)
    found = []
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, HWQ_CACHE=f"{folder}/cache"):
        build = Path(folder, "build")
        hwq.generate(program, build, Target(multipliers=multipliers))
        for simulator, count in (("verilator", samples), ("icarus", icarus)):
            if not count:
                continue
            seconds = {}
            for name, stall, trace in (("free", 0.0, False), ("stalls", STALL, False), ("inner", 0.0, True)):
                # Reading the samples and the first frames' latency are in both, so they cancel.  Long and short runs
                # may have testbenches of their own.
                first, whole = (verified(build, simulator, 4 + count, stall, trace) for _ in range(2))
                _, least = (verified(build, simulator, 4, stall, trace) for _ in range(2))
                seconds[name] = (whole - least) / count
                seconds.setdefault("compile", first - whole)
            start = time.perf_counter()
            verified(build, simulator, count)
            wall = time.perf_counter() - start
            figures = [f"{seconds[key]:.3f}" for key in ("free", "stalls", "inner")]
            found.append((network.name, str(multipliers), simulator, f"{seconds['compile']:.1f}", *figures,
                          f"{count} in {wall:.1f}"))  # fmt: skip
    return found


def main() -> None:
    """Measure each network, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="ResNet-8 too")
    table = Table(
        "network", "multipliers", "simulator", "compile, s", "s/image", "stalls", "inner", "images in s, wall"
    )
    chosen = [(digits(), ICARUS_MULTIPLIERS, 200, 4)]
    if parser.parse_args().deep:
        chosen.append((shared("cifar10_resnet8"), 512, 400, 0))
    for network in chosen:
        for row in rows(*network):
            table.add_row(*row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
