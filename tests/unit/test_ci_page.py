"""docs/ci.md: exit codes of every command, options of the pytest plugin, the entry point."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer
from test_docs import rows

from hwq.cli import main
from hwq.cli.commands import app
from hwq.cli.session import BROKEN_PIPE, INTERNAL, INTERRUPTED, USAGE
from hwq.errors import BadInput, CheckFailed, ToolMissing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")


def test_exit_codes() -> None:
    listed = [int(row[0]) for row in rows(PAGE, "| code |")]
    kinds = [kind.exit_code for kind in (CheckFailed, BadInput, ToolMissing)]
    assert listed == [0, *kinds, INTERNAL, INTERRUPTED, BROKEN_PIPE] and BadInput.exit_code == USAGE


def test_every_command_has_a_row_and_refuses_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without arguments, and with a folder or file that is not there."""
    names = [re.fullmatch(r"`hwq (\w+)`", row[0])[1] for row in rows(PAGE, "| command | ends")]  # type: ignore[index]
    assert names == list(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for name in names:
        if name == "doctor":
            continue
        assert main([name]) == 2 and main([name, "--no-such-option"]) == 2
    monkeypatch.setattr("hwq.verify.simulate.usable", lambda _: False)
    monkeypatch.setattr("hwq.cli.commands.usable", lambda _: False)
    assert main(["doctor"]) == 3
    capsys.readouterr()


def test_options_of_the_plugin() -> None:
    text = (ROOT / "pytest_hwq.py").read_text("utf-8")
    shown = {word for row in rows(PAGE, "| option |") for word in re.findall(r"--hwq[a-z-]*", row[0])}
    assert shown == set(re.findall(r'"(--hwq[a-z-]*)"', text))


def test_pytest_finds_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["pytest11"] == {"pytest_hwq": "pytest_hwq"}
    assert project["tool"]["setuptools"]["py-modules"] == ["pytest_hwq"] and (ROOT / "pytest_hwq.py").is_file()
