"""Style, types, import order, packaging and RTL lint, as tests."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from hwq.errors import ToolMissing
from hwq.verify import tools

ROOT = Path(__file__).resolve().parents[2]
RTL = ROOT / "templates" / "rtl"
WAIVERS = RTL / "hwq_lint.vlt"


def _clean(*command: str) -> None:
    """Run a checker of the Python environment in the repository; its findings are the failure's text."""
    finished = tools.run(command, cwd=ROOT, timeout=600)
    if finished.returncode != 0:
        pytest.fail(finished.output, pytrace=False)


def test_ruff_check() -> None:
    _clean("ruff", "check", ".")


def test_ruff_format() -> None:
    _clean("ruff", "format", "--check", ".")


def test_mypy() -> None:
    _clean("mypy")


def test_import_order() -> None:
    _clean("lint-imports")


@pytest.mark.parametrize("source", sorted(RTL.glob("*.sv")), ids=lambda path: path.stem)
def test_verilator_lint(source: Path) -> None:
    """Each module stands alone and is clean with its default parameters; waivers are in one file."""
    try:
        verilator = tools.require("verilator").path
    except ToolMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    waivers = [str(WAIVERS)] if WAIVERS.is_file() else []
    flags = ["--lint-only", "-Wall", "--timing", f"-I{RTL}", "--top-module", source.stem]
    _clean(str(verilator), *flags, *waivers, str(source))


def test_no_inline_waivers() -> None:
    inline = [path.name for path in RTL.glob("*.sv") if "verilator lint_off" in path.read_text(encoding="utf-8")]
    assert inline == []


def test_every_package_is_installed() -> None:
    """The list of packages in pyproject.toml is that of the folders."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent for path in (ROOT / "hwq").rglob("*.py")}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(project["tool"]["setuptools"]["packages"]) == names | {"hwq.templates"}


def test_packages_have_an_init() -> None:
    bare = {path.parent for path in (ROOT / "hwq").rglob("*.py")} - {
        path.parent for path in (ROOT / "hwq").rglob("__init__.py")
    }
    assert bare == set()


@pytest.mark.parametrize(("pattern", "limit"), [("hwq/**/*.py", 300), ("templates/rtl/*.sv", 280)])
def test_files_are_short(pattern: str, limit: int) -> None:
    lengths = {path.name: path.read_bytes().count(b"\n") for path in ROOT.glob(pattern)}
    assert {name: length for name, length in lengths.items() if length > limit} == {}


def test_no_sign_before_a_cast() -> None:
    """Yosys reads ``-W'(x)`` as ``W'(x)``, without a word, and so with ``~`` and ``!``: write ``W'(-x)``."""
    unary = re.compile(r"(?:[=({,?:&|+*<>-]|\b(?:else|return))\s*[-~!](?:\([^()]*\)|\w+)'\(")
    texts = {path.name: path.read_text(encoding="utf-8") for path in RTL.glob("*.sv")}
    assert {name: found for name, text in texts.items() if (found := unary.findall(text))} == {}


def test_no_constant_index_in_continuous_assignments() -> None:
    """Icarus 11 can miss the change of an array's word that an ``assign`` reads by a constant index: use a register."""
    found = set()
    for path in sorted(RTL.glob("*.sv")):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"^ +(?:\(\*.*\*\) )?logic\b[^;=]*?(\w+)\[\d+:[^\]]+\];", text, re.MULTILINE):
            reads = re.compile(rf"^ +(?:assign\b|wire\b[^;]*=)[^;]*\b{name}\[(?:[a-z]|[A-Z0-9_ +*-]+)\]", re.MULTILINE)
            found |= {f"{path.name}: {line}" for line in reads.findall(text)}
    assert found == set()
