"""Executing a golden model in onnxruntime, tensor by tensor, as the simulators execute a program."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, helper

from hwq.arith import IntArray
from hwq.golden.nodes import element_type
from hwq.golden.reader import program_of
from hwq.golden.writer import BATCH, tensor_names, write
from hwq.ir.program import Program
from hwq.ir.window import Window

CHUNK_BYTES = 256 << 20
"""What one layer's windows may take, so that memory is bounded."""


def run(
    model: ModelProto, inputs: dict[str, IntArray], keep_all: bool = False, optimise: bool = True
) -> dict[str, IntArray]:
    """Execute a golden model as `hwq.sim.simulate_plain` executes its program; the results are equal.

    The model is checked first (`program_of`).  Of a model with real inputs and outputs the part on integers is run.

    Parameters
    ----------
    inputs
        Input tensor name to int64 (batch, height, width, channels), within the tensor's type.
    keep_all
        Return every tensor rather than the outputs alone.
    optimise
        Let onnxruntime rewrite the graph; it must make no difference.

    Returns
    -------
    dict
        Tensor name to int64 (batch, height, width, channels).

    Raises
    ------
    BadInput
        When the model is no golden model, or was changed.
    """
    program = program_of(model)
    session, names = _session(program, keep_all, optimise)
    batch, size = len(next(iter(inputs.values()))), chunk_size(program)
    parts: dict[str, list[IntArray]] = {tensor: [] for tensor in names}
    for start in range(0, batch, size):
        feeds = {}
        for port in program.inputs:
            chunk = inputs[port.tensor][start : start + size]
            feeds[port.name] = port.from_tensor(chunk.astype(program.types[port.tensor].dtype))
        results = session.run(list(names.values()), feeds)
        for (tensor, name), result in zip(names.items(), results, strict=True):
            wide = result.astype(np.int64)
            leaving = [port for port in program.outputs if port.name == name]
            parts[tensor].append(leaving[0].to_tensor(wide, program.types[tensor]) if leaving else wide)
    empty = {tensor: np.empty((0, *program.types[tensor].shape), np.int64) for tensor in names}
    found = {tensor: np.concatenate(part) if part else empty[tensor] for tensor, part in parts.items()}
    return inputs | found if keep_all else found


def chunk_size(program: Program) -> int:
    """Samples at once so that no layer's windows exceed `CHUNK_BYTES`."""
    most = 1
    for op in program.ops:
        window = getattr(op, "window", Window((1, 1)))
        most = max(most, 8 * program.types[op.name].pixels * window.taps * program.first_type(op).channels)
    return max(1, CHUNK_BYTES // most)


def _session(program: Program, keep_all: bool, optimise: bool) -> tuple[ort.InferenceSession, dict[str, str]]:
    """A session, and for each tensor that it returns the name of the graph's output that is it."""
    model = write(program)
    names = {port.tensor: port.name for port in program.outputs}
    if keep_all:
        inner = tensor_names(program)
        for op in program.ops:
            if op.name not in names:
                type_ = program.types[op.name]
                names[op.name] = inner[op.name]
                shape = (BATCH, *type_.shape)
                model.graph.output.append(helper.make_tensor_value_info(inner[op.name], element_type(type_), shape))
    levels = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]), names
