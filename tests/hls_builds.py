"""Compiling networks in C++ in tests: many of them in one program, each with vectors of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builds import Entry, entries, plan_with

from hwq.emit.hls.build import own_texts
from hwq.emit.render import library
from hwq.emit.vectors import stimulus, vector_files
from hwq.hw.plan import Plan
from hwq.ir.program import Program

WARNINGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wpedantic")
_RESULT = re.compile(r"HWQ_CASE (\S+)\n((?:.*\n)*?)HWQ_RESULT (PASS|FAIL)")


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C++ compiler, its flags, and the folder of the headers of types; hwq's own when None."""

    command: str = "g++"
    flags: tuple[str, ...] = ("-O0",)
    types: Path | None = None
    defines: tuple[str, ...] = ()


def case_plan(name: str, program: Program, entry: Entry) -> Plan:
    """The plan of a case whose network is called `name`."""
    first, *others = program.ops
    folding = {first.name: entry} | {op.name: entries(program, op)[0] for op in others}
    return plan_with(replace(program, name=name), folding)


def run_batch(
    plans: Mapping[str, Plan],
    folder: Path,
    compiler: Compiler,
    samples: int,
    change: Callable[[Mapping[str, str]], Mapping[str, str]] = dict,
) -> dict[str, str]:
    """Compile all of `plans` into one program and run it; what each said that is not equal to the simulator.

    Parameters
    ----------
    plans
        Plans by label; their programs have different names.
    samples
        Frames of each.
    change
        Changes the files before they are compiled.
    """
    (folder / "vectors").mkdir(parents=True)
    texts = {f"hls/{name}": text for name, text in library("hls").items()}
    texts |= {f"hls/native/{name}": text for name, text in library("hls/native").items()}
    for plan in plans.values():
        texts |= _apart(own_texts(plan), plan.program.name)
        frames = stimulus(plan.program, samples)
        for name, words in vector_files(plan, frames, inner=False):
            texts[f"vectors/{plan.program.name}/{name}"] = "\n".join(words) + "\n"
    texts["main.cpp"] = _main(plans, samples)
    for name, text in change(texts).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    types = folder / "hls" / "native" if compiler.types is None else compiler.types
    include = "-I" if compiler.types is None else "-isystem"
    command = [compiler.command, *WARNINGS, *compiler.flags, include, str(types), "-Ihls", *compiler.defines]
    compiled = _run([*command, "main.cpp", "-o", "main"], folder)
    assert compiled.returncode == 0, compiled.stderr[:4000]
    done = _run(["./main"], folder)
    said = done.stdout
    if done.returncode not in (0, 1):
        return {"all": (said + done.stderr)[-4000:]}
    found = {match[1]: (match[3], match[2]) for match in _RESULT.finditer(said)}
    return {
        label: found.get(plan.program.name, ("no result", said[-500:]))[1] or "FAIL"
        for label, plan in plans.items()
        if found.get(plan.program.name, ("", ""))[0] != "PASS"
    }


def _apart(texts: Mapping[str, str], name: str) -> dict[str, str]:
    """The files of a network with its memories in a folder of their own."""
    return {
        file.replace("rom/", f"rom/{name}/"): text.replace('"../rom/', f'"../rom/{name}/')
        for file, text in texts.items()
    }


def _main(plans: Mapping[str, Plan], samples: int) -> str:
    names = [plan.program.name for plan in plans.values()]
    lines = ["#define HWQ_NO_MAIN 1"]
    for name in names:
        lines += [f'#include "hls/{name}.cpp"', f'#include "hls/tb_{name}.cpp"']
    lines += ["int main() {", "  int failed = 0;"]
    for name in names:
        lines.append(f'  std::printf("HWQ_CASE {name}\\n");')
        lines.append(f'  failed += {name}__check({samples}, "vectors/{name}");')
    return "\n".join([*lines, "  return failed != 0;", "}", ""])


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
