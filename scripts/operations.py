"""Write docs/operations.md: a row for each integer operation, every cell from where it is defined.

    python scripts/operations.py

What an operation is stands at the top of its module, its types and its rounding in its class, its rules in
docs/semantics.md, and ONNX operators, latencies and cycles are cells of the tables of docs/models.md and
docs/hardware.md.  Modules, multipliers and memory files are what plans of the corner cases in tests/cases.py have, and
buffers are the memories that these modules declare.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operations.md"
sys.path.insert(0, str(ROOT / "tests"))

from builds import entries, plan_with  # noqa: E402
from cases import CASES  # noqa: E402

from hwq.hw.engines import requant_multipliers  # noqa: E402
from hwq.hw.netlist import Instance  # noqa: E402
from hwq.hw.plan import Plan  # noqa: E402
from hwq.ir.op import REGISTRY, Op  # noqa: E402
from hwq.ir.program import Program  # noqa: E402

SEMANTICS, HARDWARE, MODELS = (
    (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("semantics", "hardware", "models")
)

HEAD = """\
# Operations

Written by `make docs` from the code and from the tables of other pages; change those, not this page. All operations
that a program may have, in the order of [semantics.md](semantics.md), which defines them.

## What they compute

- ONNX operators: those that may become it, alone or with others; [models.md](models.md) says when.
- Bits: what the corner cases of the tests cover, of 1 to 16 that a tensor may have, and to 32 where nothing multiplies
  it (rule T1). No number: no input.
- Rounding: *free* is any of the four modes of rule R2, chosen with the scales. Others round once, always in the same
  way, or not at all; with both, tables round in that one way.
"""

BUILT = """\

## What they are built from

Names in capitals are parameters of the modules, others those of [hardware.md](hardware.md), which says how both follow
from the folding.

- Modules: those that the network holds, with their latency; there, the name of a module stands for its own latency.
- Cycles: of a frame, as in the table of that page.
- Multipliers: those that reports count. An array has PE * SIMD; *lane* is one that leaves, RQ of them with an array.
- Memory files: `rom/<op>_...mem`, as far as the operation needs them.
- Buffers: words and bits of memories that are written, those of inner modules too; where a module has lanes or PEs,
  each may have its own. FIFOs are not listed.
"""

_RULES = re.compile(r"\b[Rr]ules? ([A-Z]\d(?:(?:, | and )[A-Z]\d)*)")
_ALIKE = re.compile(r"\b(?:as|like) ([A-Z]\w+)")
_MEMORY = re.compile(r"logic (?:signed )?\[(.+?)-1:0\] (\w+)\[0:(.+?)-1\];")
_COMMON = ("hwq_rom", "hwq_fifo", "hwq_fifo_bram", "hwq_credit", "hwq_delay")
"""Modules whose memories are no buffers of an operation: what they read is in files, or they only hold results."""


@dataclass(slots=True)
class Seen:
    """What the plans of an operation's corner cases have."""

    modules: dict[str, None]
    files: dict[str, None]
    bits_in: set[int]
    bits_out: set[int]
    array: bool = False
    lanes: tuple[int, int] = (99, 0)


def table(text: str, head: str) -> list[list[str]]:
    """Cells of the rows of the table in `text` whose first line starts with `head`."""
    found = re.search(rf"^{re.escape(head)}.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    if not found:
        raise SystemExit(f"no table starts with {head}")
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def sections() -> Iterator[tuple[str, str]]:
    """Kind and text of the section of each operation, with what a section for several kinds says before it."""
    shared: dict[str, str] = {}
    body = SEMANTICS.split("\n## Operations\n")[1].split("\n## ")[0]
    for title, text in re.findall(r"^### (.+)\n((?:(?!### ).*\n?)*)", body, re.MULTILINE):
        if title.startswith("`"):
            yield title.strip("`"), shared.get(title.strip("`"), "") + text
        else:
            shared |= dict.fromkeys(re.findall(r"`(\w+)`", text.split(" take ")[0]), text)


def rules(text: str) -> list[str]:
    """Rules that a section defines or cites, those of its own first."""
    own = re.findall(r"^\*\*Rule ([A-Z]\d)", text, re.MULTILINE)
    cited = [rule for found in _RULES.findall(text) for rule in re.findall(r"[A-Z]\d", found)]
    return list(dict.fromkeys([*own, *cited]))


def operators() -> dict[str, list[str]]:
    """For each kind the ONNX operators that become it, by docs/models.md."""
    becomes = {cells[0]: cells[2] for cells in table(MODELS, "| operator |")}
    kinds = {cls.__name__: kind for kind, cls in REGISTRY.items()}
    found: dict[str, list[str]] = {kind: [] for kind in REGISTRY}
    for operator, cell in becomes.items():
        alike = _ALIKE.search(cell)
        words = f"{_ALIKE.sub('', cell)} {becomes[alike[1]] if alike else ''}"
        for kind in dict.fromkeys(kinds[word] for word in re.findall(r"\w+", words) if word in kinds):
            found[kind].append(operator)
    return found


def seen(kind: str) -> Seen:
    """The corner cases of `kind`, each under a few foldings."""
    out = Seen({}, {}, set(), set())
    for program in CASES[kind].values():
        op = program.ops[0]
        out.bits_in |= {x.bits for x in program.input_types_of(op)}
        out.bits_out.add(program.types[op.name].bits)
        for plan in plans(program, op):
            fold = plan.folds[op.name]
            count = requant_multipliers(op, fold) // fold.lanes_out
            out.array = out.array or fold.multipliers > 0
            out.lanes = min(out.lanes[0], count), max(out.lanes[1], count)
            engine = (f"u_{op.name}__window", f"u_{op.name}")
            out.modules |= {p.module: None for p in plan.net.parts if isinstance(p, Instance) and p.name in engine}
            roms = (rom.file.removeprefix("rom/").removesuffix(".mem") for rom in plan.net.roms)
            out.files |= {name.removeprefix(op.name): None for name in roms if name.startswith(f"{op.name}_")}
    return out


def plans(program: Program, op: Op) -> Iterator[Plan]:
    """Plans of `program` with each folding of `op`."""
    others = {other.name: entries(program, other)[0] for other in program.ops if other is not op}
    for entry in entries(program, op):
        yield plan_with(program, {op.name: entry, **others})


def rounding(cls: type[Op]) -> str:
    """Free where it has a requantisation, and the mode that it always uses."""
    modes = ["free"] if any(field.type == "Requant" for field in fields(cls)) else []
    if cls.rounding is not None:
        modes.append(cls.rounding.name.lower())
    return ", ".join(modes) or "none"


def span(bits: Iterable[int]) -> str:
    """Least and most."""
    found = sorted(bits)
    return f"{found[0]} to {found[-1]}" if found else ""


def cycles(kind: str) -> str:
    """What the table of cycles says of `kind`, under which condition."""
    lines = table(HARDWARE, "| operation | cycles |")
    found = [line for line in lines if kind in re.findall(r"\w+", line[0])]
    found = found or [line for line in lines if line[0] == "others"]
    plain = re.compile(r"(\w+(, )?)+")
    return "; ".join((cell if plain.fullmatch(head) else f"{head}: {cell}").split("; ")[0] for head, cell in found)


def buffers(modules: Iterable[str]) -> list[str]:
    """Memories that the modules declare, and those inside them."""
    found, waiting, done = [], list(modules), set()
    while waiting:
        name = waiting.pop(0)
        if name in done or name in _COMMON:
            continue
        done.add(name)
        text = (ROOT / "templates" / "rtl" / f"{name}.sv").read_text("utf-8")
        text = re.sub(r"`ifndef SYNTHESIS.*?`endif", "", re.sub(r"//.*", "", text), flags=re.DOTALL)
        for width, memory, depth in _MEMORY.findall(text):
            if re.search(rf"\b{memory}\[[^\]]+\]\s*<=", text):
                found.append(f"{name}.{memory}: {_product(depth, text)} of {_product(width, text)}")
        waiting += re.findall(r"\bhwq_\w+\b(?=\s*#\()", text)
    return found


def _product(expression: str, text: str) -> str:
    """An expression of an RTL file, with names of products in it written out."""
    named = dict(re.findall(r"localparam int (\w+) = (\w+(?: ?\* ?\w+)+)[;,\n]", text))
    return " * ".join(
        _product(named[part], text) if part in named else part for part in re.split(r" ?\* ?", expression)
    )


def _first_line(documented: object) -> str:
    """That of a docstring, without the full stop."""
    return (inspect.getdoc(documented) or "").split("\n")[0].rstrip(".")


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |\n"


def page() -> str:
    """The whole page."""
    latency = {cells[0]: cells[-1] for cells in table(HARDWARE, "| module |")}
    becomes = operators()
    first = row("operation", "what", "rules", "ONNX operators", "bits in", "bits out", "output", "rounding")
    second = row("operation", "modules (latency)", "cycles", "multipliers", "memory files", "buffers")
    first += row(*["---"] * 8)
    second += row(*["---"] * 6)
    for kind, text in sections():
        cls, found = REGISTRY[kind], seen(kind)
        what = _first_line(sys.modules[cls.__module__]).split(": ", 1)[1]
        what = what[0].upper() + what[1:]
        first += row(
            f"`{kind}`", what, ", ".join(rules(text)), ", ".join(becomes[kind]) or "none", span(found.bits_in),
            span(found.bits_out), _first_line(cls.result), rounding(cls),
        )  # fmt: skip
        least, most = found.lanes
        lane = "" if not most else f"{least if least == most else f'{least} or {most}'} a lane"
        second += row(
            f"`{kind}`", ", ".join(f"{name} ({latency[name]})" for name in found.modules), cycles(kind),
            " and ".join(filter(None, ("PE * SIMD" if found.array else "", lane))) or "none",
            ", ".join(sorted(found.files)), ", ".join(buffers(found.modules)),
        )  # fmt: skip
    return f"{HEAD}\n{first}{BUILT}\n{second}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
