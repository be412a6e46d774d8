"""`hwq diff`: where two forms of one network begin to differ."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hwq import api
from hwq.cli.options import command
from hwq.cli.session import Session
from hwq.ir.storage import check_writable, write_atomically
from hwq.report import diff as shown
from hwq.report.diff_plot import plot as draw
from hwq.report.figure import kind_of, require_plot

_SIDE = "A model (float or golden), a NET.hwq, a build, what `hwq verify --record` wrote, or a folder of vectors."


@command
def diff(
    session: Session,
    a: Annotated[Path, typer.Argument(metavar="A", help=_SIDE, show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same, another one.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA.npz]", help="Inputs, batch first; not where A or B brings its own.", show_default=False
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw it, as .svg or .png.", show_default=False)
    ] = None,
) -> int:
    """Compare two forms of a network layer by layer: the first difference, and statistics of the errors.

    Integers are compared exactly, and the exit code is 1 where they differ. With a float model on one side, or other
    scales, real values are compared, and the exit code is 0.
    """
    if plot is not None:
        kind = kind_of(plot)
        require_plot("leave --plot out")
        check_writable(plot)
    started = time.monotonic()
    found = api.diff(a, b, data, session.progress)
    if plot is not None:
        session.progress("Drawing")
        write_atomically(plot, draw(found, kind))
    value = {**shown.as_json(found), "plot": plot, "seconds": time.monotonic() - started}
    wrote = [f"Wrote {plot}"] if plot is not None else []
    session.result(value, *shown.render(found), *wrote)
    return 0 if found.passed else 1
