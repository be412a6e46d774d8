"""Speed, memory and compile time of C models (`hwq export --format c`), next to hwq's fast simulator on one thread.

    python benchmarks/c_model.py            the demo network
    python benchmarks/c_model.py --deep     the networks of ../shared/models too
    python benchmarks/c_model.py --flags -O3,-march=native

Each figure is the best of some turns, in seconds of the processor, so that other work on the machine counts little: one
image at a time in C, all of them at once in the simulator.  Outputs are compared and must be equal.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from networks import ROOT, SHARED, Network, digits, quantised, shared
from rich.console import Console
from rich.table import Table

from hwq.arith import IntArray
from hwq.emit.cmodel import CModel, c_model
from hwq.ir.program import Program, quantise_inputs
from hwq.ir.types import TensorType
from hwq.sim import Simulator
from hwq.verify import tools

FOLDER = ROOT / "build" / "c_model"
TURNS = 5
IMAGES = 200
LEVELS = ("-O2", "-O3")

_MAIN = """
#include <stdio.h>
#include <time.h>
#include "hwq_net.h"

static {x} x[{images}][{inputs}];
static {y} y[{images}][{outputs}];

int main(void) {{
  FILE *file = fopen("in", "rb");
  if (file == NULL || fread(x, sizeof x, 1, file) != 1 || fclose(file) != 0) return 1;
  for (int turn = 0; turn < {turns}; turn++) {{
    const clock_t start = clock();
    for (int i = 0; i < {images}; i++) hwq_net_run(x[i], y[i]);
    printf("%.9f\\n", (double)(clock() - start) / CLOCKS_PER_SEC);
  }}
  file = fopen("out", "wb");
  return file == NULL || fwrite(y, sizeof y, 1, file) != 1 || fclose(file) != 0;
}}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One network: its model, images a second by compiler options, in C and in the simulator, and compile seconds."""

    name: str
    model: CModel
    rates: dict[str, float]
    compiled: dict[str, float]
    simulator: float


def measure(network: Network, levels: tuple[str, ...]) -> Row:
    """Compile and run the first images of a network's evaluation data with each set of options."""
    program = quantised(network.name, network.model, network.calib)
    (entering,), leaving = program.inputs, program.outputs[0]
    images = network.evaluation[:IMAGES].astype(entering.dtype)
    integers = quantise_inputs(program, {entering.name: images})
    rate, want = _simulated(program, integers)
    made = c_model(program, "net")
    folder = FOLDER / network.name
    folder.mkdir(parents=True, exist_ok=True)
    x, y = program.types[entering.tensor], program.types[leaving.tensor]
    main = _MAIN.format(
        x=_c_type(x), y=_c_type(y), images=len(images), inputs=x.pixels * x.channels, outputs=y.pixels * y.channels,
        turns=TURNS,
    )  # fmt: skip
    for name, text in (made.files | {"main.c": main}).items():
        (folder / name).write_text(text)
    (folder / "in").write_bytes(integers[entering.tensor].astype(x.dtype).tobytes())
    rates, compiled = {}, {}
    for level in levels:
        command = ["-std=c99", *level.split(), "-x", "c", "main.c", "-x", "c", "hwq_net.c", "-o", "net"]
        compiled[level] = _checked(folder, str(tools.require("g++").path), *command)[0]
        seconds = min(float(line) for line in _checked(folder, str(folder / "net"))[1].splitlines())
        rates[level] = len(images) / seconds
        got = np.frombuffer((folder / "out").read_bytes(), y.dtype).reshape(want[leaving.tensor].shape)
        if not np.array_equal(got, want[leaving.tensor]):
            raise SystemExit(f"{network.name} {level}: differs from the simulator")
    return Row(network.name, made, rates, compiled, rate)


def _simulated(program: Program, integers: dict[str, IntArray]) -> tuple[float, dict[str, IntArray]]:
    """Images a second of the fast simulator on one thread, and its results."""
    simulator = Simulator(program, threads=1)
    want = simulator.wide(integers)
    narrow = {name: x.astype(program.types[name].dtype) for name, x in integers.items()}
    best = 1e9
    for _ in range(TURNS):
        started = time.process_time()
        simulator(narrow)
        best = min(best, time.process_time() - started)
    return len(next(iter(integers.values()))) / best, want


def _checked(folder: Path, *command: str) -> tuple[float, str]:
    """Seconds and output of a command that must succeed."""
    finished = tools.run(command, cwd=folder, timeout=600)
    if finished.returncode != 0:
        raise SystemExit(finished.output)
    return finished.seconds, finished.output


def _c_type(type_: TensorType) -> str:
    return f"{'' if type_.signed else 'u'}int{8 * type_.dtype.itemsize}_t"


def main() -> None:
    """Print one row for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="the networks of ../shared/models too")
    parser.add_argument("--flags", help="options of the compiler beside -O2 and -O3, separated by commas")
    options = parser.parse_args()
    levels = (*LEVELS, *([options.flags.replace(",", " ")] if options.flags else ()))
    chosen = [digits()]
    if options.deep and SHARED.is_dir():
        chosen += [shared("cifar10_resnet8", most=IMAGES), shared("kws_dscnn_mlperf", most=IMAGES)]
    table = Table("network", "constants", "working", "simulator /s", *(f"{x} /s" for x in levels), "compile s")
    for network in chosen:
        row = measure(network, levels)
        table.add_row(
            row.name, f"{row.model.constant_bytes:,}", f"{row.model.working:,}", f"{row.simulator:,.0f}",
            *(f"{row.rates[x]:,.0f}" for x in levels), " ".join(f"{row.compiled[x]:.1f}" for x in levels),
        )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
