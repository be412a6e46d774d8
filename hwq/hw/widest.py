"""The folding that is fastest as software: all channels of a pixel, all taps and all outputs in one beat."""

from __future__ import annotations

from hwq.hw.fold import Feed, Fold, feeds, fold_of_lanes, lane_choices, window_of
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Conv, Dense, Depthwise, GroupConv, Linear, MatMul, Recurrent


def widest(program: Program) -> dict[str, Fold]:
    """The folding of each operation with the fewest beats of the most lanes, whatever it would take of a device.

    Sums then run over values that lie side by side in memory, which compilers turn into vector instructions.
    """
    return {op.name: _fold(program, op) for op in program.ops}


def _fold(program: Program, op: Op) -> Fold:
    x, y = program.first_type(op), program.types[op.name]
    if isinstance(op, Recurrent):
        return Fold(1, 1, 1, op.units, Feed.LOOP)
    if not isinstance(op, Linear | MatMul):
        return fold_of_lanes(lane_choices(op, program.input_types_of(op), y)[-1], y)
    inputs, outputs, taps = x.channels, y.channels, window_of(op, x).taps
    if isinstance(op, Depthwise):  # tap by tap: the sums of neighbouring channels are independent of each other
        return Fold(outputs, outputs, outputs, 1)
    if isinstance(op, GroupConv):
        return Fold(inputs // op.groups, outputs // op.groups, outputs // op.groups, inputs // op.groups)
    possible = feeds(op, x)
    if isinstance(op, Conv) and Feed.PARALLEL in possible:
        return Fold(inputs, outputs, outputs, inputs * taps, Feed.PARALLEL)
    if isinstance(op, Conv | Dense) and Feed.FLAT in possible:
        return Fold(inputs, outputs, outputs, inputs * taps, Feed.FLAT)
    return Fold(inputs, outputs, outputs, inputs)
