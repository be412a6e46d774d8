"""What is certain about every channel of a program, for all inputs: its interval, and which channels are equal."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Add, AvgPool, Conv, Dense, Depthwise, GroupConv, Linear, MaxPool, Pad, Rescale

NEW_CHANNELS = (Conv, Dense)
"""Operations that mix the channels of their input into new ones."""
CHANNELWISE = (Add, AvgPool, Depthwise, MaxPool, Pad, Rescale)
"""Operations of which each output channel depends on the same channel of the inputs alone."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The channels of one tensor: int64 (C,) arrays.

    Attributes
    ----------
    low, high
        Every pixel of the channel lies within, whatever the input of the program.
    label
        Channels of one label are equal at every pixel, whatever the input of the program.
    """

    low: IntArray
    high: IntArray
    label: IntArray

    @property
    def constant(self) -> np.ndarray:
        """Bool (C,): the channel holds one known value."""
        fixed: np.ndarray = self.low == self.high
        return fixed


def facts(program: Program) -> dict[str, Facts]:
    """The facts about every tensor: rule L3 channel by channel, and equality by equal origin."""
    known: dict[str, Facts] = {}
    for name, type_ in program.input_types.items():
        low, high = (np.full(type_.channels, end, np.int64) for end in type_.range)
        known[name] = Facts(low, high, np.arange(type_.channels))
    for op in program.ops:
        ins = [known[name] for name in op.inputs]
        channels = program.types[op.name].channels
        if isinstance(op, (GroupConv, *NEW_CHANNELS, *CHANNELWISE)):
            ends = _linear(op, ins[0]) if isinstance(op, Linear) else _each_channel(op, ins)
            origins = [_origin(op, ins, i) for i in range(channels)]
        else:
            bottom, top = op.bound(*((int(x.low.min()), int(x.high.max())) for x in ins))
            ends = np.full(channels, bottom), np.full(channels, top)
            origins = list(range(channels))
        known[op.name] = Facts(*ends, _labels(*ends, origins))
    return known


def _linear(op: Linear, x: Facts) -> tuple[IntArray, IntArray]:
    """Ends of the output, each output channel from its own weights and the ends of each input channel."""
    reached = [op.reach((int(low), int(high))) for low, high in zip(x.low, x.high, strict=True)]
    low, high = np.array(reached, np.int64).T
    positive, negative = np.maximum(op.kernels, 0), np.minimum(op.kernels, 0)
    bottom = _met(positive, low) + _met(negative, high) + op.bias
    top = _met(positive, high) + _met(negative, low) + op.bias
    ends = op.requant(np.stack([bottom, top]))
    return ends[0], ends[1]


def _met(kernels: IntArray, x: IntArray) -> IntArray:
    """Sums (M,) of the weights in `kernels` times the value of the input channel `x` (C,) that they meet."""
    sums: IntArray = kernels.sum((2, 3)) @ x.reshape(len(kernels), -1, 1)
    return sums.ravel()


def _each_channel(op: Op, ins: list[Facts]) -> tuple[IntArray, IntArray]:
    """Ends of the output where a channel depends on the same channel of the inputs alone."""
    bounds: dict[tuple[Interval, ...], Interval] = {}
    rows = []
    for i in range(len(ins[0].low)):
        key = tuple((int(x.low[i]), int(x.high[i])) for x in ins)
        if key not in bounds:
            bounds[key] = op.bound(*key)
        rows.append(bounds[key])
    low, high = np.array(rows, np.int64).T
    return low, high


def _origin(op: Op, ins: list[Facts], channel: int) -> Hashable:
    """Channels of `op` with equal origins compute the same from the same."""
    if not isinstance(op, Linear):
        return tuple(int(x.label[channel]) for x in ins)
    groups, outputs = op.kernels.shape[:2]
    read = ins[0].label.reshape(groups, -1)[channel // outputs].tobytes()
    multiplier = op.requant.multiplier
    return read, op.weight[channel].tobytes(), int(op.bias[channel]), multiplier[channel % len(multiplier)]


def _labels(low: IntArray, high: IntArray, origins: Iterable[Hashable]) -> IntArray:
    """Numbers (C,), equal where the value is the same constant or the origin is the same."""
    table: dict[Hashable, int] = {}
    keys = (
        ("constant", int(a)) if a == b else ("computed", origin)
        for a, b, origin in zip(low, high, origins, strict=True)
    )
    return np.array([table.setdefault(key, len(table)) for key in keys], np.int64)
