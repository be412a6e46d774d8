"""`hwq explore`: what a network loses as its weights get fewer bits, and the designs on devices that it leads to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hwq import api
from hwq.cli.budget_options import WidthOptions
from hwq.cli.commands import Calib, Model
from hwq.cli.design_options import NO_DESIGNS, DesignOptions, explore_hardware, make_folder
from hwq.cli.options import command
from hwq.cli.session import Session
from hwq.errors import BadInput
from hwq.ir.storage import check_writable, write_atomically
from hwq.report import pareto
from hwq.report.figure import require_plot

_SWEEP = "Sweep"
MAX_POINTS = 200


@command
def explore(
    session: Session,
    model: Model,
    calib: Calib,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", help="Folder for pareto.json, .svg and .png.", show_default=False
        ),
    ],
    options: WidthOptions,
    first: Annotated[
        float, typer.Option("--from", metavar="BITS", help="Lowest average.", rich_help_panel=_SWEEP)
    ] = 2.0,
    last: Annotated[float, typer.Option("--to", metavar="BITS", help="Highest average.", rich_help_panel=_SWEEP)] = 8.0,
    step: Annotated[
        float, typer.Option(min=0.01, metavar="BITS", help="From one average to the next.", rich_help_panel=_SWEEP)
    ] = 0.5,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="Quantise at every point, and measure; takes that much longer.", rich_help_panel=_SWEEP
        ),
    ] = False,
    plot: Annotated[bool, typer.Option("--plot/--no-plot", help="Draw the front.", rich_help_panel=_SWEEP)] = True,
    designs: DesignOptions = NO_DESIGNS,
) -> None:
    """Show exactness against cost for bits chosen by layer, and for one width throughout.

    With --device every point is quantised and fitted on each device: rate, area and exactness of each design.
    """
    config, averages = options.quant_config(), _sweep(first, last, step)
    if plot:
        require_plot("--no-plot")
    if designs.wanted():
        explore_hardware(session, model, calib, output, config, averages, designs, plot)
        return
    files = [output / f"pareto.{kind}" for kind in ("json", *(("svg", "png") if plot else ()))]
    make_folder(output)
    for file in files:
        check_writable(file)
    started = time.monotonic()
    front = api.explore(model, calib, averages, config, measure, session.progress)
    session.progress("Writing")
    write_atomically(files[0], pareto.json_text(front).encode())
    for file in files[1:]:
        write_atomically(file, pareto.plot(front, file.suffix[1:]))
    value = {"output": output, **pareto.as_json(front), "seconds": time.monotonic() - started}
    wrote = f"Wrote {', '.join(str(file) for file in files)}"
    following = f"Next: hwq quantize {model} --calib {calib} -o NET.hwq --average-bits BITS, and the same options"
    session.result(value, *pareto.table(front), "", wrote, following)


def _sweep(first: float, last: float, step: float) -> list[float]:
    """Averages from `first` to `last`."""
    count = int((last - first) / step + 1e-6) + 1 if 0.0 < first <= last else 0
    if not 1 <= count <= MAX_POINTS:
        raise BadInput(f"--from {first:g} --to {last:g} --step {step:g}: expected 1 to {MAX_POINTS} rising averages.")
    return [first + k * step for k in range(count)]
