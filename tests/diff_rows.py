"""What `compare` takes and finds, for tests of `hwq diff`."""

from __future__ import annotations

from hwq.ir.program import Program
from hwq.verify.diff import Diff, LayerDiff
from hwq.verify.traces import ProgramTrace


def layer(found: Diff, name: str) -> LayerDiff:
    return next(row for row in found.layers if row.name == name)


def traced(net: Program, name: str = "b") -> ProgramTrace:
    return ProgramTrace(net, name)
