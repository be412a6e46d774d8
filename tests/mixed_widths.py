"""A network whose widths are chosen, what its programs cost, and the front of them."""

from __future__ import annotations

from functools import cache

import float_nets as fn

from hwq.hw.work import linear_ops
from hwq.ir.program import Program
from hwq.quant import silent
from hwq.quant.config import Effort
from hwq.quant.explore import Front, explore

PLAIN = Effort.FAST.config(slim=False)
NET = fn.blocks()
SAMPLES = fn.data(count=16)
LINEAR = ["stem", "expand1", "depth1", "project1", "expand2", "depth2", "project2", "out"]


def rom(program: Program) -> int:
    return sum(op.rom_bits for op in linear_ops(program))


def work(program: Program) -> int:
    return sum(
        program.types[op.name].pixels * op.macs_per_pixel * program.types[op.inputs[0]].bits * op.weight_bits
        for op in linear_ops(program)
    )


@cache
def front() -> Front:
    return explore(NET, SAMPLES, PLAIN, [2.0, 3.0, 4.5, 6.0, 8.0], True, silent)
