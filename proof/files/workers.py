"""Processes that run cases, and the watch over them: one that takes too long or dies is a finding."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

from recipes import Case
from sandbox import Outcome, Sandbox

CPU_SECONDS = 10.0
"""Time of a processor that a case may take."""
WALL_SECONDS = 90.0
"""Time that it may take on a busy machine."""
RENEW = 1500
"""Cases after which a process is replaced."""
_FORK = multiprocessing.get_context("fork")


def _serve(seeds: Path, folder: Path, guided: bool, pipe: Connection) -> None:
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sandbox = Sandbox(seeds, folder, guided)
    while os.getppid() == parent:
        if pipe.poll(1.0):
            pipe.send(sandbox.run(pipe.recv()))


class Worker:
    """A process and the case that it runs."""

    def __init__(self, seeds: Path, folder: Path, guided: bool) -> None:
        self._arguments = (seeds, folder, guided)
        self.case: Case | None = None
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = _FORK.Pipe()
        self._process = _FORK.Process(target=_serve, args=(*self._arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._done = 0

    def give(self, case: Case) -> None:
        """Let it run a case."""
        if self._done >= RENEW:
            self._replace()
        self.case = case
        self._since, self._cpu = time.monotonic(), self._used()
        self.pipe.send(case)

    def take(self) -> Outcome:
        """The outcome of its case, or that it died."""
        assert self.case is not None
        number = self.case.number
        try:
            outcome = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            outcome = Outcome(number)
            spoken = self._arguments[1] / "native.txt"  # missing where the process died before its first case
            said = self.case.to_json() + "\n" + (spoken.read_text("utf-8", "replace") if spoken.is_file() else "")
            last = said.strip().splitlines()[-1:]
            outcome.add("death", f"exit code {self._process.exitcode} {''.join(last)[:80]}", said)
            self._replace()
        self._done += 1
        self.case = None
        if any(what in ("memory", "native output") for what, _, _ in outcome.findings):
            self._replace()
        return outcome

    def overdue(self) -> Outcome | None:
        """That its case takes too long, after its end."""
        if self.case is None:
            return None
        wall, cpu = time.monotonic() - self._since, self._used() - self._cpu
        if cpu < CPU_SECONDS and wall < WALL_SECONDS:
            return None
        outcome = Outcome(self.case.number)
        outcome.add("hang", f"{self.case.kind} {self.case.chain}", f"{cpu:.0f} s of CPU, {wall:.0f} s")
        self.case = None
        self._replace()
        return outcome

    def _used(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _replace(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        """End it."""
        self.pipe.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


class Pool:
    """Some workers."""

    def __init__(self, seeds: Path, scratch: Path, jobs: int, guided: bool = True) -> None:
        self._workers = [Worker(seeds, scratch / f"worker{number}", guided) for number in range(jobs)]

    def run(self, cases: Iterable[Case]) -> Iterator[tuple[Case, Outcome]]:
        """Cases and their outcomes, in order."""
        waiting, order = deque(cases), deque[Case]()
        finished: dict[int, Outcome] = {}
        order.extend(waiting)
        while order:
            for worker in self._workers:
                if worker.case is None and waiting:
                    worker.give(waiting.popleft())
            busy = {worker.pipe: worker for worker in self._workers if worker.case is not None}
            for pipe in wait(list(busy), timeout=0.5):
                outcome = busy[pipe].take()  # type: ignore[index]
                finished[outcome.number] = outcome
            for worker in self._workers:
                if late := worker.overdue():
                    finished[late.number] = late
            while order and order[0].number in finished:
                case = order.popleft()
                yield case, finished.pop(case.number)

    def stop(self) -> None:
        """End all."""
        for worker in self._workers:
            worker.stop()
