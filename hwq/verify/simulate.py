"""Self-checking SystemVerilog testbenches on Verilator and Icarus: build once, run often."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwq.errors import BadInput, CheckFailed, refuse_all
from hwq.verify import tools
from hwq.verify.build_cache import cache_folder, cached_build, content_key

BUILD_TIMEOUT = 3600.0
"""Seconds that a build may take: a network of a thousand multipliers takes minutes."""

_VERILATOR_FLAGS = (
    "--binary",
    "--timing",
    "-O3",
    # Builds in 60 % of the time of -O3 and runs nearly as fast; the default -Os runs at half the speed.
    "-CFLAGS",
    "-O1",
    "--timescale",
    "1ns/1ps",
    # Lint is a check of its own (`make lint`); a newer Verilator's new warning must not stop a simulation.
    "-Wno-fatal",
)
_ICARUS_FLAGS = ("-g2012",)

PROGRAMS = {"verilator": ("verilator", "g++", "make"), "icarus": ("iverilog", "vvp")}
"""What each simulator needs; the first is the one that compiles SystemVerilog."""

_MISSING_MEMORY = re.compile(r"^.*\$readmem(?:[hb]: Unable to open| file not found).*$", re.MULTILINE)
_UNKNOWN_PARAMETER = re.compile(r"warning: parameter \S+ not found in \S+")


class SimulationDied(CheckFailed):
    """The simulator ended with an exit code of its own, as it does at a ``$fatal`` of the hardware.

    `output` is what it had printed.
    """

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True, slots=True)
class Simulation:
    """A compiled testbench.

    Attributes
    ----------
    simulator
        ``verilator`` or ``icarus``.
    top
        Name of the testbench module.
    folder
        Where the compiled testbench lies.
    cached
        True when nothing had to be compiled.
    seconds
        Wall time of the compilation, 0 when cached.
    """

    simulator: str
    top: str
    folder: Path
    cached: bool
    seconds: float

    def run(
        self, plusargs: Sequence[str] = (), *, cwd: Path, timeout: float = 3600.0, log: Path | None = None
    ) -> tuple[str, float]:
        """Run the testbench; return what it printed and the seconds that it took.

        Parameters
        ----------
        plusargs
            Arguments such as ``+frames=3``.
        cwd
            Working folder, to which the names of memory files are relative.
        timeout
            Seconds after which the simulation counts as hung.
        log
            File that receives the output as it comes.

        Raises
        ------
        SimulationDied
            When the simulator ends with an exit code other than 0 (``$fatal``, ``$stop``).
        CheckFailed
            When a memory file is missing, or when the time is up.
        """
        if self.simulator == "verilator":
            program = [str(self.folder / "sim")]
        else:
            # -N: $stop ends the simulation with exit code 1 instead of asking.
            program = [_path("vvp"), "-N", str(self.folder / "sim.vvp")]
        finished = tools.run([*program, *plusargs], cwd=cwd, timeout=timeout, log=log)
        missing = missing_memory(finished.output)
        if missing:
            raise CheckFailed(
                f"{self.top} ({self.simulator}): a memory file is missing in {cwd}: {missing}."
                " Generate the build again."
            )
        if finished.returncode != 0:
            raise SimulationDied(
                f"{self.top} ({self.simulator}): ended with exit code {finished.returncode}, expected 0."
                f" Its last lines:\n{tools.last_lines(finished.output)}",
                finished.output,
            )
        return finished.output, finished.seconds


def require_simulator(simulator: str) -> tools.Tool:
    """Return the compiler of ``verilator`` or ``icarus``.

    Raises
    ------
    ToolMissing
        When one of the programs that the simulator needs is not usable.
    """
    compiler, *_ = [tools.require(name) for name in PROGRAMS[simulator]]
    return compiler


def usable(simulator: str) -> bool:
    """True when everything that ``verilator`` or ``icarus`` needs is there."""
    return all(tools.find(name).usable for name in PROGRAMS[simulator])


def build_verilator(
    sources: Sequence[Path],
    top: str,
    out_dir: Path | None = None,
    defines: Mapping[str, object] | None = None,
    params: Mapping[str, object] | None = None,
    options: Sequence[str] = (),
) -> Simulation:
    """Compile a testbench with Verilator into an executable.

    Parameters
    ----------
    sources
        SystemVerilog files and Verilator control files (``.vlt``).
    top
        Name of the testbench module.
    out_dir
        Folder that keeps compiled testbenches by content; `cache_folder()` when None.
    defines
        Macros.
    params
        Parameters of `top`.
    options
        More arguments of the compiler.

    Raises
    ------
    ToolMissing
        When Verilator, the compiler or make is missing.
    CheckFailed
        When the sources do not compile.
    BadInput
        When a source or `out_dir` cannot be used.
    """
    tool = require_simulator("verilator")
    flags = [*_VERILATOR_FLAGS, *options, *_overrides("-G", defines, params)]

    where = ["--Mdir", "obj", "-o", "../sim", "-j", str(os.cpu_count() or 1)]
    command = [_path("verilator"), *flags, *where, "--top-module", top, *_absolute(sources)]
    return _build("verilator", tool.version, sources, top, out_dir, flags, command)


def build_icarus(
    sources: Sequence[Path],
    top: str,
    out_dir: Path | None = None,
    defines: Mapping[str, object] | None = None,
    params: Mapping[str, object] | None = None,
    options: Sequence[str] = (),
) -> Simulation:
    """Compile a testbench with Icarus; as `build_verilator`, but control files (``.vlt``) are left out."""
    tool = require_simulator("icarus")
    verilog = [source for source in sources if source.suffix != ".vlt"]
    flags = [*_ICARUS_FLAGS, *options, *_overrides(f"-P{top}.", defines, params)]

    command = [_path("iverilog"), *flags, "-s", top, "-o", "sim.vvp", *_absolute(verilog)]
    return _build("icarus", tool.version, verilog, top, out_dir, flags, command)


def _build(
    simulator: str,
    version: str,
    sources: Sequence[Path],
    top: str,
    out_dir: Path | None,
    flags: Sequence[str],
    command: Sequence[str],
) -> Simulation:
    """Compile, or take the result of an equal compilation from the cache.

    `command` runs in the folder of the result.
    """
    gone = [source for source in sources if not source.is_file()]
    refuse_all([f"{source}: no such file. Generate the build again." for source in gone])
    root = out_dir or cache_folder()
    key = content_key(sources, {"tool": [simulator, version], "top": top, "flags": list(flags)})
    name = f"{simulator}-{key}"
    seconds = 0.0

    def build(folder: Path) -> None:
        nonlocal seconds
        log = folder / "build.log"
        finished = tools.run(command, cwd=folder, log=log, timeout=BUILD_TIMEOUT)
        seconds = finished.seconds
        if finished.returncode != 0 or unknown_parameter(finished.output):
            kept = shutil.copyfile(log, root / f"{name}.failed.log")
            raise CheckFailed(f"{top} ({simulator}): does not compile (log: {kept}):\n{_first_errors(finished.output)}")
        shutil.rmtree(folder / "obj", ignore_errors=True)
        if simulator == "icarus" and not _is_whole(folder / "sim.vvp"):
            raise BadInput(
                f"{root}: has no room for {name}/sim.vvp. Free the disk, or set HWQ_CACHE to another folder."
            )

    folder, cached = cached_build(root, name, build)
    return Simulation(simulator, top, folder, cached, seconds)


def _overrides(prefix: str, defines: Mapping[str, object] | None, params: Mapping[str, object] | None) -> list[str]:
    """Return the compiler's arguments for macros and for parameters of the top module."""
    macros = [f"-D{name}={value}" for name, value in (defines or {}).items()]
    return macros + [f"{prefix}{name}={literal(value)}" for name, value in (params or {}).items()]


def literal(value: object) -> str:
    """Write a value as the simulators accept it for a parameter on their command line.

    Integers beyond 32 bits become 64-bit literals in two's complement: Icarus drops the upper half of a plain
    decimal number, and Verilator refuses it.
    """
    if isinstance(value, bool):
        return f"1'b{value:d}"
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        return f"64'sh{value % 2**64:016x}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def missing_memory(output: str) -> str:
    """Return a simulator's line about a memory file that it could not read; nothing when there is none.

    Neither simulator stops at it: they go on with X or zeros.
    """
    match = _MISSING_MEMORY.search(output)
    return match.group().strip() if match else ""


def unknown_parameter(output: str) -> str:
    """Return Icarus's line about a parameter that the top module does not have; it only warns of it."""
    match = _UNKNOWN_PARAMETER.search(output)
    return match.group() if match else ""


def _is_whole(vvp: Path) -> bool:
    """Whether iverilog has written all of a file: it exits with 0 on a disk that is full.

    At the end stand names of sources, a line each, and before them their number.
    """
    _, _, names = vvp.read_bytes().rpartition(b"\n:file_names ")
    count, _, lines = names.partition(b";\n")
    return count.isdigit() and lines.count(b";\n") == int(count) and lines.endswith(b";\n")


def _absolute(paths: Sequence[Path]) -> list[str]:
    return [str(path.absolute()) for path in paths]


def _path(name: str) -> str:
    return str(tools.require(name).path)


def _first_errors(output: str, count: int = 5) -> str:
    """Return the first lines of a compiler's output that speak of errors; its last lines when none do."""
    errors = [line for line in output.splitlines() if re.search(r"error|sorry|not found", line, re.IGNORECASE)]
    return "\n".join(errors[:count]) or tools.last_lines(output)
