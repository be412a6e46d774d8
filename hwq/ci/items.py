"""The tests of a build as pytest sees them: a folder, a simulator in it, and a test for each stream."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hwq.ci.shared import Finished, Job, finished
from hwq.errors import BadInput, ToolMissing
from hwq.report.junit import describe
from hwq.verify import tools
from hwq.verify.check import SIMULATORS, Build, Verification, open_build
from hwq.verify.cpp import COMPILER
from hwq.verify.simulate import require_simulator
from hwq.verify.streams import PORT, StreamResult, compared


@dataclass(frozen=True, slots=True)
class Source:
    """A build as it was given, and the folder in which the tests of this run share results."""

    given: str
    place: Path


class BuildFolder(pytest.Directory):
    """A build."""

    source: Source

    def collect(self) -> Iterator[pytest.Collector | pytest.Item]:
        """One collector for each simulator; one test that fails when the folder is not a good build."""
        try:
            build = open_build(self.path)
        except BadInput as error:
            yield _broken(self, "build", str(error))
            return
        ask = self.config.getoption
        job = Job(self.source.given, self.path, None, ask("hwq_samples"), ask("hwq_stall"), ask("hwq_seed"))
        if build.is_hls:
            yield _simulated(self, COMPILER, build, job)
            return
        chosen = SIMULATORS if ask("hwq_sim") == "all" else (ask("hwq_sim"),)
        for simulator in chosen:
            one = replace(job, simulator=simulator)
            yield _simulated(self, simulator, build, one)
            if ask("hwq_gate"):
                yield _simulated(self, f"{simulator}-gate", build, replace(one, gate=True))


class Simulated(pytest.Collector):
    """A build on one simulator."""

    build: Build
    job: Job

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each stream; a single one where a program is missing."""
        try:
            if self.job.simulator is None:
                tools.require(COMPILER)
            else:
                require_simulator(self.job.simulator)
            if self.job.gate:
                tools.require("yosys")
        except ToolMissing as error:
            yield _broken(self, "tools", str(error), self.config.getoption("hwq_skip_missing"))
            return
        traced = self.job.simulator is not None and not self.job.gate
        for name, (op, _) in compared(self.build.plan, traced).items():
            item: StreamTest = StreamTest.from_parent(self, name=name)
            item.op = op
            yield item


class Broken(pytest.Item):
    """A test that cannot run, and why."""

    reason: str
    skipped: bool

    def setup(self) -> None:
        """Say why."""
        if self.skipped:
            pytest.skip(self.reason)
        pytest.fail(self.reason, pytrace=False)

    def runtest(self) -> None:
        """Nothing: `setup` ends the test."""

    def reportinfo(self) -> tuple[Path, None, str]:
        """What stands above the reason."""
        assert self.parent is not None
        return self.path, None, f"{self.parent.name}::{self.name}"


class StreamTest(pytest.Item):
    """The stream of one layer, or of an output port."""

    op: str

    def runtest(self) -> None:
        """Fail where it differs from the simulator."""
        parent = self.parent
        assert isinstance(parent, Simulated) and isinstance(parent.parent, BuildFolder)
        found = finished(parent.job, parent.parent.source.place)
        self.user_properties.append(("operation", self.op))
        text = failure(self.name, self.op, parent.job, found)
        if text:
            pytest.fail(text, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """What stands above a failure."""
        assert self.parent is not None
        return self.path, None, f"{self.parent.name}::{self.name}"


def collect(parent: pytest.Collector, path: Path, given: str, place: Path) -> BuildFolder:
    """The collector of a build, which was given as `given`; its tests share results in `place`."""
    node: BuildFolder = BuildFolder.from_parent(parent, path=path)
    node.source = Source(given, place)
    return node


def failure(name: str, op: str, job: Job, found: Finished) -> str:
    """What is to be said of one stream; nothing when it is right."""
    run = found.run
    if run is None:
        return "\n".join([found.error, *_again(job)])
    stream = next((one for one in run.streams if one.name == name), None)
    if run.passed or (stream is not None and stream.passed and not (op == PORT and _nowhere(run))):
        return ""
    if stream is None or stream.passed:
        why = run.trouble or ("frame_error of the hardware is set",)
        lines = [f"{name} ({op}) on {run.target}: not as the simulator says", *why]
    else:
        lines = describe(stream, run.target).splitlines() + _earlier(run, stream)
    return "\n".join([lines[0], *(f"  {line}" for line in lines[1:]), *_again(job)])


def _nowhere(run: Verification) -> bool:
    """Whether something is wrong, but in no stream."""
    return all(stream.passed for stream in run.streams)


def _earlier(run: Verification, stream: StreamResult) -> list[str]:
    before = run.streams[: run.streams.index(stream)]
    wrong = [one.name for one in before if not one.passed]
    return [f"the first layer that differs is {wrong[0]}"] if wrong else []


def _again(job: Job) -> list[str]:
    """Seed, and the commands that show the same and more."""
    if job.simulator is None:
        return [f"  again: {job.command}"]
    lines = [f"  seed {job.seed}, {job.samples} samples, stalls {job.stall:g}", f"  again: {job.command}"]
    name = job.folder.name
    lines.append(f"  waves: add {shlex.join(['--waves', f'{name}.vcd'])}")
    if not job.gate:
        dump = f"{name}.npz"
        lines.append(
            f"  where: add {shlex.join(['--record', dump])}, then {shlex.join(['hwq', 'diff', job.given, dump])}"
        )
    return lines


def _broken(parent: pytest.Collector, name: str, reason: str, skipped: bool = False) -> Broken:
    item: Broken = Broken.from_parent(parent, name=name)
    item.reason, item.skipped = reason, skipped
    return item


def _simulated(parent: BuildFolder, name: str, build: Build, job: Job) -> Simulated:
    node: Simulated = Simulated.from_parent(parent, name=name)
    node.build, node.job = build, job
    return node
