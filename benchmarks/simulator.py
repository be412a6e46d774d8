"""Speed of the fast simulator, next to onnxruntime's float32 model on the same batch in the same run.

    python benchmarks/simulator.py           the demo network
    python benchmarks/simulator.py --deep    all networks

Each figure is the best of five runs over the same samples, both on all processors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
from networks import Network, digits, networks
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.ir.program import quantise_inputs
from hwq.sim import simulate_fast

SAMPLES = 1000
RUNS = 5


def best_rate(run: Callable[[], Any], samples: int) -> float:
    """Samples a second in the best of some runs."""
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return samples / min(seconds)


def measure(network: Network) -> tuple[int, float, float]:
    """Samples in the batch, and samples a second of the simulator and of onnxruntime."""
    program = hwq.quantize(network.model, {"x": network.calib})
    port = program.inputs[0]
    pool = network.evaluation.reshape(-1, *port.index.shape).astype(np.float32)
    batch = np.resize(pool, (SAMPLES, *port.index.shape))
    integers = quantise_inputs(program, {port.name: batch})
    session = ort.InferenceSession(network.model, providers=["CPUExecutionProvider"])
    fixed = session.get_inputs()[0].shape[0] == 1
    parts = [batch[k : k + 1] for k in range(len(batch))] if fixed else [batch]

    def floats() -> None:
        for part in parts:
            session.run(None, {port.name: part})

    return len(batch), best_rate(lambda: simulate_fast(program, integers), len(batch)), best_rate(floats, len(batch))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="all networks")
    table = Table("network", "batch", "hwq simulate /s", "onnxruntime float32 /s", "ratio", title="Simulator")
    for network in networks() if parser.parse_args().deep else [digits()]:
        count, ours, theirs = measure(network)
        table.add_row(network.name, str(count), f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
