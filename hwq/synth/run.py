"""synth: run the flow of a device on a build, and read what its tools report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hwq.emit.folder import check_target, new_folder, sources_in
from hwq.errors import BadInput, CheckFailed
from hwq.hw.cost import is_known, plan_cost
from hwq.hw.device import Device
from hwq.hw.plan import Plan
from hwq.hw.resources import NOUNS
from hwq.ir.temporary import new_beside, remove_leftovers
from hwq.quant import Progress, silent
from hwq.synth import liberty, ram_registers, reports
from hwq.synth.fit import available, lacking, refusal
from hwq.synth.flow import FOLDER, LIBERTY, Flow, Job, Step, flow
from hwq.synth.result import CriticalPath, Figures, Synthesis
from hwq.verify import tools
from hwq.verify.check import open_build

MARKER = "hwq-synth.json"
"""The results, in the folder of a device."""
TIMEOUT = 4 * 3600.0
"""Seconds that each tool may take."""
CLOCKS = (0.01, 10_000.0)
"""The slowest and the fastest clock, in MHz, that is no mistake."""


@dataclass(slots=True)
class _Found:
    """What the steps have reported up to now."""

    synthesis: Figures | None = None
    placed: Figures | None = None
    path: CriticalPath | None = None
    bitstream: str | None = None
    others: dict[str, int] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def synthesise(
    folder: Path,
    device: Device,
    clock: float | None = None,
    cells: str | None = None,
    route: bool = True,
    run: bool = True,
    timeout: float = TIMEOUT,
    progress: Progress = silent,
) -> Synthesis:
    """Write the scripts of a device into ``syn/DEVICE`` of a build, run the open tools, and read their reports.

    An earlier result there is replaced as a whole or not at all.

    Parameters
    ----------
    clock
        In MHz; the device's when None.
    cells
        Standard cells: the name of a library that `hwq.synth.liberty` finds, or a liberty file.
    route
        Go on after synthesis: place and route, or timing.
    run
        Run the tools; else only write the scripts.
    timeout
        Seconds for each tool.

    Raises
    ------
    BadInput
        When the build, the liberty file or the clock cannot be used.
    ToolMissing
        When a program is missing; said before any work.
    CheckFailed
        When a program fails or takes too long.
    """
    clock = device.clock if clock is None else clock
    if not CLOCKS[0] <= clock <= CLOCKS[1]:
        raise BadInput(f"--clock {clock:g}: expected {CLOCKS[0]:g} to {CLOCKS[1]:,.0f} MHz.")
    library = _library(device, cells)
    buffer = None if library is None else liberty.buffer(library)
    build = open_build(folder)
    build.require_rtl()
    target = folder / FOLDER / device.name
    check_target(target, MARKER)
    job = Job(build.plan, device, clock, _sources(folder, build.plan), route, buffer)
    made = flow(job)
    if run:
        for step in made.steps:
            tools.require(step.tool)
    estimate = Figures.of(plan_cost(build.plan, device.family)) if is_known(device.family) else None
    title = device.title if library is None else f"Standard cells {liberty.title(library)}"
    scripts = dict(made.scripts) | ({} if library is None else {LIBERTY: library})
    with new_folder(target, MARKER) as finished, _workshop(folder, finished, job) as work:
        for name, text in scripts.items():
            (work / job.here / name).write_text(text, "utf-8")
        found = _run(work, job, made, timeout, progress) if run else _Found()
        result = Synthesis(
            device.name, title, device.family.name, clock, str(target), available(device),
            estimate, found.synthesis, found.placed, found.path,
            found.bitstream, found.others, tuple(scripts), made.by_hand, found.trouble, found.seconds,
        )  # fmt: skip
        saved = {name: value for name, value in asdict(result).items() if name not in ("folder", "seconds")}
        (work / job.here / MARKER).write_text(json.dumps(saved, indent=1) + "\n", "utf-8")
    return result


def _library(device: Device, cells: str | None) -> str | None:
    """The text of the liberty file that standard cells need."""
    if device.family.name == "asic":
        return liberty.read(liberty.find(cells))
    if cells is not None:
        raise BadInput(f"--liberty {cells}: --device {device.name} has no standard cells. Use --device asic.")
    return None


def _sources(folder: Path, plan: Plan) -> list[str]:
    """The RTL of a build, in the order of names; refuse a build that lacks files."""
    sources = [path.relative_to(folder).as_posix() for path in sources_in(folder, "rtl")]
    wanted = [f"rtl/{plan.program.name}.sv", *(rom.file for rom in plan.net.roms)]
    if missing := [name for name in wanted if not (folder / name).is_file()]:
        raise BadInput(f"{folder}: {missing[0]} is missing, expected a whole build. Generate it again.")
    return sources


@contextmanager
def _workshop(folder: Path, finished: Path, job: Job) -> Iterator[Path]:
    """A copy of what tools read of a build, with an empty folder for the device; that one's files become `finished`.

    Tools in WebAssembly see nothing above the folder in which they work, and no links out of it.
    """
    place = finished.with_name(f"{job.device.name}.work")
    remove_leftovers(place)
    with new_beside(place, folder=True) as work:
        for part in ("rtl", "rom"):
            if (folder / part).is_dir():
                shutil.copytree(folder / part, work / part)
        (work / job.here).mkdir(parents=True)
        yield work
        for path in (work / job.here).iterdir():
            path.rename(finished / path.name)


def _run(work: Path, job: Job, made: Flow, timeout: float, progress: Progress) -> _Found:
    """Run the steps until one finds that the design does not fit."""
    found = _Found()
    for step in made.steps:
        progress(f"{step.title} with {step.tool}", None)
        found.seconds[step.title] = _finish(work, job, step, timeout, found)
        if step.edits and not found.trouble:
            ram_registers.edit(work / step.edits)
        if not found.trouble:
            _read(work, job, step, found)
        if found.trouble:
            break
    return found


def _finish(work: Path, job: Job, step: Step, timeout: float, found: _Found) -> float:
    """Run one step and return its seconds; a design that is too large becomes trouble, any other failure is raised."""
    tool = tools.require(step.tool)
    log = work / step.log
    # What a tool leaves behind when it is killed goes with the workshop.
    env = {**tools.environment(), "TMPDIR": str(work)}
    command = [str(tool.path), *step.arguments]
    ran = tools.run(command, cwd=work, timeout=timeout, log=log if step.output else None, env=env)
    if ran.returncode == 0 and (work / step.makes).is_file():
        return ran.seconds
    text = ran.output if step.output or not log.is_file() else log.read_text("utf-8", "replace")
    wrong = reports.errors(text) or [tools.last_lines(ran.output, 3)]
    if step.tool.startswith("nextpnr"):
        found.trouble = (_no_place(reports.overfull(text), wrong[0], job),)
        return ran.seconds
    raise CheckFailed(
        f"{step.title} with {step.tool}: ended with exit code {ran.returncode}: {wrong[0]:.500} To see all of it, add "
        f"--only-scripts and run {job.here}/run.sh in the build."
    )


def _no_place(too_much: dict[str, tuple[int, int]], wrong: str, job: Job) -> str:
    """Why place and route failed."""
    rows = reports.ROWS[job.device.family.name]
    known = {row: too_much[part] for row, part in rows.items() if part in too_much}
    if not known:
        return f"{job.device.name}: place and route found no solution: {wrong:.300} Use a larger device, or fold more."
    needed = Figures(**{row: used for row, (used, _) in known.items()})
    return refusal({NOUNS[row]: pair for row, pair in known.items()}, needed, job.device)


def _read(work: Path, job: Job, step: Step, found: _Found) -> None:
    """Add what a step has reported to what was found."""
    here, family = work / job.here, job.device.family.name
    if step.tool == "yosys":
        found.synthesis, found.others = reports.synthesised(here / "cells.json", job.top, family)
        found.trouble = lacking(found.synthesis, job.device)
    elif step.tool.startswith("nextpnr"):
        found.placed, found.path = reports.routed(here / "timing.json", family, job.plan)
    elif step.tool == "sta" and found.synthesis is not None:
        log, netlist = ((work / name).read_text("utf-8", "replace") for name in (step.log, f"{job.here}/netlist.v"))
        slack, fmax, found.path = reports.timed(log, netlist, job.clock, job.plan)
        had, added = found.synthesis, reports.buffers(log)
        area = (had.area or 0.0) + added * (job.buffer.area if job.buffer else 0.0)
        found.synthesis = Figures(cells=(had.cells or 0) + added, area=area, fmax=fmax, slack=slack)
    else:
        found.bitstream = Path(step.makes).name
