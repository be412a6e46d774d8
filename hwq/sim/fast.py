"""The fast simulator: equal to the plain one, on proved-exact kernels, in chunks and in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hwq.arith import IntArray
from hwq.ir.op import Op
from hwq.ir.program import Program, quantise_inputs
from hwq.ops import Linear
from hwq.sim.carrier import IN_GRAPH, MOST_ADDED, MOST_WEIGHTS, graph_weights, offsets
from hwq.sim.chunks import Chunks, Tensors
from hwq.sim.exactness import Exactness, Kernel, in_integers, prove
from hwq.sim.given import Integers, checked_inputs, samples_of
from hwq.sim.segment import GraphSegment, NumpySegment, Segment

CHUNK_BYTES = 1 << 20
"""The largest tensor of a chunk of the batch in float32: chunks stay in the cache, and memory is bounded."""
MAX_CHUNK = 8192
"""Most samples in a chunk."""


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
        names = [*program.input_types, *(op.name for op in program.ops)] if keep_all else program.output_tensors()
        self._kept = list(dict.fromkeys(names))
        self._segments = _segments(program, self.exactness, set(self._kept))
        self._in_numpy = any(isinstance(segment, NumpySegment) for segment in self._segments)
        largest = max(4 * type_.pixels * type_.channels for type_ in program.types.values())
        size = min(MAX_CHUNK, max(1, CHUNK_BYTES // largest))
        self._chunks = Chunks(size, max(1, threads or os.cpu_count() or 1))

    def __call__(self, inputs: Mapping[str, Integers]) -> Tensors:
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
        given = checked_inputs(self.program, inputs)
        count = samples_of(given)
        return self._run(count, self._kept, lambda part: self._computed({name: x[part] for name, x in given.items()}))

    def wide(self, inputs: Mapping[str, Integers]) -> dict[str, IntArray]:
        """What a call returns, in int64: for further arithmetic."""
        return {name: value.astype(np.int64) for name, value in self(inputs).items()}

    def from_reals(self, arrays: Mapping[str, NDArray[Any]]) -> Tensors:
        """Quantise real inputs (rule T2), and compute.

        Parameters
        ----------
        arrays
            Input name of the model to finite real values (batch, ONNX shape), as `quantise_inputs` takes them.

        Returns
        -------
        dict
            As a call returns, and with the integers of the inputs.
        """
        given = {port.name: np.asarray(arrays[port.name]) for port in self.program.inputs}

        def compute(part: slice) -> Tensors:
            integers = quantise_inputs(self.program, {name: x[part] for name, x in given.items()}, narrow=True)
            return dict(integers) | self._computed(integers)

        return self._run(samples_of(given), [*self.program.input_types, *self._kept], compute)

    def _run(self, count: int, names: Iterable[str], compute: Callable[[slice], Tensors]) -> Tensors:
        types = {name: self.program.types[name] for name in names}
        with threadpool_limits(limits=1, user_api="blas") if self._in_numpy else nullcontext():
            return self._chunks.run(count, types, compute)

    def _computed(self, values: Tensors) -> Tensors:
        """The tensors that are kept, of one chunk."""
        for segment in self._segments:
            segment.run(values)
        return {name: values[name] for name in self._kept}


def simulate_fast(
    program: Program, inputs: Mapping[str, Integers], keep_all: bool = False, threads: int | None = None
) -> dict[str, IntArray]:
    """What `simulate_plain` returns, faster; see there and `Simulator` for parameters.

    Use `Simulator` to run a program more than once.
    """
    return Simulator(program, keep_all, threads).wide(inputs)


def exactness(program: Program) -> dict[str, Exactness]:
    """For each operation the first kernel of the fast simulator that is proved exact, and the proof."""
    held, found, left = offsets(program), {}, MOST_WEIGHTS
    for op in program.ops:
        intervals = program.input_intervals(op)
        weights = graph_weights(op, program.first_type(op).channels)
        own = op.weight.size if isinstance(op, Linear) else 0
        if not isinstance(op, IN_GRAPH) or weights > left or weights - own > MOST_ADDED:
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
