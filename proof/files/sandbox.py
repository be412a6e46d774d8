"""One case in this process: its commands run, and everything that a command must not do is noticed."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import resource
import sys
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import numpy as np
import recipes
import typer
from recipes import Case

from hwq.cli import main, session
from hwq.errors import HwqError

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 6 << 30
"""Address space that a process may take, in bytes."""
MOST_RESIDENT = 1 << 30
"""Memory that a command may take, in bytes: all files are small."""
CODES = (0, 1, 2, 3)
_FOLDERS = (sys.prefix, sys.base_prefix, ROOT, *filter(os.path.isdir, sys.path), "/usr/lib", "/usr/share", "/sys")
_READ = (*(os.path.realpath(path) + "/" for path in _FOLDERS), "/dev/null", "/dev/urandom", "/proc/")
"""Folders that programs read whatever their input is."""
_WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
           "os.utime", "os.mkfifo", "os.mknod", "os.chown", "shutil.rmtree", "shutil.move"}  # fmt: skip
_STARTS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn"}
_NEVER = {
    "pickle.find_class",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "urllib.Request",
    "ftplib.connect",
}


_NAMED = re.compile(r"--\w|'[^']*'|\(\w*\): |^\S+: |: operator \w")
"""An option, a quoted name, a node or a layer in a refusal."""


class ToolStarted(BaseException):
    """A command has come so far that it starts a simulator or compiler: it goes no further."""


@dataclass
class Outcome:
    """What became of a case: the code of each command, what was wrong, and lines of hwq new to this process."""

    number: int
    codes: list[tuple[str, str]] = field(default_factory=list)
    findings: list[tuple[str, str, str]] = field(default_factory=list)
    lines: list[tuple[str, int]] = field(default_factory=list)

    def add(self, what: str, where: str, text: str) -> None:
        """Note something that is wrong: its kind, where it was seen, and all that is known."""
        self.findings.append((what, where, text[-3000:]))


class Guard:
    """Notices files that are read, written or removed outside of their place, and programs that are started."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.events: list[tuple[str, str]] = []
        sys.addaudithook(self._hook)

    @contextlib.contextmanager
    def watch(self, folder: Path) -> Iterator[list[tuple[str, str]]]:
        """Note what happens in this block."""
        self.events = []
        self.folder = os.path.realpath(folder)
        try:
            yield self.events
        finally:
            self.folder = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event == "open":
            self._opened(*arguments)
        elif event in _WRITES:
            self._changed(event, arguments)
        elif event in _STARTS:
            raise ToolStarted(event)
        elif event in _NEVER:
            self.events.append((event, str(arguments)[:300]))

    def _opened(self, path: Any, mode: str | None, flags: int) -> None:
        if isinstance(path, int):
            return
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) if isinstance(flags, int) else 0
        place = self._place(path)
        if writes and place != "/dev/null":
            self._written("open", place)
        elif not writes and not self._may_read(place):
            self.events.append(("read outside", place))

    def _may_read(self, place: str) -> bool:
        if place.startswith("/etc/"):
            return place != "/etc/passwd"
        return place in (self.folder, "/", "") or place.startswith((f"{self.folder}/", *_READ))

    def _changed(self, event: str, arguments: tuple[Any, ...]) -> None:
        folders = [item for item in arguments[1:] if isinstance(item, int) and item > 2]
        for path in arguments[: 2 if event in ("os.rename", "os.link", "os.symlink", "shutil.move") else 1]:
            if isinstance(path, str | bytes | os.PathLike):
                self._written(event, self._place(path, folders[-1] if folders else None))

    def _place(self, path: Any, folder: int | None = None) -> str:
        text = os.fsdecode(path)
        if folder is not None and not os.path.isabs(text):
            with contextlib.suppress(OSError):
                text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        if "\0" in text:
            return text
        return os.path.join(os.path.realpath(os.path.dirname(text) or "."), os.path.basename(text))

    def _written(self, event: str, place: str) -> None:
        inside = (f"{self.folder}/out/", f"{self.folder}/tmp/")
        if not (place + "/").startswith(inside):
            self.events.append((event, place))


class Sandbox:
    """Runs cases, one at a time, in a folder of its own."""

    def __init__(self, seeds: Path, folder: Path, guided: bool = True) -> None:
        self.seeds, self.folder = seeds, folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / "secret.bin").write_bytes(b"secret " * 64)
        self._native = (folder / "native.txt").open("w+b")
        os.dup2(self._native.fileno(), 2)
        self._seen: dict[str, set[int]] = {}
        self._errors: list[BaseException] = []
        self._coverage = (
            coverage.Coverage(data_file=None, source=[str(ROOT / "hwq")], config_file=False) if guided else None
        )
        typer.main.get_command = functools.cache(typer.main.get_command)
        self._listen()
        self._guard = Guard()
        os.environ["TMPDIR"] = os.environ["HWQ_CACHE"] = str(folder / "case" / "tmp")
        os.environ["COLUMNS"] = "100"
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def _listen(self) -> None:
        """Keep the exceptions that a session turns into messages."""
        explain = session.Session._explain

        def noted(this: session.Session, error: BaseException) -> bool:
            self._errors.append(error)
            return explain(this, error)

        session.Session._explain = noted  # type: ignore[method-assign]

    def run(self, case: Case) -> Outcome:
        """Make the files of a case, run its commands and look at what they did."""
        outcome = Outcome(case.number)
        here = self.folder / "case"
        recipes.clear(here)
        here.mkdir()
        changed = recipes.content(case, self.seeds)
        recipes.lay_out(case, self.seeds, here, changed)
        before = _listing(here / "in")
        back = os.getcwd()
        os.chdir(here)
        try:
            for words in recipes.commands(case):
                if words[0] == "=":
                    _compare(outcome, *words[1:])
                elif not self._command(outcome, here, words):
                    break
        finally:
            os.chdir(back)
        if sorted(os.listdir(here)) != ["in", "out", "tmp"] or _listing(here / "in") != before:
            outcome.add(
                "files", "inputs changed", f"{sorted(os.listdir(here))} {set(_listing(here / 'in')) ^ set(before)}"
            )
        if left := _listing(here / "tmp"):
            outcome.add("files", "temporary files stay", str(left))
        return outcome

    def _command(self, outcome: Outcome, here: Path, words: tuple[str, ...]) -> bool:
        """Run one command; tell whether it ended with 0."""
        out, err = io.StringIO(), io.StringIO()
        self._errors = []
        before, old_seen = _listing(here / "out"), self._native.seek(0, os.SEEK_END)
        code: int | str
        Path("/proc/self/clear_refs").write_text("5")  # the highest use of memory counts from here on
        with self._guard.watch(here) as events, warnings.catch_warnings(), self._traced():
            warnings.simplefilter("always")
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    code = main(list(words))
                except ToolStarted:
                    code = "tool"
                except BaseException as error:
                    self._errors.append(error)
                    code = "escaped"
        outcome.codes.append((words[0], str(code)))
        self._gather(outcome)
        shown = f"$ hwq {' '.join(words)}\n{err.getvalue()}"
        if code not in (*CODES, "tool"):
            error = self._errors[-1]
            outcome.add("exception", where(error), shown + "".join(traceback.format_exception(error)))
        for event, place in events:
            outcome.add(
                "forbidden", f"{event} {Path(place).name if event == 'open' else ''}", f"{shown}{event} {place}"
            )
        _judge(outcome, code, words, out.getvalue(), err.getvalue(), self._errors, shown)
        kept = words[0] == "simulate" and words[4] in (
            "out/parts",
            "out/r",
        )  # results that the same command goes on with
        if code in (2, 3, 70) and not kept and (left := set(_listing(here / "out")) ^ set(before)):
            outcome.add("half-written", words[0], f"{shown}{sorted(left)}")
        self._native.seek(old_seen)
        if native := self._native.read().decode("utf-8", "replace"):
            outcome.add("native output", _pattern(native.splitlines()[0]), shown + native)
        if any(isinstance(error, MemoryError) for error in self._errors) or "MemoryError" in err.getvalue():
            outcome.add("memory", where(self._errors[-1]), shown)
        elif (taken := _peak()) > MOST_RESIDENT:
            outcome.add("memory", f"{words[0]}: resident", f"{shown}{taken >> 20} MiB")
        return code == 0

    @contextlib.contextmanager
    def _traced(self) -> Iterator[None]:
        if self._coverage is None:
            yield
            return
        self._coverage.start()
        try:
            yield
        finally:
            self._coverage.stop()

    def _gather(self, outcome: Outcome) -> None:
        """Lines that were not seen before; the collector's sets are read, as its database takes ten times as long."""
        if self._coverage is None or self._coverage._collector is None:
            return
        for name, lines in self._coverage._collector.data.items():
            seen = self._seen.setdefault(name, set())
            if new := lines - seen:
                seen |= new
                short = os.path.relpath(name, ROOT)
                outcome.lines += [(short, line) for line in sorted(new)]
            lines.clear()


def where(error: BaseException) -> str:
    """The innermost line of hwq that an exception came through, and its type."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"{ROOT}/hwq/" in frame.filename]
    place = f"{Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].lineno}" if frames else "outside"
    return f"{place} {type(error).__name__}"


def _judge(
    outcome: Outcome,
    code: int | str,
    words: tuple[str, ...],
    out: str,
    err: str,
    errors: list[BaseException],
    shown: str,
) -> None:
    """What a user sees: no traceback, no warning, no steering of the terminal; a refusal says who."""
    for line in err.splitlines():
        if re.search(r"\w*Warning: ", line):
            outcome.add("warning", _pattern(line), shown)
            break
    if "Traceback (most recent" in out + err:
        outcome.add("traceback", words[0], shown)
    bad = [c for c in out + err if not c.isprintable() and c != "\n"]
    if bad:
        outcome.add("terminal", f"{words[0]}: {bad[0]!r}", shown + repr(out[:2000]))
    if "--json" in words and code != "tool":
        try:
            json.loads(out)
        except ValueError as error:
            outcome.add("json", str(error)[:60], shown + repr(out[:2000]))
    if code == 2 and errors and isinstance(errors[-1], HwqError):
        text = str(errors[-1])
        names = {Path(word).name for word in words if "/" in word} - {""}
        if not any(name in text for name in names) and not _NAMED.search(text):
            outcome.add("message", _pattern(text), shown)
        if len(text) > 100_000:
            outcome.add("message", f"{words[0]}: {len(text) // 100_000}00,000 characters", shown)


def _pattern(text: str) -> str:
    """A message without what differs from case to case."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|\S*/\S*", "_", text)
    return re.sub(r"[-+]?\d[\d.e+]*", "0", text)[:160]


def _compare(outcome: Outcome, one: str, two: str) -> None:
    """Two engines must agree."""
    with np.load(one) as a, np.load(two) as b:
        pairs = [(a[name], b[name]) for name in a.files if name in b.files]
        same = len(pairs) == len(a.files) == len(b.files) and all(
            np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs
        )
    if not same:
        outcome.add("mismatch", "simulate", "the fast and the plain simulator differ")


def _peak() -> int:
    """The most memory that was in use since it was last asked to forget, in bytes."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) << 10 if found else 0


def _listing(folder: Path) -> list[str]:
    found = []
    for here, folders, files in os.walk(folder):
        found += [os.path.relpath(os.path.join(here, name), folder) for name in (*folders, *files)]
    return sorted(found)
