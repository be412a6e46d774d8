"""Choose the killers of each module, out of all foldings of all cases, and write killers.toml.

    python proof/mutation/rtl/choose.py [--fresh | --measure]

With --fresh the marks of all killers are measured again, else those of new ones alone; with --measure nothing is
chosen, and the killers are measured again as they are.

A module is elaborated with other parameters in each build.  Killers are taken until they have every value of every
parameter, every local parameter and every generated block that the whole pool has, cheap ones first.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from killers import BAD, CHOSEN, FOLDER, RUNS, Killer, Lists, Marks, chosen, known_marks, prepared, write
from programs import Planned, pool

MOST, EACH = 14, 6
"""Killers of a module, and of a named block in it."""
COSTLY = 2.5e9
"""Bytes of code times cycles, of which Icarus does some 6e9 a second."""
_LINE = re.compile(
    r'^(?:S_(\w+) \.scope (\w+), "([^"]*)" "([^"]*)".*?(?:S_(\w+))?;|P_\w+ \.param/l "(\w+)" .*?, (.*);)$'
)

Items = dict[str, set[str]]
"""Of each module, what a build has of it: values of parameters, generated blocks."""


def items(program: Path) -> Items:
    """Read what a compiled program has of each module."""
    found: Items = defaultdict(set)
    module_of: dict[str, str] = {}
    module, block = "", ""
    for line in program.read_text("utf-8", errors="replace").splitlines():
        if not (match := _LINE.match(line)):
            continue
        scope, kind, name, type_, parent, parameter, value = match.groups()
        if scope:
            module, block = (type_, "") if kind == "module" else (module_of.get(parent, ""), re.sub(r"\[.*", "", name))
            module_of[scope] = module
            found[module].add(block)
        elif not block or parameter != "genvar":
            found[module].add(f"{block}{parameter}={value.lstrip('+')}")
    return {module: values for module, values in found.items() if module.startswith("hwq_")}


def main() -> None:
    """Elaborate the whole pool, once, and choose."""
    work = FOLDER / "work"
    work.mkdir(parents=True, exist_ok=True)
    if "--measure" in sys.argv:
        measure(chosen(), pool(), {})
        return
    scan = FOLDER / "scan.json"
    known = json.loads(scan.read_text()) if scan.is_file() else {}
    every = pool()
    for number, (label, planned) in enumerate(every.items()):
        if label in known:
            continue
        plan = planned()
        folder = FOLDER / "killers" / label
        write(plan, folder)
        program = Killer(label, folder, work).compile({}, "scan.vvp")
        if program is None:
            sys.exit(f"{label}: the library does not compile")
        cost = (plan.interval * 5 + plan.frame_latency) * program.stat().st_size
        known[label] = [cost, {module: sorted(found) for module, found in items(program).items()}]
        if number % 100 == 0:
            print(number, label, flush=True)
            scan.write_text(json.dumps(known))
    scan.write_text(json.dumps(known))
    select({label: known[label] for label in every}, every)


Known = dict[str, tuple[float, dict[str, list[str]]]]
"""Cost of each killer, and what it has of each module."""


def weights(known: Known, module: str) -> dict[str, float]:
    """What a value of a parameter is worth: much where it has few, as a mode has, little where it is a width."""
    values: dict[str, set[str]] = defaultdict(set)
    for _, found in known.values():
        for item in found.get(module, ()):
            values[item.partition("=")[0]].add(item)
    return {item: 1 / len(items) for items in values.values() for item in items}


def greedy(known: Known, module: str, block: str, most: int, weight: dict[str, float]) -> list[str]:
    """Killers that have a block of a module: what others do not have, for little."""
    waiting = {label: (cost, set(found[module])) for label, (cost, found) in known.items()
               if block in found.get(module, ()) and cost < COSTLY}  # fmt: skip
    chosen: list[str] = []
    seen: set[str] = set()

    def gain(label: str) -> tuple[float, str]:
        cost, found = waiting[label]
        return sum(weight[item] for item in found - seen) / (cost + 3e8) ** 0.5, label

    while waiting and len(chosen) < most:
        best = max(waiting, key=gain)
        if not waiting[best][1] - seen:
            break
        chosen.append(best)
        seen |= waiting.pop(best)[1]
    return chosen


def select(known: Known, every: Mapping[str, Planned]) -> None:
    """Choose, then measure each that is chosen."""
    lists: Lists = {}
    modules = {module for _, found in known.values() for module in found if not module.startswith("hwq_tb")}
    for module in sorted(modules):
        blocks = {item for _, found in known.values() for item in found.get(module, ()) if re.fullmatch(r"g_\w+", item)}
        weight = weights(known, module)
        lists[module] = {"any": greedy(known, module, "", MOST, weight)}
        lists[module] |= {block: greedy(known, module, block, EACH, weight) for block in sorted(blocks)}
    measure(lists, every, {} if "--fresh" in sys.argv else known_marks())


def measure(lists: Lists, every: Mapping[str, Planned], marks: dict[str, Marks]) -> None:
    """Run the killers of which nothing is known, and save all."""
    labels = {label for blocks in lists.values() for found in blocks.values() for label in found}
    for label in sorted(labels - marks.keys()):
        killer = Killer(label, prepared(label, every[label]), FOLDER / "work")
        program = killer.compile({}, "scan.vvp")
        assert program is not None
        for run in RUNS:
            output, mark = replace(killer, marks=marks.get(label, ())).run(program, run)
            if not mark or BAD.search(output):
                sys.exit(f"{label}: the library fails:\n{output}")
            marks[label] = (*marks.get(label, ()), mark)
    save(lists, {label: marks[label] for label in labels})


def save(lists: Lists, marks: dict[str, Marks]) -> None:
    """Write killers.toml."""
    rows = [
        "# Written by choose.py: killers of each module and its blocks, and the marks of their runs.",
        "",
    ]
    for module, blocks in lists.items():
        rows += [f"[modules.{module}]", *(f"{block} = {json.dumps(labels)}" for block, labels in blocks.items()), ""]
    rows += ["[marks]"]
    rows += [f"{json.dumps(label)} = {json.dumps(found)}" for label, found in sorted(marks.items())]
    CHOSEN.write_text("\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
