"""How the layers of a program stand to the quantised model that it was read from, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from hwq.ir.program import Program
from hwq.report.table import NarrowingTable

NOTES = {
    "deviation": "deviation: at most so many steps lie between what is rounded and what the model rounds, proved.",
    "differ": "differ: sums that are rounded to another integer, of all that can occur.",
    "judged by": "real sums: the model adds floats that round, so real arithmetic judges it; float32: to the bit.",
}


def import_table(program: Program, qualities: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """One row for each layer that rounds; `qualities` as in ``program.info["import"]``."""
    kinds = {op.name: op.kind for op in program.ops}
    rows = {name: quality for name, quality in qualities.items() if name in kinds}
    columns = {
        "layer": list(rows),
        "op": [kinds[name] for name in rows],
        "equal": ["always" if quality["values"] == 0 else "nearly" for quality in rows.values()],
        "deviation": [f"{quality['deviation']:.5f}" if quality["values"] else "" for quality in rows.values()],
        "differ": [f"{quality['values']:,}" if quality["values"] else "" for quality in rows.values()],
        "judged by": ["real sums" if quality["order"] else "float32" for quality in rows.values()],
    }
    return NarrowingTable(columns, ("layer", "op", "equal", "judged by"), ("op",), NOTES)
