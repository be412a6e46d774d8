"""The fast simulator: equal to the plain one, on proved-exact float kernels, in chunks and in threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hwq.arith import IntArray
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import TensorType
from hwq.ir.window import Window
from hwq.ops.requantised import Requantised
from hwq.sim.certificate import Certificate, certify
from hwq.sim.kernels import ACCUMULATE, DIRECT, FloatArray

CHUNK_BYTES = 8 << 20
"""The largest matrix of windows that a chunk of the batch may need: about the size of a cache, so memory is bounded."""


def simulate_fast(
    program: Program, inputs: dict[str, IntArray], keep_all: bool = False, threads: int | None = None
) -> dict[str, IntArray]:
    """What `simulate_plain` returns, faster; see there for parameters.

    `threads` defaults to the number of processors.
    """
    plan = [(op, certify(program, op)) for op in program.ops]
    kept = [*inputs, *(op.name for op in program.ops)] if keep_all else list(program.output_tensors())
    last_use = {name: i for i, op in enumerate(program.ops) for name in op.inputs}
    batch = len(next(iter(inputs.values())))
    size = chunk_size(program)
    results: dict[str, list[FloatArray]] = {name: [] for name in kept}

    def run(start: int) -> list[FloatArray]:
        values: dict[str, FloatArray] = {name: x[start : start + size] for name, x in inputs.items()}
        for i, (op, certificate) in enumerate(plan):
            values[op.name] = execute(op, certificate, [values[name] for name in op.inputs])
            for name in set(op.inputs):
                if last_use[name] == i and name not in results:
                    del values[name]
        return [values[name] for name in kept]

    workers = threads or os.cpu_count() or 1
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        for chunk in pool.map(run, range(0, batch, size)):
            for name, value in zip(kept, chunk, strict=True):
                results[name].append(value.astype(np.int64))
    empty = {name: np.empty((0, *program.types[name].shape), np.int64) for name in kept}
    return {name: np.concatenate(parts) if parts else empty[name] for name, parts in results.items()}


def execute(op: Op, certificate: Certificate, xs: list[FloatArray]) -> FloatArray:
    """One operation, in the narrowest float type that its certificate admits, else in int64."""
    kernel = ACCUMULATE.get(type(op))
    if isinstance(op, Requantised) and kernel and certificate.sum_type:
        acc = kernel(op, certificate.sum_type, xs)
        if certificate.product_type:
            narrow = np.float32 if max(abs(op.requant.qmin), abs(op.requant.qmax)) <= 1 << 24 else np.float64
            wide: Any = acc.astype(certificate.product_type, copy=False)
            result: FloatArray = op.requant.apply_float(wide).astype(narrow, copy=False)
            return result
        return op.requant(acc.astype(np.int64))
    if type(op) in DIRECT:
        return DIRECT[type(op)](op, np.float32, xs)
    return op.evaluate(*(x.astype(np.int64) for x in xs))


def chunk_size(program: Program) -> int:
    """Samples in a chunk so that the largest matrix of windows stays near `CHUNK_BYTES`."""
    return min(samples_at_once(op, program.types[op.inputs[0]], program.types[op.name]) for op in program.ops)


def samples_at_once(op: Op, x: TensorType, out: TensorType) -> int:
    """Samples whose matrix of windows, and result, in one operation stay near `CHUNK_BYTES`."""
    window = getattr(op, "window", Window((1, 1)))
    largest = max(4 * out.pixels * window.taps * x.channels, 8 * out.pixels * out.channels)
    return max(1, CHUNK_BYTES // largest)
