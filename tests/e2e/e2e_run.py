"""The command line, run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from hwq.cli import main
from hwq.cli.session import clean

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


@dataclass(frozen=True)
class Run:
    """What a command returned and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        assert self.out.count("\n") == 1
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def run_hwq(*words: object, columns: int = 100) -> Run:
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, COLUMNS=str(columns)),
    ):
        code = main([str(word) for word in words])
    assert "Traceback" not in out.getvalue()
    return Run(code, out.getvalue(), err.getvalue())


def done(*words: object, columns: int = 100) -> Run:
    """Run a command that must succeed."""
    run = run_hwq(*words, columns=columns)
    assert run.code == 0, run.err
    return run


def refused(code: int, *words: object) -> str:
    """Run a command that must be refused with `code`, with and without --json; return its message."""
    run = run_hwq(*words)
    assert (run.code, run.out) == (code, "")
    assert run.err.strip() and "Traceback" not in run.err and "internal error" not in run.err
    same = run_hwq(*words, "--json")
    assert same.code == code and same.err == run.err
    assert set(same.json) == {"error", "reasons", "exit_code"} and same.json["exit_code"] == code
    assert clean(same.json["error"]) == clean("\n".join(same.json["reasons"])) == run.err[:-1]
    return run.err


def listing(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def heed_interrupts() -> None:
    """For the start of a process: a shell lets what it runs in the background ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
