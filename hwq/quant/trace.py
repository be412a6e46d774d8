"""Trace: the integers of calibration data as they pass through a program that is being made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwq.arith import Interval
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.sim.certificate import certify_op
from hwq.sim.single import execute, samples_at_once

Values = NDArray[Any]
Types = dict[str, TensorType]


class Trace:
    """Integers of every tensor that is still to be read, (n, height, width, channels), each in the least room."""

    def __init__(self, inputs: dict[str, Values], readers: dict[str, int]) -> None:
        self.values = dict(inputs)
        self._readers = dict(readers)

    def fork(self) -> Trace:
        """A copy that can go on by itself."""
        return Trace(self.values, self._readers)

    def push(self, op: Op, intervals: tuple[Interval, ...], types: Types) -> None:
        """Execute `op` and forget the inputs that nothing else reads."""
        certificate = certify_op(op, intervals)
        xs = [self.values[name] for name in op.inputs]
        size = samples_at_once(op, types[op.inputs[0] if op.inputs else op.name], types[op.name])
        samples = len(next(iter(self.values.values())))
        result = np.empty((samples, *types[op.name].shape), types[op.name].dtype)
        for part in (slice(k, k + size) for k in range(0, len(result), size)):
            result[part] = execute(op, certificate, [x[part].astype(np.float32) for x in xs])
        self.values[op.name] = result
        for name in op.inputs:
            self._readers[name] -= 1
            if not self._readers[name]:
                del self.values[name]

    def run(self, program: Program, ops: slice = slice(None)) -> None:
        """Execute operations of a program that is made."""
        for op in program.ops[ops]:
            self.push(op, program.input_intervals(op), program.types)
