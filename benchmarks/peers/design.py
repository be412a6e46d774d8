"""What every generator's script has in common: its command line, and the files that it writes.

    python TOOL.py --model MODEL --data DATA.npz --setting NAME --frames N --out FOLDER

MODEL is an ONNX file or, for tools that get hwq's integers, an npz file of `benchmarks/plain.py`.  DATA holds batches
that are ready for it: `calib` to calibrate and `x`.  FOLDER, which is the working folder, gets Verilog; `outputs.npz`,
with `y`, the integers that the tool's own model computes for `x`, and `rtl`, those that its Verilog gave for the first
N of them or more; and `design.json`, which holds all else of a `Design`.  Verilator is on PATH.  The scripts run in
environments of their own and import nothing of hwq.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for."""

    model: Path
    calib: Batch
    x: Batch
    setting: str
    frames: int


@dataclass(frozen=True, slots=True)
class Design:
    """A generated design: the module `top` in `sources`, and what its simulation showed.

    `latency` and `interval` are in cycles; `generate` is the seconds from the quantised network to Verilog, `simulate`
    those that Verilator takes for a frame, once it has compiled.
    """

    top: str
    sources: list[str]
    multipliers: int
    latency: int
    interval: int
    generate: float
    simulate: float
    y: Batch
    rtl: Batch


def main(package: str, build: Callable[[Job], Design]) -> None:
    """Run `build` of the tool in Python package `package` as the command line says."""
    parser = argparse.ArgumentParser()
    for name in ("model", "data", "setting", "frames", "out"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    with np.load(options.data) as data:
        job = Job(Path(options.model), data["calib"], data["x"], options.setting, int(options.frames))
    found = asdict(build(job))
    out = Path(options.out)
    np.savez(out / "outputs.npz", **{name: found.pop(name) for name in ("y", "rtl")})
    (out / "design.json").write_text(json.dumps(found | {"version": version(package)}) + "\n")
