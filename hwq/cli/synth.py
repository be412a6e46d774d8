"""`hwq synth`: a build on a device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from hwq import api
from hwq.cli.commands import Build
from hwq.cli.options import command
from hwq.cli.session import Session
from hwq.hw.device import devices
from hwq.report import synthesis as shown
from hwq.synth.run import TIMEOUT


@command
def synth(
    session: Session,
    folder: Build,
    device: Annotated[
        str,
        typer.Option(metavar="NAME", help=f"An FPGA, or standard cells: {', '.join(devices())}.", show_default=False),
    ],
    clock: Annotated[
        float | None,
        typer.Option(metavar="MHZ", help="Clock to reach; missing it is a failure.", show_default="the device's"),
    ] = None,
    liberty: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Standard cells for asic: a liberty file, or osu018, osu035, osu050.",
            show_default="osu018",
        ),
    ] = None,
    only_scripts: Annotated[bool, typer.Option("--only-scripts", help="Write the scripts and run nothing.")] = False,
    route: Annotated[
        bool, typer.Option("--route/--no-route", help="After synthesis: place and route, or timing for asic.")
    ] = True,
    timeout: Annotated[float, typer.Option(min=1.0, metavar="S", help="Seconds for each tool.")] = TIMEOUT,
) -> int:
    """Synthesise a build for a device, place and route it where open tools can, and say what it takes.

    Scripts, netlists, reports and the bitstream lie in the build's folder syn/NAME.
    """
    started = time.monotonic()
    result = api.synth(folder, device, clock, liberty, route, not only_scripts, timeout, session.progress)
    missed = clock is not None and result.clock_met is False
    passed = not result.trouble and not missed
    seconds = time.monotonic() - started
    session.result(
        {**shown.as_json(result), "passed": passed, "total_seconds": seconds},
        *shown.report(result),
    )
    for line in result.trouble:
        session.say(line)
    return 0 if passed else 1
