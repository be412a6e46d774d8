"""The score of the mutation of the RTL library, from the results of campaign.py and equivalence.py.

    python proof/mutation/rtl/score.py             the table, and survivors that nobody has explained
    python proof/mutation/rtl/score.py --list M    survivors of module M with their lines
    python proof/mutation/rtl/score.py --write     the table into docs/mutation.md

A mutant counts as killed where a killer notices it. One that does not compile is invalid; one that compiles to the
code of the library in all its killers, or that Yosys proves equal, is equivalent. The score is killed / (valid -
equivalent). survivors.toml gives a reason for each of the rest. The exit code is 1 where it does not, or explains one
that a killer notices.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import Counter
from pathlib import Path

from campaign import Module, Result
from killers import chosen
from operators import ROOT, RTL, Mutant, library

SURVIVORS = Path(__file__).with_name("survivors.toml")
PAGE = ROOT / "docs" / "mutation.md"
MARKS = "<!-- rtl: begin -->", "<!-- rtl: end -->"
COLUMNS = ("mutants", "tried", "invalid", "killed", "same", "equivalent", "survived")
HEAD = ("module", "mutants", "tried", "invalid", "killed", "same code", "proved equal", "survived", "score")


def explained() -> dict[str, str]:
    """Key of each survivor that is explained, and the reason."""
    stored = tomllib.loads(SURVIVORS.read_text("utf-8"))
    return {key: reason for reason, keys in stored["survivors"].items() for key in keys}


def count(module: Module) -> Counter[str]:
    """How many mutants of a module became what."""
    found = Counter(result.status for result in module.results.values())
    found["mutants"], found["tried"] = len(module.mutants), len(module.results)
    return found


def score(found: Counter[str]) -> str:
    """Killed of those that are neither invalid nor equivalent, per cent."""
    counted = found["killed"] + found["survived"]
    return f"{100 * found['killed'] / counted:.1f}" if counted else "-"


def table(modules: dict[str, Module]) -> list[str]:
    """The table of docs/mutation.md."""
    total: Counter[str] = Counter()
    rows = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    for name, module in modules.items():
        found = count(module)
        total.update(found)
        rows.append(f"| {name} | {' | '.join(str(found[column]) for column in COLUMNS)} | {score(found)} |")
    return [*rows, f"| all | {' | '.join(str(total[column]) for column in COLUMNS)} | {score(total)} |"]


def described(mutant: Mutant, result: Result) -> str:
    """A mutant and its line."""
    line = (RTL / f"{mutant.module}.sv").read_text("utf-8").splitlines()[mutant.line - 1].strip()
    change = f"{mutant.old[:60]!r} -> {mutant.new[:60]!r}"
    where = f"{mutant.module}:{mutant.line}:{mutant.column}"
    return f"{mutant.key} {where} {mutant.operator} {change} {result.how}\n    {line}"


def main() -> None:
    """Print the table, and what survivors.toml lacks or has too much."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--list", nargs="*", default=None)
    options.add_argument("--status", default="survived")
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    labels = chosen()
    modules = {name: Module(name, mutants, labels[name]) for name, mutants in library().items()}
    reasons = explained()
    open_, closed = [], []
    for name, module in modules.items():
        for mutant in sorted(module.mutants, key=lambda mutant: (mutant.line, mutant.column)):
            result = module.results.get(mutant.key)
            if result is None:
                continue
            if result.status == given.status and given.list is not None and (not given.list or name in given.list):
                print(described(mutant, result), f"[{reasons[mutant.key]}]" if mutant.key in reasons else "")
            if result.status == "survived" and mutant.key not in reasons:
                open_.append(described(mutant, result))
            if result.status in ("killed", "invalid") and result.how != "bench" and mutant.key in reasons:
                closed.append(f"{described(mutant, result)}: {result.status}, {result.killer}")
    keys = {mutant.key for module in modules.values() for mutant in module.mutants}
    closed += [f"{key}: no such mutant" for key in reasons if key not in keys]
    if given.list is not None:
        return
    rows = table(modules)
    if given.write:
        before, rest = PAGE.read_text("utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        PAGE.write_text(before + "\n".join([MARKS[0], "", *rows, "", MARKS[1]]) + after, "utf-8")
    print("\n".join(rows))
    for title, lines in (("survivors without a reason", open_), ("reasons for none", closed)):
        print(f"\n{len(lines)} {title}", *lines, sep="\n")
    sys.exit(bool(open_ or closed))


if __name__ == "__main__":
    main()
