"""The fast simulator: equal to the plain one, on proved-exact kernels, in chunks and in threads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hwq.arith import IntArray
from hwq.errors import BadInput
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ops import Linear
from hwq.sim.carrier import MOST_ADDED, MOST_WEIGHTS, graph_weights, offsets
from hwq.sim.exactness import Exactness, Kernel, in_integers, prove
from hwq.sim.segment import GraphSegment, NumpySegment, Segment

Integers = NDArray[Any]

CHUNK_BYTES = 1 << 20
"""The largest tensor of a chunk of the batch in float32: chunks stay in the cache, and memory is bounded."""
MAX_CHUNK = 8192
"""Most samples in a chunk."""
ALONE = 8
"""Batches up to this part of a chunk are over before other threads would have begun."""


class Simulator:
    """A program made ready to run; calls are independent of each other.

    Parameters
    ----------
    program
        The program.
    keep_all
        Return every tensor rather than the outputs alone.
    threads
        Chunks of the batch that are computed at once; the number of processors when None.

    Attributes
    ----------
    exactness
        For each operation the kernel that computes it and the proof that it is exact.
    """

    def __init__(self, program: Program, keep_all: bool = False, threads: int | None = None) -> None:
        self.program = program
        self.exactness = exactness(program)
        self._threads = max(1, threads or os.cpu_count() or 1)
        names = [*program.input_types, *(op.name for op in program.ops)] if keep_all else program.output_tensors()
        self._kept = list(dict.fromkeys(names))
        self._segments = _segments(program, self.exactness, set(self._kept))
        self._in_numpy = any(isinstance(segment, NumpySegment) for segment in self._segments)
        largest = max(4 * type_.pixels * type_.channels for type_ in program.types.values())
        self._chunk = min(MAX_CHUNK, max(1, CHUNK_BYTES // largest))

    def __call__(self, inputs: Mapping[str, Integers]) -> dict[str, Integers]:
        """Compute all samples.

        Parameters
        ----------
        inputs
            Input tensor name to integers (batch, height, width, channels) of any integer type.

        Returns
        -------
        dict
            Tensor name to integers (batch, height, width, channels), each in `TensorType.dtype`; an input that is
            kept may be the array that was given.

        Raises
        ------
        BadInput
            When an input is missing, of another shape or type, or holds what its type does not.
        """
        given = {name: self._checked(name, inputs) for name in self.program.input_types}
        counts = {len(x) for x in given.values()}
        if len(counts) > 1:
            found = {name: len(x) for name, x in given.items()}
            raise BadInput(f"numbers of samples differ ({found}), expected the same for every input.")
        count = counts.pop()
        workers = 1 if count <= self._chunk // ALONE else self._threads
        rounds = max(1, -(-count // (self._chunk * workers)))
        size = max(1, -(-count // (rounds * workers)))
        if size >= count:
            return self._computed(given)
        types = self.program.types
        results = {name: np.empty((count, *types[name].shape), types[name].dtype) for name in self._kept}

        def run(start: int) -> None:
            part = slice(start, start + size)
            for name, value in self._computed({name: x[part] for name, x in given.items()}).items():
                results[name][part] = value

        blas = threadpool_limits(limits=1, user_api="blas") if self._in_numpy else nullcontext()
        with blas, ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(run, range(0, count, size)):
                pass  # an error in a thread is raised here
        return results

    def _computed(self, values: dict[str, Integers]) -> dict[str, Integers]:
        """The tensors that are kept, of one chunk."""
        for segment in self._segments:
            segment.run(values)
        return {name: values[name] for name in self._kept}

    def _checked(self, name: str, inputs: Mapping[str, Integers]) -> Integers:
        """The input `name` in the type of its tensor, or a refusal."""
        type_ = self.program.types[name]
        if name not in inputs:
            raise BadInput(f"input {name}: missing, expected integers {type_} for each sample.")
        x = np.asarray(inputs[name])
        if x.dtype.kind not in "iu" or x.shape[1:] != type_.shape:
            raise BadInput(f"input {name}: {x.dtype} of shape {x.shape}, expected integers (n, {type_.shape}).")
        low, high = type_.range
        narrow = x.dtype == type_.dtype and type_.bits in (8, 16)
        if x.size and not narrow and not (low <= x.min() and x.max() <= high):
            raise BadInput(f"input {name}: holds {x.min()} to {x.max()}, expected {low} to {high} as {type_} has.")
        return x.astype(type_.dtype, copy=False)


def simulate_fast(
    program: Program, inputs: Mapping[str, Integers], keep_all: bool = False, threads: int | None = None
) -> dict[str, IntArray]:
    """What `simulate_plain` returns, faster; see there and `Simulator` for parameters.

    Use `Simulator` to run a program more than once.
    """
    results = Simulator(program, keep_all, threads)(inputs)
    return {name: value.astype(np.int64) for name, value in results.items()}


def exactness(program: Program) -> dict[str, Exactness]:
    """For each operation the first kernel of the fast simulator that is proved exact, and the proof."""
    held, found, left = offsets(program), {}, MOST_WEIGHTS
    for op in program.ops:
        intervals = program.input_intervals(op)
        weights = graph_weights(op, program.types[op.inputs[0]].channels)
        own = op.weight.size if isinstance(op, Linear) else 0
        if weights > left or weights - own > MOST_ADDED:
            found[op.name] = in_integers(op, intervals)
        else:
            found[op.name] = prove(op, tuple(held[name] for name in op.inputs), intervals)
            left -= weights
    return found


def _segments(program: Program, proofs: dict[str, Exactness], kept: set[str]) -> list[Segment]:
    """Runs of operations that one graph holds, and single ones that numpy computes."""

    def in_numpy(op: Op) -> bool:
        return proofs[op.name].kernel is Kernel.NUMPY

    segments: list[Segment] = []
    for alone, run in groupby(program.ops, in_numpy):
        if alone:
            segments += [NumpySegment(program, op) for op in run]
        else:
            segments.append(GraphSegment(program, list(run), proofs, kept))
    return segments
