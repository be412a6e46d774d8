"""One run of a command: its results, its progress, and every way in which it may end."""

from __future__ import annotations

import errno
import json as json_text
import math
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.text import Text

from hwq.cli import interrupts
from hwq.errors import HwqError

USAGE = 2
INTERNAL = 70
INTERRUPTED = 130
BROKEN_PIPE = 141

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ENVIRONMENT = (*_NO_SPACE, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE)
"""Errors of the operating system that the user can mend."""


class _OutputLost(OSError):
    """Standard output cannot be written."""


class Session:
    """Context in which a command runs.

    Results go to standard output, everything else to standard error.  An exception ends the block with a message
    and an `exit_code`, never with a traceback, except that `verbose` shows the one of an error inside hwq.
    """

    def __init__(self, json: bool, verbose: bool) -> None:
        self.json, self.verbose = json, verbose
        self.exit_code = 0
        self._out = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
        self._err = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._started = time.monotonic()
        self._step = ""
        self._bar: Progress | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._end_progress()
        meant = error and interrupts.instead_of(error)
        try:
            if meant is not None and not self._explain(meant):
                if meant is not error:
                    raise meant from None
                return False
        except _OutputLost as lost:
            self._abandon_output(lost)
        return True

    def progress(self, step: str, share: float | None = None) -> None:
        """Show what is being done and, where known, the share of it that is done (0 to 1).

        On a terminal a bar comes and goes; with `verbose` every step leaves a line.  A signal that was dropped ends the
        command here.
        """
        interrupts.heed()
        if self.verbose and step != self._step:
            self._err.print(f"{time.monotonic() - self._started:8.2f} s  {clean(step)}", soft_wrap=True)
        self._step = step
        if not self._err.is_terminal:
            return
        if self._bar is None:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(24),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=self._err, transient=True)
            self._bar.add_task("")
            self._bar.start()
        task = self._bar.task_ids[0]
        self._bar.update(task, description=clean(step), total=None if share is None else 1.0, completed=share or 0.0)

    def result(self, value: Mapping[str, Any], *shown: RenderableType) -> None:
        """Print the result: `value` as one JSON object where that was asked for, else what is `shown`."""
        self._end_progress()
        try:
            if self.json:
                print(json_text.dumps(plain(value), allow_nan=False), flush=True)  # noqa: T201
                return
            for item in shown:
                self._out.print(_Clean(item), soft_wrap=isinstance(item, str))
            sys.stdout.flush()
        except OSError as error:
            raise _OutputLost(error.errno, error.strerror) from None

    def say(self, message: str, style: str = "red") -> None:
        """Print a message on standard error, whole lines, without control characters."""
        self._err.print(Text(clean(message), style=style), soft_wrap=True)

    def refuse(self, message: str, code: int) -> None:
        """End with `message` and an exit code; the JSON object has `error`, its lines as `reasons`, and `exit_code`."""
        self.exit_code = code
        self.say(message)
        if self.json:
            self.result({"error": message, "reasons": message.splitlines(), "exit_code": code})

    def _explain(self, error: BaseException) -> bool:
        """Turn an exception into a message and an exit code; False leaves it to Python."""
        if isinstance(error, HwqError):
            self.refuse(str(error), error.exit_code)
        elif isinstance(error, KeyboardInterrupt):
            self.refuse("Interrupted.", INTERRUPTED)
        elif isinstance(error, _OutputLost):
            raise error
        elif isinstance(error, MemoryError):
            self.refuse("Not enough memory. Use fewer samples, a smaller model or a larger machine.", USAGE)
        elif isinstance(error, OSError) and error.errno in _ENVIRONMENT:
            where = error.filename or ("the disk" if error.errno in _NO_SPACE else "the operating system")
            self.refuse(f"{where}: {error.strerror}. Free the disk, or choose other folders.", USAGE)
        elif isinstance(error, Exception):
            self._report_internal(error)
        else:
            return False
        return True

    def _report_internal(self, error: Exception) -> None:
        if self.verbose:
            self.say("".join(traceback.format_exception(error)), style="dim")
        hint = "" if self.verbose else " and the output of the same command with -v"
        what = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        self.refuse(
            f"internal error: {what}. This is a fault of hwq: please report it with the command{hint}.", INTERNAL
        )

    def _end_progress(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _abandon_output(self, error: OSError) -> None:
        """Standard output takes nothing more: keep Python from complaining about it at its end."""
        self.exit_code = BROKEN_PIPE if error.errno == errno.EPIPE else USAGE
        if self.exit_code == USAGE:
            self.say(f"standard output: cannot be written ({error.strerror}). Free the disk.")
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (OSError, ValueError):
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class _Clean:
    """Something to show, laid out as it would be, without control characters from names in it."""

    def __init__(self, shown: RenderableType) -> None:
        self._shown = Text(shown) if isinstance(shown, str) else shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The parts of what is shown."""
        for part in console.render(self._shown, options):
            yield part if part.control else Segment(clean(part.text), part.style)


def clean(text: str) -> str:
    r"""`text` with control characters written out, so that a name from a file cannot steer the terminal.

    Examples
    --------
    >>> clean("a[b]\x1b[31m")
    'a[b]\\x1b[31m'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def plain(value: Any) -> Any:
    """`value` in the types that JSON has; numbers that are not finite become null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | bool) or value is None:
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else str(value) if isinstance(value, Path) else repr(value)
