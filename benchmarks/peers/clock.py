"""What every contestant of the speed benchmark has in common: a process of its own that computes when it is told to.

    python TOOL.py --model M --samples SAMPLES.npz --out OUT.npz --threads 2 --setting NAME

SAMPLES holds float32 samples `x`, batch first.  The process computes them once unmeasured and writes OUT: `y`, the
outputs of the batch, and `rows`, those of its first samples computed one by one.  Then it answers each line of standard
input with one line of JSON, until that ends:

    batch     samples a second, all of them in a call
    single    samples a second, one in each call
    memory    MiB resident before the first call, and at the peak

The first line that it writes, unasked, is the `version` of the tool and the `seconds` that it took to open the model.
Nothing that a contestant needs only once is measured: opening, compiling, and making inputs as it takes them.  The
scripts run in environments of their own and import nothing of each other.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[Any]
Prepare = Callable[[Batch], Any]
"""Samples (batch, ...), float32, as the contestant takes them."""
Run = Callable[[Any], Batch]
"""What is measured: outputs, batch first, of what a `Prepare` made."""
TURN_SECONDS = 0.2
CHECKED = 8
STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Job:
    """What a contestant is asked to open, and the number of threads that it may use."""

    model: Path
    setting: str
    threads: int


def restrict(threads: int) -> None:
    """Keep this process on as many processors, also where a library has no option for its threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def forget_peak() -> None:
    """Let the peak of resident memory begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory(field: str) -> float | None:
    """MiB that Linux tells about this process; None elsewhere.

    Not `ru_maxrss`: a process inherits that of the one that started it.
    """
    found = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE) if STATUS.exists() else None
    return int(found[1]) / 1024 if found else None


def batch_rate(run: Run, inputs: Any, samples: int) -> float:
    """Samples a second in the best of some calls, `TURN_SECONDS` long but one call at least."""
    best, begin = float("inf"), time.perf_counter()
    while best == float("inf") or time.perf_counter() - begin < TURN_SECONDS:
        start = time.perf_counter()
        run(inputs)
        best = min(best, time.perf_counter() - start)
    return samples / best


def single_rate(run: Run, inputs: list[Any]) -> float:
    """Samples a second over calls of one each, `TURN_SECONDS` long."""
    start = time.perf_counter()
    for count, one in enumerate(itertools.cycle(inputs), 1):
        run(one)
        if (passed := time.perf_counter() - start) >= TURN_SECONDS:
            return count / passed
    raise ValueError("no samples, expected at least one")


def main(package: str, open_model: Callable[[Job], tuple[Prepare, Run]]) -> None:
    """Serve what `open_model` opens, of the tool in Python package `package`."""
    parser = argparse.ArgumentParser()
    for name in ("model", "samples", "out", "threads", "setting"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    # Libraries may print what they like: the answers have a way of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    restrict(int(options.threads))
    x = np.load(options.samples)["x"]
    start = time.perf_counter()
    prepare, run = open_model(Job(Path(options.model), options.setting, int(options.threads)))
    seconds = time.perf_counter() - start
    inputs = prepare(x)
    singles = [prepare(x[k : k + 1]) for k in range(min(len(x), max(CHECKED, 2**16 // x[0].size)))]
    forget_peak()
    loaded = memory("VmRSS")
    outputs = run(inputs)
    np.savez(options.out, y=outputs, rows=np.concatenate([run(one) for one in singles[:CHECKED]]))
    del outputs
    commands: dict[str, Callable[[], Any]] = {
        "batch": lambda: batch_rate(run, inputs, len(x)),
        "single": lambda: single_rate(run, singles),
        "memory": lambda: [loaded, memory("VmHWM")],
    }
    print(json.dumps({"version": version(package), "seconds": seconds}), file=answers)
    for line in sys.stdin:
        print(json.dumps(commands[line.strip()]()), file=answers)
