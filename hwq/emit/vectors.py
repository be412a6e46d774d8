"""Golden vectors: what enters, what must leave, and what must pass on every inner stream."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hwq.arith import IntArray
from hwq.emit.rtl import traced
from hwq.hw.pack import stream_words
from hwq.hw.plan import Plan
from hwq.ir.program import Program
from hwq.sim import simulate_fast

SEED = 20240101
"""Of the random samples that follow the stored ones."""


def stimulus(program: Program, count: int) -> dict[str, IntArray]:
    """`count` samples: the calibration samples that the program carries, then uniformly random integers."""
    rng = np.random.default_rng(SEED)
    out = {}
    for name, type_ in program.input_types.items():
        stored = program.samples.get(name, np.empty((0, *type_.shape), np.int64))[:count]
        low, high = type_.range
        extra = rng.integers(low, high + 1, (count - len(stored), *type_.shape))
        out[name] = np.concatenate([stored, extra])
    return out


def vector_files(plan: Plan, inputs: dict[str, IntArray], inner: bool) -> Iterator[tuple[str, list[str]]]:
    """File name and words of each stream, one sample after the other; inner streams on request."""
    program = plan.program
    values = simulate_fast(program, inputs, keep_all=inner) | inputs
    for edge in plan.inputs:
        yield f"{edge.port.tensor}.mem", stream_words(values[edge.port.tensor], edge.lanes, edge.bits)
    for edge in plan.outputs:
        yield f"{edge.prefix}.mem", stream_words(values[edge.port.tensor], edge.lanes, edge.bits)
    if inner:
        entering = {edge.port.tensor for edge in plan.inputs}
        for stream in traced(plan):
            if stream.name not in entering:
                bits = program.types[stream.name].bits
                yield f"{stream.name}.mem", stream_words(values[stream.name], stream.lanes, bits)
