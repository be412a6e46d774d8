"""Proofs that mutants which no killer notices change nothing: Yosys, for each set of parameters that a killer has.

    python proof/mutation/rtl/equivalence.py [MODULE ...]

A module and its mutant are elaborated with the same parameters and memories, and compared register by register and
output by output by induction over time (equiv_induct).  A mutant counts as equivalent when that succeeds for the first
four sets of parameters under which the two compile to different code in killers, and no killer notices it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from campaign import FAST, Bench, Module, Result
from killers import Killer, chosen
from operators import RTL, Mutant, library

from hwq.errors import CheckFailed
from hwq.verify import tools

SECONDS = 40.0
MOST_SETS = 4
"""Sets of parameters for which a mutant is proved equal, those of the first killers in which it differs."""
_SCOPE = re.compile(r'^S_\w+ \.scope module, "[^"]*" "([^"]*)"')
_PARAMETER = re.compile(r'^P_\w+ \.param/(l|str) "(\w+)" 0 \S+ \S+, (.*);$')
_SIDE = """
read_verilog -sv -DSYNTHESIS {sources}
chparam {parameters} {module}
hierarchy -top {module}
proc; flatten; memory; opt -full
rename -top {side}
design -stash {side}
"""
_SCRIPT = """
design -copy-from gold gold
design -copy-from gate gate
equiv_make gold gate both
hierarchy -top both
opt -full
equiv_simple -undef
equiv_induct -undef -seq 6
equiv_status -assert
"""

Parameters = tuple[tuple[str, str], ...]


def parameter_sets(program: Path, module: str) -> set[Parameters]:
    """What the instances of a module are given in a compiled program, as Yosys takes it."""
    found: set[Parameters] = set()
    inside = False
    values: dict[str, str] = {}
    for line in program.read_text("utf-8", errors="replace").splitlines():
        if line.startswith(("S_", ":")):
            if inside:
                found.add(tuple(sorted(values.items())))
            scope = _SCOPE.match(line)
            inside, values = bool(scope and scope.group(1) == module), {}
        elif inside and (match := _PARAMETER.match(line)):
            kind, name, value = match.groups()
            values[name] = value if kind == "str" else _literal(value)
    return found


def _literal(value: str) -> str:
    bits = value[value.index("<") + 1 : value.rindex(">")]
    sign = "s" if value.startswith("+") else ""
    return f"{len(bits)}'{sign}b{bits}"


def sources(module: str) -> list[str]:
    """A module of the library and all that it instantiates."""
    found, waiting = [], [module]
    while waiting:
        name = waiting.pop()
        if name not in found and (RTL / f"{name}.sv").is_file():
            found.append(name)
            waiting += re.findall(r"\bhwq_\w+\b", (RTL / f"{name}.sv").read_text("utf-8"))
    return found


def proven(mutant: Mutant, text: str, parameters: Parameters, work: Path) -> bool:
    """Whether Yosys proves the mutant equal under one set of parameters; memories are in `work`."""
    names = sources(mutant.module)
    for name in names:
        shutil.copyfile(RTL / f"{name}.sv", work / f"{name}.sv")
    (work / "mutant.sv").write_text(mutant.applied(text), "utf-8")
    script = ""
    for side, first in (("gold", f"{mutant.module}.sv"), ("gate", "mutant.sv")):
        files = " ".join([first, *(f"{name}.sv" for name in names[1:])])
        values = " ".join(f"-set {name} {value}" for name, value in parameters)
        script += _SIDE.format(sources=files, parameters=values, module=mutant.module, side=side)
    (work / "prove.ys").write_text(script + _SCRIPT, "ascii")
    try:
        command = [str(tools.require("yosys").path), "-q", "prove.ys"]
        return tools.run(command, cwd=work, timeout=SECONDS, env=dict(os.environ)).returncode == 0
    except CheckFailed:
        return False


def memories(killer: Killer, work: Path) -> None:
    """An empty folder with the memory files of a killer."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if (killer.folder / "rom").is_dir():
        shutil.copytree(killer.folder / "rom", work / "rom")


def equivalent(mutant: Mutant, module: Module, result: Result, bench: Bench, work: Path) -> str:
    """Prove a survivor equivalent for all parameters; say where that failed."""
    seen: set[Parameters] = set()
    if mutant.start < module.text.index("\n);"):
        return "header"  # what parameters are by default follows from it, and here all are given
    for label in result.differs:
        killer = bench.killer(label, bench.work)
        program = killer.compile({}, "gold.vvp")
        assert program is not None
        memories(killer, work)
        for parameters in sorted(parameter_sets(program, mutant.module) - seen):
            if len(seen) == MOST_SETS:
                return ""
            seen.add(parameters)
            if not proven(mutant, module.text, parameters, work):
                return f"{label}"
    return ""


def survivors(modules: dict[str, Module]) -> Iterator[tuple[Module, Mutant, Result]]:
    """All mutants that no killer noticed."""
    for module in modules.values():
        for mutant in module.mutants:
            result = module.results.get(mutant.key)
            if result and result.status == "survived":
                yield module, mutant, result


def main() -> None:
    """Prove what can be proved of the survivors."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("modules", nargs="*")
    options.add_argument("--minutes", type=float, default=1e6)
    given = options.parse_args()
    until = time.monotonic() + 60 * given.minutes
    labels = chosen()
    modules = {name: Module(name, mutants, labels[name]) for name, mutants in library().items()
               if not given.modules or name in given.modules}  # fmt: skip
    bench = Bench(FAST / f"hwq-equivalence-{os.getpid()}")
    count = {True: 0, False: 0}
    for module, mutant, result in survivors(modules):
        if time.monotonic() > until:
            break
        if result.how == "unproven":
            continue
        failed = equivalent(mutant, module, result, bench, bench.work / "yosys")
        result.how = "unproven" if failed else "yosys"
        result.status = "survived" if failed else "equivalent"
        count[not failed] += 1
        module.save()
    print(f"{count[True]} proven equivalent, {count[False]} not")


if __name__ == "__main__":
    main()
