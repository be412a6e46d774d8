"""Accuracy, exactness, cycles and times of every network: the tables of README and of the release notes.

    python benchmarks/run.py           the demo network, every kind of scale; with --scale KIND one of them
    python benchmarks/run.py --deep    all networks, 20 samples on Verilator and 1 on Icarus, and the folding targets

Builds come from the cache where nothing changed; `--no-cache` compiles everything again, for true build times.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import figures
import numpy as np
from networks import Network, digits, networks
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.ir.program import Program
from hwq.quant import QuantConfig, ScaleKind

TARGETS = (64, 96, 128, 192, 256, 384, 512)
STALL = 0.3


def integer_run(program: Program, network: Network) -> Any:
    """A runner of samples that computes real values from the integer program."""
    port = program.outputs[0]

    def run(xs: list[np.ndarray]) -> list[np.ndarray]:
        stacked = np.stack(xs).reshape(len(xs), *program.inputs[0].index.shape)
        return list(hwq.simulate(program, {program.inputs[0].name: stacked})[port.name])

    return run


def agreement(network: Network, program: Program) -> tuple[float | None, float]:
    """Per cent of equal classes (None where nothing is classified), and the SQNR of the outputs in dB."""
    xs = list(
        network.evaluation[0] if network.evaluation[0].ndim == 2 and not network.classifies else network.evaluation
    )
    exact = np.stack(network.float_run(xs)).reshape(len(xs), -1)
    got = np.stack(integer_run(program, network)(xs)).reshape(len(xs), -1)
    if program.outputs[0].host_ops:
        got = np.exp(got - got.max(1, keepdims=True))
        got /= got.sum(1, keepdims=True)
    return figures.agreement(exact, got) if network.classifies else None, figures.sqnr(exact, got)


def measure(network: Network, scale: ScaleKind, multipliers: int, samples: int, icarus: int) -> dict[str, Any]:
    """One row: accuracy over the whole evaluation set, and the hardware checked on both simulators."""
    start = time.perf_counter()
    program = hwq.quantize(network.model, {"x": network.calib}, QuantConfig(scale=scale))
    quantised = time.perf_counter()
    same, ratio = agreement(network, program)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "build"
        begun = time.perf_counter()
        plan = hwq.generate(program, folder, hwq.Target(multipliers=multipliers))
        generated = time.perf_counter()
        verilator = hwq.verify(folder, "verilator", samples, STALL)[0]
        on_icarus = hwq.verify(folder, "icarus", icarus, 0.0)[0] if icarus else None
    return {
        "network": network.name, "scale": scale.value,
        "float": network.score(network.float_run), "integer": network.score(integer_run(program, network)),
        "agree": same, "sqnr": ratio, "multipliers": plan.multipliers, "formula": plan.interval,
        "measured": verilator.cycles_per_frame, "utilisation": verilator.utilisation,
        "verilator": (verilator.samples, verilator.mismatches),
        "icarus": (on_icarus.samples, on_icarus.mismatches) if on_icarus else (0, 0),
        "seconds": (quantised - start, generated - begun, verilator.build_seconds, verilator.seconds_per_sample),
    }  # fmt: skip


def show(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print rows as two tables: what is computed, and what it takes."""
    accuracy = Table(
        "network",
        "scale",
        "float %",
        "integer %",
        "agree %",
        "SQNR dB",
        title="Accuracy, 8 bits, whole evaluation set",
    )
    hardware = Table(
        "network", "scale", "mult.", "II formula", "II measured", "util.", f"Verilator, {STALL:.0%} stalls", "Icarus",
        "quantise s", "generate s", "build s", "s/image", title="Hardware: samples verified / mismatching beats",
    )  # fmt: skip
    for row in rows:
        figures = [" / ".join(f"{value:.1f}" for value in row[key].values()) for key in ("float", "integer")]
        same = "" if row["agree"] is None else f"{row['agree']:.1f}"
        accuracy.add_row(row["network"], row["scale"], *figures, same, f"{row['sqnr']:.1f}")
        checks = ["{} / {}".format(*row[key]) for key in ("verilator", "icarus")]
        times = [f"{value:.2f}" for value in row["seconds"]]
        hardware.add_row(
            row["network"], row["scale"], str(row["multipliers"]), str(row["formula"]), f"{row['measured']:.0f}",
            f"{row['utilisation']:.3f}", *checks, *times,
        )  # fmt: skip
    console.print(accuracy, hardware)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="all networks and targets: about half an hour on two cores")
    parser.add_argument("--no-cache", action="store_true", help="compile every testbench again")
    parser.add_argument("--scale", choices=[scale.value for scale in ScaleKind], help="one kind of scale alone")
    options = parser.parse_args()
    scales = [ScaleKind(options.scale)] if options.scale else list(ScaleKind)
    console = Console(width=170)
    with tempfile.TemporaryDirectory() as cache:
        if options.no_cache:
            os.environ["HWQ_CACHE"] = cache
        chosen = networks() if options.deep else [digits()]
        rows = []
        for network in chosen:
            for scale in scales:
                rows.append(measure(network, scale, 128, 20, 1))
                console.print(rows[-1]["network"], rows[-1]["scale"], "done", style="dim")
        show(console, rows)
        if options.deep:
            table = Table(
                "network",
                "target",
                "multipliers",
                "II formula",
                "II measured",
                "utilisation",
                "mismatches",
                title="Folding targets",
            )
            for network in [n for n in chosen if n.name in ("cifar10_resnet8", "kws_dscnn_mlperf")]:
                for target in TARGETS:
                    row = measure(network, ScaleKind.POW2, target, 2, 0)
                    sizes = [str(value) for value in (target, row["multipliers"], row["formula"])]
                    speed = [f"{row['measured']:.0f}", f"{row['utilisation']:.3f}", str(row["verilator"][1])]
                    table.add_row(row["network"], *sizes, *speed)
            console.print(table)


if __name__ == "__main__":
    main()
