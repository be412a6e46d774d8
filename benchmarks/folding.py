"""How well foldings use what there is: multipliers by budget, and devices; with the bound and the solver's time.

    python benchmarks/folding.py            the demo network
    python benchmarks/folding.py --deep     the networks of ../shared/models too, and a ResNet-50 of random weights

Programs are kept in build/folding: what counts is shapes, so they are quantised with two samples and `fast`.
Utilisation is of the budget: MACs / (cycles * budget); where fewer multipliers are used, the second figure is of those.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import models
import numpy as np
import resnet50
from networks import ROOT, SHARED, digits, shared
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.errors import BadInput
from hwq.hw.cost import plan_cost
from hwq.hw.device import device
from hwq.hw.work import mac_count
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.quant.config import Effort

FOLDER = ROOT / "build" / "folding"
BUDGETS = (64, 128, 256, 512, 1024, 2048)
DEVICES = ("ecp5-85f", "artix7-35t", "zynq-7020", "zu7ev", "alveo-u250")
Made = Callable[[], Program]


def quantised(model: Path, samples: np.ndarray) -> Program:
    """The program of a model, quickly."""
    return hwq.quantize(model, {"x": samples[:2]}, Effort.FAST.config())


def programs(deep: bool) -> Iterator[tuple[str, Made]]:
    """Networks by name, and how their programs are made."""
    demo = digits()
    yield "digits", lambda: quantised(demo.model, demo.calib)
    if not deep:
        return
    if SHARED.is_dir():
        for name in ("cifar10_resnet8", "kws_dscnn_mlperf", "ad_autoencoder_mlperf"):
            network = shared(name, most=2)
            yield name, lambda network=network: quantised(network.model, network.calib)
        mobilenet = models.imagenet("imagenet_mobilenet_v2_deq")
        yield "mobilenet_v2", lambda: quantised(mobilenet.model, mobilenet.calib)
    noise = np.random.default_rng(0).normal(size=(2, 3, resnet50.SIDE, resnet50.SIDE)).astype(np.float32)
    yield "resnet50", lambda: quantised(resnet50.write(FOLDER / "resnet50.onnx"), noise)


def kept(name: str, make: Made) -> Program:
    """The program in build/folding, made where it is missing."""
    path = FOLDER / f"{name}.hwq"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        serial.save(make(), path)
    return serial.load(path)


def budgets(name: str, program: Program) -> Iterator[list[str]]:
    """A row for each number of multipliers."""
    macs = mac_count(program)
    for multipliers in BUDGETS:
        start = time.perf_counter()
        try:
            plan = hwq.Target(multipliers=multipliers).plan(program)
        except BadInput:
            continue
        seconds = time.perf_counter() - start
        assert plan.bound is not None
        yield [
            name, f"{multipliers:,}", f"{plan.multipliers:,}", f"{plan.interval:,}", f"{plan.bound.least:,}",
            f"{macs / plan.interval / multipliers:.3f}", f"{plan.utilisation:.3f}", f"{seconds:.2f}",
        ]  # fmt: skip


def fits(name: str, program: Program) -> Iterator[list[str]]:
    """A row for each device."""
    for part in map(device, DEVICES):
        start = time.perf_counter()
        try:
            plan = hwq.Target(device=part).plan(program)
        except BadInput as error:
            yield [name, part.name, str(error).split(": ", 1)[1][:90], *[""] * 6]
            continue
        seconds, taken = time.perf_counter() - start, plan_cost(plan, part.family)
        assert plan.bound is not None
        yield [
            name, part.name, f"{plan.interval:,}", f"{plan.bound.least:,}", f"{plan.multipliers:,}",
            f"{100 * taken.luts / part.luts:.0f}", f"{100 * taken.dsps / part.dsps:.0f}",
            f"{100 * taken.rams / part.rams:.0f}", f"{seconds:.2f}",
        ]  # fmt: skip


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="all networks")
    options = parser.parse_args()
    console = Console(width=120)
    heads = {
        budgets: ("network", "budget", "used", "cycles", "bound", "of budget", "of used", "seconds"),
        fits: ("network", "device", "cycles", "bound", "multipliers", "LUT %", "DSP %", "RAM %", "seconds"),
    }
    found = [(name, kept(name, make)) for name, make in programs(options.deep)]
    for rows, columns in heads.items():
        table = Table(*columns)
        for name, program in found:
            for row in rows(name, program):
                table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
