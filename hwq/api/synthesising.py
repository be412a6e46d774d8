"""Builds to devices: synthesis, place and route, timing."""

from __future__ import annotations

from pathlib import Path

from hwq.hw.device import device as device_named
from hwq.quant import Progress, silent
from hwq.synth.result import Synthesis
from hwq.synth.run import TIMEOUT, synthesise


def synth(
    folder: str | Path,
    device: str,
    clock: float | None = None,
    liberty: str | Path | None = None,
    route: bool = True,
    run: bool = True,
    timeout: float = TIMEOUT,
    progress: Progress = silent,
) -> Synthesis:
    """Synthesise a build for a device with open tools; scripts, netlists and reports lie in its ``syn/DEVICE``.

    Parameters
    ----------
    device
        A name of hwq/hw/devices.toml.
    clock
        In MHz; the device's default when None.
    liberty
        For ``asic``: ``osu018``, ``osu035``, ``osu050`` or a liberty file; the first when None.
    route
        Go on after synthesis: place and route, or timing of standard cells.
    run
        Run the tools; else only write the scripts.
    timeout
        Seconds for each tool.
    progress
        Is told each step.

    Returns
    -------
    Synthesis
        Also when the design does not fit: `trouble` says so.

    Raises
    ------
    BadInput, ToolMissing, CheckFailed
        When the build or an option cannot be used, a tool is missing, or it fails.
    """
    cells = None if liberty is None else str(liberty)
    return synthesise(Path(folder), device_named(device), clock, cells, route, run, timeout, progress=progress)
