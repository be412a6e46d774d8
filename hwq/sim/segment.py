"""Segments: parts of a program that run by themselves, on integers (batch, height, width, channels)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.sim.certificate import certify
from hwq.sim.exactness import Exactness
from hwq.sim.lower import Lowering
from hwq.sim.single import execute, samples_at_once

Values = dict[str, NDArray[Any]]
"""Tensor name to integers in `TensorType.dtype`."""


class Segment(Protocol):
    """A part of a program."""

    def run(self, values: Values) -> None:
        """Add what the part computes to `values`."""


class GraphSegment:
    """Operations in one session of onnxruntime; tensors leave that are in `kept` or that other segments read."""

    def __init__(self, program: Program, ops: Sequence[Op], proofs: dict[str, Exactness], kept: set[str]) -> None:
        own = {op.name for op in ops}
        read = {name for op in program.ops if op.name not in own for name in op.inputs}
        self._inputs = list(dict.fromkeys(name for op in ops for name in op.inputs if name not in own))
        outputs = [op.name for op in ops if op.name in kept | read]
        lowering = Lowering(program, ops, proofs)
        for name in self._inputs:
            lowering.enter(name)
        for op in ops:
            lowering.add(op)
        for name in outputs:
            lowering.leave(name)
        self._outputs = outputs
        self._session = lowering.session(self._inputs, outputs)

    def run(self, values: Values) -> None:
        """One call of the session."""
        results = self._session.run(None, {name: values[name] for name in self._inputs})
        values.update(zip(self._outputs, results, strict=True))


class NumpySegment:
    """One operation in numpy, so many samples at a time that its matrix of windows stays small."""

    def __init__(self, program: Program, op: Op) -> None:
        self._op, self._type = op, program.types[op.name]
        self._certificate = certify(program, op)
        self._size = samples_at_once(op, program.first_type(op), self._type)

    def run(self, values: Values) -> None:
        """One call of the kernel for each part of the samples."""
        xs = [values[name] for name in self._op.inputs]
        samples = len(next(iter(values.values())))
        out = np.empty((samples, *self._type.shape), self._type.dtype)
        for start in range(0, len(out), self._size):
            part = slice(start, start + self._size)
            out[part] = execute(self._op, self._certificate, [x[part] for x in xs])
        values[self._op.name] = out
