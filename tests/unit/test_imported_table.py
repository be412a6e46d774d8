"""The table of how layers stand to the quantised model that they were read from."""

from __future__ import annotations

import io
from dataclasses import asdict

from cases import CASES
from rich.console import Console

from hwq.frontend.quantised.rounding import Quality
from hwq.ir.program import Program
from hwq.report.imported import import_table


def shown(program: Program, *qualities: Quality) -> list[list[str]]:
    """Words of each line of the table; the last quality is that of a layer that the program does not have."""
    names = [*(op.name for op in program.ops), "gone"]
    rows = {name: asdict(quality) for name, quality in zip(names, qualities, strict=True)}
    console = Console(width=120, file=io.StringIO())
    console.print(import_table(program, rows))
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_rows() -> None:
    program = CASES["conv"]["1x1"]
    (op,) = program.ops
    exact, near = Quality(exact=True), Quality(False, 0.012347, 1234, order=True)
    heads, _, row, *_ = shown(program, exact, near)
    assert heads == ["layer", "op", "equal", "judged", "by"]
    assert row == [op.name, "conv", "always", "float32"]
    heads, _, row, *notes = shown(program, near, exact)
    assert heads == ["layer", "op", "equal", "deviation", "differ", "judged", "by"]
    assert row == [op.name, "conv", "nearly", "0.01235", "1,234", "real", "sums"]
    assert {"deviation:", "differ:", "real"} <= {words[0] for words in notes if words}
