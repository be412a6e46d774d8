"""The documentation says what the code is: rules, operations, modules, operators, messages, commands, links."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import typer

import hwq.api
import hwq.ops
from hwq.arith import Rounding, shift_round
from hwq.cli.commands import app
from hwq.frontend.handlers import HANDLERS
from hwq.ir.op import REGISTRY
from hwq.ir.types import TensorType
from hwq.ops import Table
from hwq.ops.factors import as_multipliers

ROOT = Path(__file__).resolve().parents[2]
SEMANTICS, HARDWARE, MODELS, GOLDEN = (
    (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("semantics", "hardware", "models", "golden")
)
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/*.md")])

_CITED = re.compile(r"\b[Rr]ules? ([A-Z]\d(?:(?:, | and )[A-Z]\d)*)")
_SOURCES = [
    *ROOT.glob("hwq/**/*.py"), *ROOT.glob("templates/**/*.sv"), *ROOT.glob("templates/**/*.j2"),
    *ROOT.glob("templates/c/*.h"),
]  # fmt: skip


def cited(text: str) -> set[str]:
    """Rule numbers that `text` cites."""
    return {rule for found in _CITED.findall(text) for rule in re.findall(r"[A-Z]\d", found)}


def rows(text: str, head: str) -> list[list[str]]:
    """Cells of every row of all tables in `text` whose first line starts with `head`."""
    out = []
    for table in re.findall(rf"^{re.escape(head)}.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE):
        out += [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    assert out, f"no table starts with {head}"
    return out


def test_every_rule_is_defined_once_and_cited() -> None:
    defined = re.findall(r"^\*\*Rule ([A-Z]\d)[:.]", SEMANTICS, re.MULTILINE)
    assert len(defined) == len(set(defined))
    used = set().union(*(cited(path.read_text("utf-8")) for path in _SOURCES))
    assert used == set(defined)
    assert cited(SEMANTICS) | cited(HARDWARE) <= set(defined)


def test_every_operation_has_a_section() -> None:
    assert hwq.ops
    assert sorted(re.findall(r"^### `(\w+)`$", SEMANTICS, re.MULTILINE)) == sorted(REGISTRY)


def test_every_golden_function_is_named() -> None:
    found = re.search(r"Functions of operations:(.*)What they call:(.*?)^- ", GOLDEN, re.MULTILINE | re.DOTALL)
    assert found
    operations, others = found.groups()
    assert re.findall(r"`(\w+)`", operations) == sorted(REGISTRY)
    functions = {path.stem for path in ROOT.glob("templates/onnx/*.txt")}
    assert set(re.findall(r"`(\w+)`", others)) == functions - REGISTRY.keys()


def test_worked_roundings() -> None:
    for x, _, *expected in rows(SEMANTICS, "| x | x / 4 |"):
        got = [int(shift_round(np.array([int(x)]), 2, mode)[0]) for mode in Rounding]
        assert got == [int(value) for value in expected], x


def test_worked_multipliers() -> None:
    for ratios, multipliers, shift in rows(SEMANTICS, "| ratios |"):
        expected = (tuple(int(m) for m in multipliers.split(",")), int(shift))
        assert as_multipliers([float(r) for r in ratios.split(",")]) == expected


def test_worked_tables() -> None:
    for b, k, fraction, entries, places, expected in rows(SEMANTICS, "| b | k |"):
        table = Table(
            name="y", inputs=("x",), entries=np.array([int(v) for v in entries.split(",")]), step=int(k),
            fraction=int(fraction), low=0, bits=8, signed=True,
        )  # fmt: skip
        assert table.result(TensorType((1, 1, 1), int(b), False)).bits == 8
        got = table.evaluate(np.array([int(u) for u in places.split(",")]))
        assert got.tolist() == [int(y) for y in expected.split(",")]


def test_every_module_has_a_row() -> None:
    modules = [row[0] for row in rows(HARDWARE, "| module |")]
    assert sorted(modules) == sorted(path.stem for path in ROOT.glob("templates/rtl/*.sv"))


def test_every_onnx_operator_has_a_row() -> None:
    assert [row[0] for row in rows(MODELS, "| operator |")] == list(HANDLERS)


def test_messages_are_those_of_the_frontend() -> None:
    messages = set()
    for path in ROOT.glob("hwq/frontend/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
                messages.add("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                messages.add(node.value)
    for _, message in rows(MODELS, "| found |"):
        pattern = re.compile(".*".join(re.escape(part) for part in message.strip("`").split("...")))
        assert any(pattern.search(known) for known in messages), message


def test_every_command_has_a_row() -> None:
    group = typer.main.get_command(app)
    shown = [re.match(r"`hwq (\w+)", row[0]) for row in rows(README, "| command |")]
    assert [found and found[1] for found in shown] == list(group.commands)  # type: ignore[attr-defined]


def test_every_command_has_a_function() -> None:
    group = typer.main.get_command(app)
    assert all(callable(getattr(hwq.api, name)) for name in group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
