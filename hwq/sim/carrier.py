"""Carriers: how the graph of the fast simulator holds the integers of a tensor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Add, ArgMax, AvgPool, Conv, Convolution, Dense, Depthwise, GroupConv, MaxPool, Pad, Rescale
from hwq.ops.requantised import Requantised
from hwq.sim.exactness import Exactness, Kernel

IN_GRAPH = (Add, ArgMax, AvgPool, Convolution, Dense, MaxPool, Pad, Rescale)
"""Operations that the graph knows; others run in numpy, one by one."""
BLOCK = 16
"""Images carry a multiple of this many channels: the widest block of onnxruntime's blocked layout."""
MOST_WEIGHTS = 1 << 28
"""Most weights in a graph: 1 GiB of float32, half of what a file of ONNX holds."""
MOST_ADDED = 1 << 24
"""Most weights that a graph may hold of one operation beyond those of the program."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A float32 tensor of the graph that holds (integer - offset) * 2**exponent.

    An image is (batch, channels, rows, columns), rows and columns exchanged where the layout says so; flat is (batch,
    channels).  `channels` counts those that were added to fill the last block.
    """

    value: str
    offset: int
    exponent: int
    channels: int
    flat: bool
    integers: str = ""
    """The tensor of the graph that has the integers themselves, where one is made on the way."""


def offsets(program: Program) -> dict[str, int]:
    """What each tensor is held less: what its border reads, so that padding writes zeros, or else its zero point.

    Pooling maxima and padding keep the offset of their input.
    """
    found: dict[str, int] = {}
    for name in program.input_types:
        found[name] = _border(program, name, 0)
    for op in program.ops:
        if isinstance(op, Requantised):
            found[op.name] = _border(program, op.name, op.requant.zero_point)
        else:
            found[op.name] = found[op.inputs[0]] if keeps_carrier(op) else 0
    return found


def _border(program: Program, tensor: str, otherwise: int) -> int:
    low, high = program.types[tensor].range
    for op in program.consumers(tensor):
        if isinstance(op, Convolution | AvgPool) and any(op.window.pads) and low <= op.pad_value <= high:
            return op.pad_value
    return otherwise


def exponents(ops: Iterable[Op], proofs: dict[str, Exactness]) -> dict[str, int]:
    """Powers of two that the inputs of an addition are held times, so that it need not scale them.

    Only for what comes from a layer that rounds: its last step multiplies anyway.
    """
    found: dict[str, int] = {}
    makers = {op.name: op for op in ops if isinstance(op, Requantised) and not isinstance(op, Dense)}
    for op in ops:
        if isinstance(op, Add) and proofs[op.name].kernel is Kernel.FLOAT32:
            for name, factor in zip(op.inputs, op.factors, strict=True):
                if name in makers and name not in found:
                    found[name] = factor.bit_length() - 1 - op.requant.shift if factor & (factor - 1) == 0 else 0
    return found


def graph_weights(op: Op, channels: int) -> int:
    """Weights of `op` in the graph, those of channels that fill blocks with them; it reads `channels` channels."""
    match op:
        case Conv():
            return op.window.taps * filled(op.channels) * filled(channels)
        case Dense():
            return op.weight.size // channels * filled(channels)
        case GroupConv():
            return op.weight.size
        case Depthwise() | AvgPool():
            return op.window.taps * filled(channels)
    return 0


def filled(channels: int) -> int:
    """`channels`, up to the end of the last block."""
    return -(-channels // BLOCK) * BLOCK


def keeps_carrier(op: Op) -> bool:
    """True where the output is held as the input is."""
    return isinstance(op, MaxPool | Pad)
