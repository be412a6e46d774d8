"""Commands of hwq that are killed, or find the disk full, at a chosen moment: a script that tests start.

    python fault_child.py < job.json

Commands run in processes forked from this one, which has imported hwq, so that each takes a fraction of a second.
A moment is a number of what a command does to files (an audit hook counts), or a share of the time that it takes.
For each moment a line of JSON says what the command left, and what the next one, without a fault, makes of that.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401  imported before the forks
import onnxruntime  # noqa: F401

import hwq.api  # noqa: F401
from hwq.cli import main

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "shutil.rmtree", "fcntl.flock"}
ROOM = {"os.mkdir", "os.rename"}
"""What needs room on the disk, beside opening a file to write it."""
Tree = dict[str, str]


def tree(path: Path) -> Tree:
    """Digest of each file at and below a path; nothing where nothing is."""
    files = [path] if path.is_file() else [each for each in sorted(path.rglob("*")) if not each.is_dir()]
    return {str(each.relative_to(path.parent)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


class Fault:
    """Counts what this process does to files; at number `moment` it is killed, or from there on the disk is full."""

    def __init__(self, kind: str, moment: int | None) -> None:
        self.kind, self.moment, self.count = kind, moment, 0

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and str(args[0]).startswith(("/dev/", "/proc/")):
            return
        if self.kind == "full":
            if writes or event in ROOM:
                self.count += 1
                if self.moment is not None and self.count >= self.moment:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif writes or event in CHANGES or (event == "ctypes.dlsym" and args[1] == "renameat2"):
            self.count += 1
            if self.count == self.moment:
                os.kill(os.getpid(), signal.SIGKILL)


def start(words: list[str], log: Path, fault: Fault | None = None) -> int:
    """Fork a process that runs a command; its output goes to `log`, and behind it the number of changes."""
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(handle, number)
        os.setpgid(0, 0)
        if fault:
            sys.addaudithook(fault)
        try:
            code = main(words)
        except SystemExit as end:
            code = int(str(end.code))
        if fault:
            fault.moment = None
            print(f"\nCHANGES {fault.count}", flush=True)
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def ended(pid: int) -> int:
    """Wait for a process and for what it has started; its exit code, or the negative number of the signal."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return code


class Job:
    """A command, what is at its output before, and the words of the commands whose results may be there afterwards."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.words: list[str] = given["words"]
        self.target = Path(given["target"])
        self.work = self.target.parent
        self.log = Path(given["log"])
        self.old = self.made(given["before"]) if given["before"] else {}
        self.kept = self.work.with_name("kept")
        if given["before"]:
            self.target.rename(self.kept)
        began = time.monotonic()
        self.new = self.made(self.words)
        self.seconds = time.monotonic() - began

    def made(self, words: list[str]) -> Tree:
        """What a command without a fault makes."""
        self.clear()
        code = ended(start(words, self.log))
        if code:
            raise SystemExit(f"exit code {code}: {self.log.read_text()}")
        return tree(self.target)

    def clear(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()

    def restore(self) -> None:
        """What was there before."""
        self.clear()
        if self.kept.is_dir():
            shutil.copytree(self.kept, self.target)
        elif self.kept.exists():
            shutil.copy(self.kept, self.target)

    def state(self, *others: Tree) -> str:
        """`old`, `new` (also for `others`), or what else is there."""
        found = tree(self.target)
        if found == self.old:
            return "old"
        return (
            "new" if found in (self.new, *others) else f"half: {sorted(set(found.items()) ^ set(self.new.items()))[:6]}"
        )

    def moments(self, total: int) -> list[int]:
        """All numbers up to `total`; or some of them, and the last ones."""
        count, last = self.given["count"], self.given["last"]
        rng = random.Random(self.given["seed"])
        most = range(1, max(1, total - last) + 1)
        chosen = most if count is None else sorted(rng.sample(most, min(count, len(most))))
        return [*chosen, *range(max(most) + 1, total + 1)]

    def report(self, **values: Any) -> None:
        """A line about what is there, and about what the next command makes of it."""
        line = {**values, "state": self.state(), "names": sorted(path.name for path in self.work.iterdir())}
        if self.given["again"]:
            line["again"] = ended(start(self.words, self.log))
            line["again_state"] = self.state()
            line["again_names"] = sorted(path.name for path in self.work.iterdir())
        print(json.dumps(line), flush=True)

    def by_number(self, kind: str) -> None:
        """A fault at some or all of the changes."""
        self.restore()
        ended(start(self.words, self.log, Fault(kind, None)))
        total = int(self.log.read_text().rsplit("CHANGES ", 1)[1])
        for moment in self.moments(total):
            self.restore()
            code = ended(start(self.words, self.log, Fault(kind, moment)))
            self.report(moment=moment, of=total, code=code, said=self.log.read_text()[-2000:])

    def by_time(self) -> None:
        """SIGKILL after some share of the time."""
        rng = random.Random(self.given["seed"])
        for _ in range(self.given["count"] or 40):
            self.restore()
            share = rng.random() * 1.1
            pid = start(self.words, self.log)
            time.sleep(share * self.seconds)
            os.kill(pid, signal.SIGKILL)
            self.report(moment=share, code=ended(pid), said="")

    def pairs(self) -> None:
        """Two commands at once that write one output."""
        other = self.made(self.given["other"])
        rng = random.Random(self.given["seed"])
        for _ in range(self.given["count"] or 40):
            self.restore()
            first = start(self.words, self.log)
            time.sleep(rng.choice((0, 0, rng.random() * 0.3 * self.seconds)))
            second = start(self.given["other"], self.log.with_suffix(".other"))
            codes = [ended(first), ended(second)]
            said = self.log.read_text() + self.log.with_suffix(".other").read_text()
            names = sorted(path.name for path in self.work.iterdir())
            line = {"moment": 0, "code": codes, "state": self.state(other), "names": names, "said": said[-2000:]}
            print(json.dumps(line), flush=True)


def run() -> None:
    """Read a job, and do it."""
    job = Job(json.load(sys.stdin))
    kind = job.given["kind"]
    if kind in ("kill", "full"):
        job.by_number(kind)
    elif kind == "time":
        job.by_time()
    else:
        job.pairs()


if __name__ == "__main__":
    run()
