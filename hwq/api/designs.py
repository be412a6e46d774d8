"""Designs: a model with weights of several widths on several devices; what each costs, how fast and how exact it is."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hwq.api.quantising import quantize
from hwq.api.scoring import read_labels, score
from hwq.errors import BadInput
from hwq.hw.cost import plan_cost
from hwq.hw.design import Design, judged
from hwq.hw.device import device
from hwq.hw.resources import Resources
from hwq.hw.target import Target
from hwq.hw.work import linear_ops
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.ir.storage import write_atomically
from hwq.quant import Progress, QuantConfig, silent
from hwq.quant.explore import EXACT_DB
from hwq.quant.widths import with_bits

PROGRAMS, POINTS = "programs", "designs"
"""Folders of what is kept: programs, and designs on a device."""
Sized = tuple[str, int | None]
"""A device, and how many multipliers there may be; None for as many as it holds."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is tried: every set of widths on every device, in every size, at every clock in MHz.

    Without clocks that of the device is taken, without multipliers all that it holds.  `labels` is a file of samples
    with labels by which designs are scored.
    """

    bits: tuple[Mapping[str, int], ...]
    devices: tuple[str, ...]
    multipliers: tuple[int, ...] = ()
    clocks: tuple[float, ...] = ()
    labels: Path | None = None

    @property
    def sizes(self) -> list[Sized]:
        """Devices in all sizes."""
        return [(name, count) for name in self.devices for count in self.multipliers or (None,)]


def explore_designs(
    model: Path,
    calib: Path,
    folder: Path,
    sweep: Sweep,
    config: QuantConfig,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> list[Design]:
    """All designs of a sweep; what was found before in `folder` is not made again.

    Parameters
    ----------
    executor
        Runs one task for each set of widths, as Python's pools of processes and Dask's do; here and in turn when None.
        Its workers see the same files.

    Raises
    ------
    BadInput
        As `quantize` and `score`, when a device is unknown, or when the folder cannot be written.
    """
    for name in sweep.devices:
        device(name)
    if sweep.labels is not None:
        read_labels(sweep.labels)
    for name in (PROGRAMS, POINTS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    seed = hashlib.sha256(model.read_bytes() + calib.read_bytes()).hexdigest()
    tasks = [(model, calib, folder, seed, dict(bits), sweep.sizes, config, sweep.labels) for bits in sweep.bits]
    found: list[list[dict[str, Any]]] = [[] for _ in tasks]
    for done, (place, rows) in enumerate(_results(tasks, executor)):
        found[place] = rows
        progress(f"Design {done + 1} of {len(tasks)}", (done + 1) / len(tasks))
    designs = [_design(row, clock) for rows in found for row in rows for clock in sweep.clocks or (None,)]
    return judged(designs)


def local_processes(jobs: int) -> ProcessPoolExecutor:
    """A pool of `jobs` processes that leave interrupts to this one."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))


def stop(executor: Executor) -> None:
    """End an executor now: what waits is dropped, and processes of this one that work are stopped."""
    executor.shutdown(wait=False, cancel_futures=True)
    for process in multiprocessing.active_children():
        process.terminate()


def _results(tasks: Sequence[Any], executor: Executor | None) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    if executor is None:
        yield from ((place, _task(*task)) for place, task in enumerate(tasks))
        return
    places = {executor.submit(_task, *task): place for place, task in enumerate(tasks)}
    for future in as_completed(places):
        yield places[future], future.result()


def _task(
    model: Path,
    calib: Path,
    folder: Path,
    seed: str,
    bits: dict[str, int],
    sizes: list[Sized],
    config: QuantConfig,
    labels: Path | None,
) -> list[dict[str, Any]]:
    """One set of widths: its program, and the row of each size."""
    chosen = with_bits(config, bits)
    key = hashlib.sha256((seed + json.dumps(chosen.describe(), sort_keys=True)).encode()).hexdigest()[:16]
    judge = "" if labels is None else f"-{hashlib.sha256(labels.read_bytes()).hexdigest()[:16]}"

    @cache
    def program() -> Program:
        return _kept_program(folder / PROGRAMS / f"{key}.hwq", lambda: quantize(model, calib, chosen))

    @cache
    def right() -> float | None:
        return None if labels is None else score(program(), labels)

    rows = []
    for name, multipliers in sizes:
        path = folder / POINTS / f"{key}-{name}-{multipliers or 'all'}{judge}.json"
        row = _kept_row(path)
        if row is None:
            row = {"program": f"{PROGRAMS}/{key}.hwq", "score": right(), **_row(program(), bits, name, multipliers)}
            write_atomically(path, json.dumps(row).encode())
        rows.append(row)
    return rows


def _kept_program(path: Path, make: Callable[[], Program]) -> Program:
    if path.is_file():
        try:
            return serial.load(path)
        except BadInput:
            path.unlink()
    program = make()
    serial.save(program, path)
    return program


def _kept_row(path: Path) -> dict[str, Any] | None:
    """What a file holds, or None where it is missing or damaged."""
    try:
        row = json.loads(path.read_text("utf-8"))
        _design(row, None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return dict(row)


def _row(program: Program, bits: dict[str, int], name: str, multipliers: int | None) -> dict[str, Any]:
    """A design as plain values, but for the clock."""
    found = [program.info["sqnr_db"].get(port.tensor) for port in program.outputs]
    weights = [(op.weight.size, op.weight_bits) for op in linear_ops(program)]
    count = sum(size for size, _ in weights)
    row: dict[str, Any] = {
        "bits": bits, "db": min((EXACT_DB if db is None else db for db in found), default=EXACT_DB),
        "average": sum(size * width for size, width in weights) / count if count else 0.0, "device": name,
    }  # fmt: skip
    part = device(name)
    try:
        plan = Target(multipliers=multipliers, device=part).plan(program)
    except BadInput as error:
        return row | {"why": str(error)}
    taken = plan_cost(plan, part.family)
    return row | {"multipliers": plan.multipliers, "cycles": plan.interval, "taken": asdict(taken)}


def _design(row: Mapping[str, Any], clock: float | None) -> Design:
    """A design from plain values, at `clock` MHz or the device's."""
    part = device(row["device"])
    mhz = part.clock if clock is None else clock
    if "why" in row:
        return Design(
            row["program"], row["bits"], row["average"], row["db"], part.name, mhz, score=row["score"], why=row["why"]
        )
    taken = Resources(**row["taken"])
    return Design(
        row["program"], row["bits"], row["average"], row["db"], part.name, mhz, row["multipliers"], row["cycles"],
        mhz * 1e6 / row["cycles"], taken, max(taken.share(part.resources).values(), default=0.0),
        row["score"],
    )  # fmt: skip


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
