"""What proves that the fast simulator is exact, as a table for a terminal."""

from __future__ import annotations

from math import log2

from rich.console import RenderableType

from hwq.ir.program import Program
from hwq.report.table import NarrowingTable
from hwq.sim.exactness import Exactness

NOTES = {
    "largest\n2^": "largest: bound on every sum and product, in any order, in units of its grain.",
    "exact to\n2^": "exact to: what the kernel's numbers hold without rounding.",
}


def exactness_table(program: Program, proofs: dict[str, Exactness]) -> RenderableType:
    """One row for each operation: its kernel, the proved bound, and what the kernel holds."""
    rows = [proofs[op.name] for op in program.ops]
    columns = {
        "layer": [op.name for op in program.ops],
        "op": [op.kind for op in program.ops],
        "kernel": [str(proof.kernel) for proof in rows],
        "largest\n2^": [f"{log2(max(1, proof.magnitude)):.2f}" for proof in rows],
        "exact to\n2^": [f"{log2(proof.limit):g}" for proof in rows],
    }
    return NarrowingTable(columns, ("layer", "op", "kernel"), ("op",), NOTES)
