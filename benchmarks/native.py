"""The native engine (`hwq simulate --engine native`): seconds to compile, and frames a second, of the processor.

    python benchmarks/native.py             the demo network
    python benchmarks/native.py NET.hwq ..  these programs

Both engines have one thread.  The time of the native engine is that of its process, from its start to its end, files in
and out included; the fast engine has its samples in memory.  Results are compared and must be equal.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from networks import digits, quantised
from rich.console import Console
from rich.table import Table

from hwq.api import NativeSimulator, Simulator, load_program
from hwq.emit.vectors import stimulus
from hwq.ir.program import Program

TURNS = 3
SECONDS = 0.5
"""What a turn should take at least."""


def children() -> float:
    """Seconds of the processor in all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spent(clock: Callable[[], float], call: Callable[[], object]) -> float:
    """Seconds by `clock` that `call` takes."""
    start = clock()
    call()
    return clock() - start


def row(program: Program) -> tuple[str, ...]:
    """Seconds to compile, and frames a second of the native and of the fast engine."""
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, HWQ_CACHE=cache):
        start = children()
        native = NativeSimulator(program)
        compiling = children() - start
        fast = Simulator(program, threads=1)
        count = 8
        samples = stimulus(program, count)
        while spent(children, partial(native, samples)) < SECONDS:
            count *= 2
            samples = stimulus(program, count)
        found, wanted = native(samples), fast(samples)
        if not all(np.array_equal(found[name], wanted[name]) for name in wanted):
            raise SystemExit(f"{program.name}: the engines differ")
        rates = (
            count / min(spent(clock, partial(engine, samples)) for _ in range(TURNS))
            for engine, clock in ((native, children), (fast, time.process_time))
        )
        return (f"{compiling:.1f}", *(f"{rate:,.0f}" for rate in rates))


def main() -> None:
    """Measure each program, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", type=Path, help="files of programs; the demo network without any")
    given = parser.parse_args().programs
    demo = digits()
    programs = {path.stem: load_program(path) for path in given} or {
        demo.name: quantised(demo.name, demo.model, demo.calib)
    }
    table = Table("network", "compile, s", "native, frames/s", "fast, frames/s", title="one thread")
    for name, program in programs.items():
        table.add_row(name, *row(program))
    Console().print(table)


if __name__ == "__main__":
    main()
