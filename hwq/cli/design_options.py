"""Options of `hwq explore` for hardware, and what it does with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hwq import api
from hwq.api.designs import Sweep, cores, explore_designs, local_processes, stop
from hwq.api.scoring import read_labels
from hwq.cli.session import Session
from hwq.errors import BadInput, ToolMissing
from hwq.ir.storage import check_writable, write_atomically
from hwq.quant import QuantConfig
from hwq.report import designs as report

_PANEL = "Sweep of designs, with --device"
T = TypeVar("T", int, float)


@dataclass(frozen=True, slots=True)
class DesignOptions:
    """What designs to make."""

    device: Annotated[str | None, typer.Option(metavar="NAME,..", help="Devices to fit.", rich_help_panel=_PANEL)] = (
        None
    )
    multipliers: Annotated[
        str | None,
        typer.Option(
            metavar="N,..", help="Most multipliers of each size.", show_default="all that fit", rich_help_panel=_PANEL
        ),
    ] = None
    clock: Annotated[
        str | None,
        typer.Option(
            metavar="MHZ,..", help="Clocks in MHz.", show_default="that of the device", rich_help_panel=_PANEL
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Samples with the class of each as `label`: designs are judged by their right answers.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes.", show_default="one a core", rich_help_panel=_PANEL),
    ] = None
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Scheduler of a Dask cluster to use instead; its workers see the same files.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def wanted(self) -> bool:
        """Whether designs are asked for; refuses options that say how, but not on what."""
        others = [
            name for name in ("multipliers", "clock", "labels", "jobs", "dask") if getattr(self, name) is not None
        ]
        if others and self.device is None:
            raise BadInput(f"--{others[0]} was given without --device, expected both. Say which devices to fit.")
        return self.device is not None

    def sweep(self, bits: Sequence[dict[str, int]]) -> Sweep:
        """What is tried for these sets of widths."""
        devices = tuple(dict.fromkeys(part.strip() for part in (self.device or "").split(",")))
        return Sweep(
            tuple(bits),
            devices,
            _numbers("--multipliers", self.multipliers, int),
            _numbers("--clock", self.clock, float),
            self.labels,
        )


NO_DESIGNS = DesignOptions()


def explore_hardware(
    session: Session,
    model: Path,
    calib: Path,
    output: Path,
    config: QuantConfig,
    averages: Sequence[float],
    options: DesignOptions,
    plot: bool,
) -> None:
    """Make the designs, and write and show them."""
    options.sweep(())
    if options.labels is not None:
        read_labels(options.labels)
    files = [output / f"designs.{kind}" for kind in ("csv", "json", *(("svg", "png") if plot else ()))]
    make_folder(output)
    for file in files:
        check_writable(file)
    started = time.monotonic()
    front = api.explore(model, calib, averages, config, progress=session.progress)
    sweep = options.sweep([point.bits for point in front.points])
    with _workers(options) as executor:
        found = explore_designs(model, calib, output, sweep, config, executor, session.progress)
    session.progress("Writing")
    texts = (report.csv_text(found), report.json_text(front.network, found))
    for file, text in zip(files, texts, strict=False):
        write_atomically(file, text.encode())
    for file in files[2:]:
        write_atomically(file, report.plot(front.network, found, file.suffix[1:]))
    value = {
        "output": output, "network": front.network, "designs": report.rows(found),
        "seconds": time.monotonic() - started,
    }  # fmt: skip
    wrote = f"Wrote {', '.join(str(file) for file in files)}"
    following = f"Next: hwq generate {output}/PROGRAM -o DIR --device NAME --multipliers N, as in {files[0].name}"
    session.result(value, *report.table(front.network, found), "", wrote, following)


@contextmanager
def _workers(options: DesignOptions) -> Iterator[Executor | None]:
    """What runs the tasks; it ends with the block, at once if that fails."""
    jobs = options.jobs or cores()
    executor: Executor | None
    if options.dask is not None:
        executor = _dask(options.dask)
    else:
        executor = local_processes(jobs) if jobs > 1 else None
    try:
        yield executor
    except BaseException:
        if executor is not None:
            stop(executor)
        raise
    if executor is not None:
        executor.shutdown()


def _dask(address: str) -> Executor:
    """The executor of a Dask cluster."""
    try:
        from distributed import Client
    except ImportError:
        raise ToolMissing("--dask: dask is not installed. Run pip install 'hwq[dask]'.") from None
    try:
        executor: Executor = Client(address, timeout=10).get_executor()  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise BadInput(f"--dask {address}: no scheduler answers there ({error!s:.120}). Check the address.") from None
    return executor


def make_folder(folder: Path) -> None:
    """Make the folder for results."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: is no folder and cannot be made ({error.strerror}). Choose another.") from None


def _numbers(name: str, text: str | None, kind: Callable[[str], T]) -> tuple[T, ...]:
    """Positive numbers from a list with commas."""
    try:
        found = tuple(kind(part) for part in text.split(",")) if text is not None else ()
    except ValueError:
        found = (kind("0"),)
    if not all(0 < number < 1e9 for number in found):
        raise BadInput(f"{name} {text:.60}: expected positive numbers with commas between them.")
    return tuple(dict.fromkeys(found))
