"""What a simulation found on each stream: how many beats passed, how many differ, and where the first one does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwq.emit.rtl import traced
from hwq.hw.fold import ceil_div
from hwq.hw.plan import Plan
from hwq.verify.explain import Mismatch, locate

PORT = "port"
"""Stands for the operation of an output port."""
_STREAM = re.compile(r"^HWQ_STREAM (\S+) beats=(\d+) errors=(\d+)", re.MULTILINE)
_ABOUT = re.compile(r"^HWQ_(?:MISMATCH|ERROR) (\S+?):? .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StreamResult:
    """One stream that was compared: the result of a layer, or an output port.

    Attributes
    ----------
    name, op
        The layer and its operation; the prefix of a port, and `PORT`.
    beats, mismatches
        How many beats passed, and how many of them differ.
    missing
        Beats that did not come before nothing moved any more; 0 where the simulation came to its end.
    first
        Where the first value differs; None where none does, or another rule was broken.
    said
        The testbench's first line about it.
    """

    name: str
    op: str
    beats: int
    mismatches: int
    missing: int = 0
    first: Mismatch | None = None
    said: str = ""

    @property
    def passed(self) -> bool:
        """Whether all that came was right, and nothing is missing."""
        return self.mismatches == 0 and self.missing == 0

    def __add__(self, other: StreamResult) -> StreamResult:
        """Both simulations of one stream."""
        return replace(
            self,
            beats=self.beats + other.beats,
            mismatches=self.mismatches + other.mismatches,
            missing=max(self.missing, other.missing),
            first=self.first or other.first,
            said=self.said or other.said,
        )


def compared(plan: Plan, trace: bool) -> dict[str, tuple[str, int]]:
    """Operation and beats a frame of every stream that is compared, in program order, output ports last."""
    program = plan.program
    kinds = {op.name: op.kind for op in program.ops}
    inner = {stream.name: stream for stream in traced(plan)} if trace else {}
    found = {}
    for name, type_ in program.types.items():
        if name in inner:
            beats = type_.pixels * ceil_div(type_.channels, inner[name].lanes)
            found[name] = (kinds.get(name, "input"), beats)
    return found | {edge.prefix: (PORT, edge.beats) for edge in plan.outputs}


def stream_results(plan: Plan, output: str, frames: int, trace: bool, stuck: bool) -> tuple[StreamResult, ...]:
    """What a testbench said about each stream; nothing where it is of an older hwq, which said nothing.

    `stuck` tells that the simulation did not come to its end.
    """
    counts = {name: (int(beats), int(errors)) for name, beats, errors in _STREAM.findall(output)}
    lines = _lines(output)
    found = []
    for name, (op, beats) in compared(plan, trace).items():
        if name not in counts:
            return ()
        passed, errors = counts[name]
        said = lines.get(name, "")
        missing = max(0, frames * beats - passed) if stuck else 0
        found.append(StreamResult(name, op, passed, errors, missing, locate(plan, said), said))
    return tuple(found)


def port_results(plan: Plan, output: str, frames: int) -> tuple[StreamResult, ...]:
    """What the testbench of a build in C++ said about each output port in `frames` samples.

    It says where the first beat differs, and ends with that sample.
    """
    lines = _lines(output)
    return tuple(
        StreamResult(
            name, op, frames * beats, int(name in lines), 0, locate(plan, lines.get(name, "")), lines.get(name, "")
        )
        for name, (op, beats) in compared(plan, trace=False).items()
    )


def _lines(output: str) -> dict[str, str]:
    """The first line about each stream that is not right."""
    found: dict[str, str] = {}
    for match in _ABOUT.finditer(output):
        found.setdefault(match.group(1), match.group())
    return found


def joined(one: Sequence[StreamResult], other: Sequence[StreamResult]) -> tuple[StreamResult, ...]:
    """Two simulations of one build."""
    return tuple(a + b for a, b in zip(one, other, strict=True))
