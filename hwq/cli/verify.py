"""`hwq verify`: the hardware of a build against the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwq import api
from hwq.cli.commands import Build
from hwq.cli.options import CheckOptions, SimulatorName, command
from hwq.cli.session import Session, clean
from hwq.errors import HwqError
from hwq.ir.storage import check_writable, write_atomically
from hwq.report import verification as shown
from hwq.report.junit import junit

_KEEP = "What to keep"


@command
def verify(
    session: Session,
    folder: Build,
    check: CheckOptions,
    sim: Annotated[
        SimulatorName | None,
        typer.Option(metavar="NAME", help="verilator, icarus or all; C++ needs none.", show_default="verilator"),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Compare every inner stream as well.")] = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="Simulate the netlist of gates that Yosys makes of the RTL.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the random stalls.")] = 1,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA.npz", help="Samples to use instead of those in the build.", show_default=False),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DUMP.npz",
            help="Keep what passed on every stream, for `hwq diff`; one simulator.",
            show_default=False,
            rich_help_panel=_KEEP,
        ),
    ] = None,
    waves: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.vcd",
            help="Keep a waveform (.vcd, .fst) around the first mismatch, if there is one; one simulator.",
            show_default=False,
            rich_help_panel=_KEEP,
        ),
    ] = None,
    junit_file: Annotated[
        Path | None,
        typer.Option(
            "--junit",
            metavar="FILE.xml",
            help="Keep the result as JUnit XML: a test case for each simulator, with --trace for each layer.",
            show_default=False,
            rich_help_panel=_KEEP,
        ),
    ] = None,
) -> int:
    """Compare the hardware of a build with the simulator, bit for bit."""
    chosen = sim.value if sim else None
    if junit_file is not None:
        check_writable(junit_file)
    try:
        runs = api.verify(
            folder, chosen, check.samples, check.stall, trace, seed, data, session.progress, record, gate, waves
        )
    except HwqError as error:
        if junit_file is not None:
            write_atomically(junit_file, junit(str(folder), error, trace).encode())
        raise
    if junit_file is not None:
        write_atomically(junit_file, junit(str(folder), runs, trace).encode())
    notes = [clean(note) for note in shown.notes(runs, trace, waves)]
    session.result(
        {**shown.as_json(runs), "recording": record, "waves": runs[0].waves, "notes": notes},
        *shown.verification_lines(runs), *notes,
    )  # fmt: skip
    return 0 if all(run.passed for run in runs) else 1
