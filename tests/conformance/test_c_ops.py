"""The C model of every case of every operation equals the definition, compiled strictly and with sanitizers.

Registering an operation enrols it: without a form in C it fails here.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from c_models import SANITISED, check_c, compiled
from cases import CASES

from hwq.emit.cmodel.layers import calls
from hwq.emit.cmodel.pieces import OPEN_TYPES, piece
from hwq.ir.op import REGISTRY

FOLDER = files("hwq.templates") / "c"
PIECES = sorted(path.name.removesuffix(".h") for path in FOLDER.iterdir() if path.name.endswith(".h"))


@pytest.mark.compiler
@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_every_case_is_equal_in_every_tensor(kind: str, tmp_path: Path) -> None:
    cases = {f"case{number}": (p, p.samples) for number, p in enumerate(CASES[kind].values())}
    check_c(cases, tmp_path, "-O1", *SANITISED)


@pytest.mark.compiler
@pytest.mark.parametrize("level", ["-O0", "-O2", "-O3"])
def test_a_case_of_every_operation_at_every_level(level: str, tmp_path: Path) -> None:
    first = {kind: next(iter(CASES[kind].values())) for kind in sorted(REGISTRY)}
    check_c({f"case_{kind}": (p, p.samples) for kind, p in first.items()}, tmp_path, level)


@pytest.mark.compiler
@pytest.mark.parametrize("name", PIECES)
def test_every_piece_stands_alone(name: str, tmp_path: Path) -> None:
    """Each file is C that a compiler reads by itself, without a warning, and its text defines what it is called."""
    for other in PIECES:
        (tmp_path / f"{other}.h").write_text((FOLDER / f"{other}.h").read_text("utf-8"))
    (tmp_path / "alone.c").write_text(f'#include "{name}.h"\n#include "{name}.h"\n')
    compiled(["alone.c"], tmp_path, "-fsyntax-only", "-Wno-unused-function")
    if name not in ("types", "rounding", "lanes", "rows"):
        assert piece(name).is_type or f" {name}(" in piece(name).text


def test_every_piece_is_needed() -> None:
    used = {"types"}
    todo = [call.function for cases in CASES.values() for p in cases.values() for op in p.ops for call in calls(p, op)]
    while todo:
        name = todo.pop()
        if name not in used:
            used.add(name)
            todo += piece(name).needs
    assert used == set(PIECES)


def test_open_types_are_those_of_the_header() -> None:
    text = (FOLDER / "types.h").read_text("utf-8")
    assert [line.split()[2].rstrip(";") for line in text.splitlines() if line.startswith("typedef")] == [*OPEN_TYPES]


def test_an_operation_without_c_is_an_error() -> None:
    class Strange:
        """Stands for an operation that has no C."""

        name, kind, inputs = "y", "strange", ("a",)

    with pytest.raises(TypeError, match="y: no C form of strange"):
        calls(CASES["pad"]["border"], Strange())  # type: ignore[arg-type]
