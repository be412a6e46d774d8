"""Running golden files in every way that must be equal: onnxruntime with and without optimisation, onnx.reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, helper
from onnx.reference import ReferenceEvaluator

from hwq import golden
from hwq.arith import IntArray
from hwq.golden.writer import tensor_names
from hwq.ir import serial
from hwq.ir.program import Program
from hwq.sim import simulate_plain

Arrays = dict[str, np.ndarray[Any, Any]]


def onnxruntime(model: ModelProto, feeds: Arrays, optimise: bool = True) -> Arrays:
    """All outputs of `model` by name."""
    levels = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in model.graph.output]
    return dict(zip(names, session.run(names, feeds), strict=True))


def reference(model: ModelProto, feeds: Arrays) -> Arrays:
    """The same by onnx.reference."""
    names = [output.name for output in model.graph.output]
    return dict(zip(names, ReferenceEvaluator(model).run(names, feeds), strict=True))


def every_way(model: ModelProto, feeds: Arrays) -> Iterator[tuple[str, Arrays]]:
    """Name and outputs of each runtime."""
    yield "onnxruntime", onnxruntime(model, feeds)
    yield "onnxruntime without optimisation", onnxruntime(model, feeds, optimise=False)
    yield "reference", reference(model, feeds)


def integer_feeds(program: Program, model: ModelProto, inputs: dict[str, IntArray]) -> Arrays:
    """The user's arrays of integers, in the element types of the file."""
    types = {item.name: item.type.tensor_type.elem_type for item in model.graph.input}
    return {
        port.name: port.from_tensor(inputs[port.tensor]).astype(helper.tensor_dtype_to_np_dtype(types[port.name]))
        for port in program.inputs
    }


def with_inner(program: Program, model: ModelProto) -> ModelProto:
    """`model` with every operation's tensor as one more output."""
    inner = {item.name: item for item in model.graph.value_info}
    wider = ModelProto()
    wider.CopyFrom(model)
    wider.graph.output.extend(inner[tensor_names(program)[op.name]] for op in program.ops)
    return wider


def check_equal(program: Program, inputs: dict[str, IntArray]) -> None:
    """The golden model is valid, is read back as `program`, and equals the definition in every tensor everywhere."""
    model = golden.write(program)
    onnx.checker.check_model(model, full_check=True)
    assert serial.digest(golden.program_of(model)) == serial.digest(program)
    want = simulate_plain(program, inputs, keep_all=True)
    names = tensor_names(program)
    for way, got in every_way(with_inner(program, model), integer_feeds(program, model, inputs)):
        for op in program.ops:
            assert np.array_equal(got[names[op.name]], want[op.name]), (way, op.name)
        for port in program.outputs:
            assert np.array_equal(got[port.name], port.from_tensor(want[port.tensor])), (way, port.name)
