"""Streams for C++: the type of their lanes, their beats in a frame, and which of them are one with others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hwq.hw.fifo import beats
from hwq.hw.fold import ceil_div
from hwq.hw.netlist import Fork, Instance, Stream
from hwq.hw.plan import Plan
from hwq.ir.types import TensorType

Params = Mapping[str, int]
FIFOS = ("hwq_fifo", "hwq_fifo_bram")
"""Modules that are no kernel: they are the depth of a stream."""
_MOVING = ("hwq_swu_ser", "hwq_swu_par", "hwq_dwc", "hwq_deal")
"""Modules that deliver what came, in other beats."""


@dataclass(slots=True)
class Channel:
    """A stream of C++: `lanes` integers of the type of `type_` a beat, so many beats a frame, `depth` of them held."""

    name: str
    type_: TensorType
    lanes: int
    beats: int
    depth: int = 2

    @property
    def variable(self) -> str:
        """Its C++ variable: no name of a tensor stands alone, as any may be a macro."""
        return f"x_{self.name}"

    @property
    def lane(self) -> str:
        """The C++ type of a lane."""
        return f"hwq::{'' if self.type_.signed else 'U'}Int<{self.type_.bits}>"


@dataclass(slots=True)
class Channels:
    """The channels of a plan by the names of its streams, and how often each part works in a frame."""

    of: dict[str, Channel] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)

    @property
    def unique(self) -> list[Channel]:
        """Each channel once."""
        return list({id(channel): channel for channel in self.of.values()}.values())


def channels(plan: Plan) -> Channels:
    """The channels of `plan`: FIFOs become depths."""
    found = Channels()
    for edge in plan.inputs:
        _add(found, plan, edge.inner, plan.program.types[edge.port.tensor], 0)
    for part in plan.net.parts:
        if isinstance(part, Fork):
            source = found.of[part.source.name]
            found.turns[part.name] = source.beats
            for target in part.targets:
                _add(found, plan, target, source.type_, source.beats)
        elif part.module in FIFOS:
            (source_stream,), (target,) = part.streams("s_axis"), part.streams("m_axis")
            channel = found.of[source_stream.name]
            channel.depth = max(channel.depth, int(part.params["DEPTH"]))
            found.of[target.name] = channel
        else:
            _instance(found, plan, part)
    return found


def _instance(found: Channels, plan: Plan, part: Instance) -> None:
    p = {name: value for name, value in part.params.items() if isinstance(value, int)}
    came = [stream for port in part.ports if port != "m_axis" for stream in part.streams(port)]
    targets = part.streams("m_axis")
    layer = plan.layer_of(part.name)
    assert layer is not None
    type_ = plan.program.types[layer]
    if part.module in _MOVING:
        type_ = found.of[came[0].name].type_
    if part.module == "hwq_concat":
        _add(found, plan, targets[0], type_, 0)
        found.turns[part.name] = _visits(part, found.of[targets[0].name].beats)
        return
    unit = _UNIT.get(part.module, _one)(p)
    turns = found.of[came[0].name].beats // unit if came else 1
    found.turns[part.name] = 1 if part.module in ("hwq_lstm", "hwq_gru", "hwq_rnn") else turns
    for place, target in enumerate(targets):
        made = turns * _MADE[part.module](p) if part.module in _MADE else 0
        if part.module == "hwq_deal":
            made = ceil_div(turns - place, len(targets)) * p["BEATS"]
        _add(found, plan, target, type_, made)


def _add(found: Channels, plan: Plan, stream: Stream, type_: TensorType, made: int) -> None:
    """A channel for `stream`, of so many beats a frame where it carries no tensor."""
    if stream.tensor is not None:
        tensor = plan.program.types[stream.tensor]
        made = beats(tensor.pixels, tensor.channels, stream.lanes)
    found.of[stream.name] = Channel(stream.name, type_, stream.width // type_.bits, made)


def counts(part: Instance) -> list[int]:
    """Beats that a concat takes of each input in its turn."""
    bits, text = int(part.params["COUNT_W"]), str(part.params["COUNTS"])
    packed = int(text.partition("'h")[2], 16)
    return [packed >> (bits * which) & ((1 << bits) - 1) for which in range(int(part.params["N"]))]


def _visits(part: Instance, made: int) -> int:
    """Turns of a concat in which `made` beats come."""
    each = counts(part)
    rounds, rest = divmod(made, sum(each))
    visits = rounds * len(each)
    while rest > 0:
        rest -= each[visits % len(each)]
        visits += 1
    return visits


def _one(_: Params) -> int:
    return 1


def _frame(p: Params) -> int:
    return p["H"] * p["W"] * p["CF"]


def _pixel(p: Params) -> int:
    return ceil_div(p["CHANNELS"], p["LANES"])


_UNIT: dict[str, Callable[[Params], int]] = {
    "hwq_swu_ser": _frame,
    "hwq_swu_par": _frame,
    "hwq_dwc": lambda p: ceil_div(p["CHANNELS"], p["IN_N"]),
    "hwq_deal": lambda p: p["BEATS"],
    "hwq_mvau": lambda p: 1 if p["HOLD"] else p["NF"] * p["SF"],
    "hwq_pool": lambda p: p["TAPS"],
    "hwq_gap": lambda p: p["PIXELS"] * _pixel(p),
    "hwq_argmax": _pixel,
    "hwq_topk": lambda p: p["CHANNELS"],
    "hwq_prelu": _pixel,
    "hwq_threshold": _pixel,
    "hwq_softmax": _pixel,
    "hwq_normalise": _pixel,
    "hwq_gather": lambda p: p["IN_BEATS"],
    "hwq_crop": lambda p: p["STEPS"] * p["BEATS"],
    "hwq_matmul": lambda p: p["T"] * ceil_div(p["K"], p["SIMD"]),
}
"""Beats of the first input that a kernel takes in one turn, where that is not one."""

_MADE: dict[str, Callable[[Params], int]] = {
    "hwq_swu_ser": lambda p: p["OH"] * p["OW"] * p["NF"] * p["KH"] * p["KW"] * p["CF"],
    "hwq_swu_par": lambda p: p["OH"] * p["OW"] * p["CF"],
    "hwq_dwc": lambda p: ceil_div(p["CHANNELS"], p["OUT_N"]),
    "hwq_mvau": lambda p: ceil_div(p["CHANNELS"], p["RQ"]),
}
"""Beats that a kernel makes in one turn, where its stream carries no tensor that would tell."""
