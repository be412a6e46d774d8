"""What a mismatching beat means: the sample, position and channel, and the two integers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hwq.emit.rtl import traced
from hwq.hw.fold import ceil_div
from hwq.hw.plan import Plan
from hwq.ir.types import TensorType

_MISMATCH = re.compile(r"^HWQ_MISMATCH (\S+) beat=(\d+) got=([0-9a-fxzXZ]+) want=([0-9a-fxzXZ]+)$")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first element of a beat that differs; `got` and `want` are integers, or ``unknown``."""

    stream: str
    tensor: str
    sample: int
    row: int
    column: int
    channel: int
    got: str
    want: str

    @property
    def place(self) -> str:
        """Where it lies."""
        return f"sample {self.sample}, row {self.row}, column {self.column}, channel {self.channel}"


def locate(plan: Plan, line: str) -> Mismatch | None:
    """What a testbench's line about a mismatch says; None for any other line."""
    match = _MISMATCH.match(line)
    streams = {edge.prefix: (edge.port.tensor, edge.lanes) for edge in plan.outputs}
    streams |= {stream.name: (stream.name, stream.lanes) for stream in traced(plan)}
    if match is None or match.group(1) not in streams:
        return None
    (name, lanes), beat = streams[match.group(1)], int(match.group(2))
    type_ = plan.program.types[name]
    got, want = (_lanes(text, type_.bits) for text in match.group(3, 4))
    lane = next((i for i in range(min(len(got), len(want), lanes)) if got[i] != want[i]), 0)
    pixel, group = divmod(beat, ceil_div(type_.channels, lanes))
    sample, place = divmod(pixel, type_.pixels)
    row, column = divmod(place, type_.shape[1])
    channel = group * lanes + lane
    values = (_value(got[lane], type_), _value(want[lane], type_))
    return Mismatch(match.group(1), name, sample, row, column, channel, *values)


def explain(plan: Plan, line: str) -> str:
    """A testbench's line about a mismatch in words; any other line as it is."""
    found = locate(plan, line)
    return line if found is None else f"{found.tensor}: {found.place}: got {found.got}, want {found.want}"


def _lanes(digits: str, bits: int) -> list[str]:
    """The bits of each lane, lane 0 first; unknown digits give unknown bits."""
    spread = "".join(f"{int(d, 16):04b}" if d not in "xzXZ" else "x" * 4 for d in digits)
    return [spread[max(0, end - bits) : end] for end in range(len(spread), 0, -bits)]


def _value(bits: str, type_: TensorType) -> str:
    if "x" in bits:
        return "unknown"
    value = int(bits, 2)
    return str(value - (1 << type_.bits) if type_.signed and value >> (type_.bits - 1) & 1 else value)
