"""From a harness to an answer: Yosys makes an and-inverter graph of harness and module, ABC proves or refutes it.

Yosys and ABC are those of the Python package `pyosys`. ABC's `pdr` (property directed reachability, IC3) finds an
inductive invariant of its own, so what it proves holds for ever; it checks the invariant before it says so. `bmc3`
looks at all behaviour of a number of cycles from reset.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwq.errors import CheckFailed
from hwq.verify import tools

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RTL = ROOT / "templates" / "rtl"
SECONDS = 900

READ = "read_verilog -formal -sv -defer {sources}"
LOWER = """hierarchy -check -top {top}
proc
memory_dff
memory_collect
memory_map
flatten
opt -fast
async2sync
chformal -early
chformal -lower
{goal}
opt -fast
setundef -undriven -anyseq
setundef -anyseq
dffunmap
formalff -clk2ff -ff2anyinit
formalff -anyinit2ff -fine
opt_clean
techmap
simplemap
setundef -anyseq
aigmap
opt_clean
write_aiger -zinit -no-startoffset -ywmap {name}.ywm {name}.aig"""
ASSERTIONS = "chformal -cover -remove"
COVERS = f"chformal -assert -remove\ntechmap -map {HERE}/sv/cover_map.v t:$cover"


@dataclass(frozen=True, slots=True)
class Change:
    """A mutant: text of one RTL file, which stands there once, and what takes its place."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What ABC said. `state` is proved, bounded, refuted or open; `detail` names what was refuted, and when."""

    state: str
    detail: str = ""


def version() -> str:
    """The version of Yosys and ABC."""
    return importlib.metadata.version("pyosys")


def sources(harness: str) -> list[Path]:
    """The files of a harness: shared checkers, the harness, and the modules of the library that it needs."""
    path = HERE / "sv" / f"{harness}.sv"
    return [HERE / "sv" / "checks.sv", path, *needed(path)]


def needed(path: Path) -> list[Path]:
    """The files of the library's modules that a file instantiates, and that those do."""
    found: dict[str, Path] = {}
    text = path.read_text(encoding="utf-8")
    while names := [name for name in re.findall(r"\b(hwq_\w+) (?:#\(|u_)", text) if name not in found]:
        for name in names:
            found[name] = RTL / f"{name}.sv"
        text = "\n".join(found[name].read_text(encoding="utf-8") for name in names)
    return list(found.values())


def inside(module: str) -> str:
    """Properties of a module's inside, which go before its `endmodule`."""
    path = HERE / "inside" / f"{module}.sv"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def prepare(folder: Path, harness: str, changes: Sequence[Change] = ()) -> list[str]:
    """Copy the sources of a harness to a folder; a module's own checks become assertions there.

    Raises
    ------
    CheckFailed
        When the old text of a change does not stand once in its file.
    """
    names = []
    for path in sources(harness):
        text = path.read_text(encoding="utf-8")
        for change in changes:
            if change.file == path.name:
                if text.count(change.old) != 1:
                    raise CheckFailed(f"{path.name}: found {text.count(change.old)} times, expected once: {change.old}")
                text = text.replace(change.old, change.new)
        if path.parent == RTL:
            text = re.sub(r"\$fatal\(1,[^;]*\);", "assert ($initstate);", text)
            text = re.sub(r"\$isunknown\([^()]*\)", "1'b0", text)  # all is known here: 0 or 1
            text = text.replace("\nendmodule", f"\n{inside(path.stem)}endmodule")
        (folder / path.name).write_text(text, encoding="utf-8")
        names.append(path.name)
    return names


def model(folder: Path, names: Sequence[str], top: str, params: Mapping[str, int | str], goal: str) -> list[str]:
    """Write the graph of a prepared harness as NAME.aig; return the names of its properties, in order.

    `goal` is ASSERTIONS or COVERS.
    """
    name = "asserts" if goal == ASSERTIONS else "covers"
    commands = [READ.format(sources=" ".join(names))]
    if params:
        sets = " ".join(f"-set {key} {_literal(value)}" for key, value in params.items())
        commands.append(f"chparam {sets} {top}")
    commands.append(LOWER.format(top=top, goal=goal, name=name))
    return yosys(folder, name, "\n".join(commands))


def _literal(value: int | str) -> str:
    """A parameter's value as `chparam` reads it; it knows no sign."""
    return f"32'h{int(value) & 0xFFFFFFFF:08x}" if str(value).startswith("-") else str(value)


def yosys(folder: Path, name: str, script: str) -> list[str]:
    """Run a script of Yosys that ends with NAME.aig and NAME.ywm; return the names of its properties."""
    (folder / f"{name}.ys").write_text(script, encoding="utf-8")
    command = [sys.executable, str(HERE / "elaborate.py"), f"{name}.ys"]
    done = tools.run(command, cwd=folder, timeout=SECONDS, log=folder / f"{name}.log")
    if done.returncode != 0 or not (folder / f"{name}.ywm").is_file():
        raise CheckFailed(f"Yosys ends with {done.returncode} in {folder}:\n{tools.last_lines(done.output, 20)}")
    content = json.loads((folder / f"{name}.ywm").read_text(encoding="utf-8"))
    return [_readable(".".join(path)) for path in content["asserts"]]


def _readable(name: str) -> str:
    """The name of a property without what Yosys adds; one without a label is called by its place in the source."""
    return re.sub(r"\$\d+$", "", re.sub(r"\\|\$flatten|\$assert\$", "", name))


def abc(folder: Path, script: str, seconds: float = SECONDS) -> str:
    """Run commands of ABC; return what it prints."""
    spec = importlib.util.find_spec("pyosys")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    program = Path(spec.submodule_search_locations[0], "yosys-abc")
    done = tools.run([str(program), "-q", script], cwd=folder, timeout=seconds + 60)
    if done.returncode != 0:
        raise CheckFailed(f"ABC ends with {done.returncode} in {folder}:\n{tools.last_lines(done.output, 20)}")
    return done.output


def prove(folder: Path, seconds: int) -> Answer:
    """Prove all properties of asserts.aig together, by an inductive invariant."""
    start = "read_aiger asserts.aig; fold; strash; orpos"
    output = abc(folder, f"{start}; scorr; pdr -T {seconds}", seconds)
    if "All outputs solved" in output:  # by scorr, so there is nothing left for pdr
        output = abc(folder, f"{start}; pdr -T {seconds}", seconds)
    if "Property proved" in output or "is proved by" in output:
        return Answer("proved")
    if "was asserted in frame" in output:
        return Answer("refuted")
    return Answer("open", tools.last_lines(output, 2))


def bounded(folder: Path, names: Sequence[str], cycles: int, seconds: int = SECONDS) -> Answer:
    """Look for a counterexample of asserts.aig in the first cycles."""
    output = abc(folder, f"read_aiger asserts.aig; fold; strash; bmc3 -F {cycles} -T {seconds}", seconds)
    if found := re.search(r"Output (\d+) of miter \S+ was asserted in frame (\d+)", output):
        return Answer("refuted", f"{names[int(found[1])]} in cycle {found[2]}")
    if re.search(rf"No output asserted in {cycles} frames", output):
        return Answer("bounded")
    return Answer("open", tools.last_lines(output, 2))


def reach(folder: Path, names: Sequence[str], cycles: int) -> dict[str, int]:
    """The places of covers.aig that can be reached in so many cycles, and in which one first."""
    found: dict[str, int] = {}
    for number, name in enumerate(names):
        # One at a time: `bmc3 -a` may crash where two places are reached at once.
        output = abc(folder, f"read_aiger covers.aig; fold; strash; cone -O {number}; bmc3 -F {cycles}")
        if cycle := re.search(r"was asserted in frame +(\d+)", output):
            found[name] = int(cycle[1])
    return found
