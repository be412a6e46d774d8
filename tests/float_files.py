"""Running QDQ and QONNX files, and reading the integers of every tensor back."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

from hwq.arith import IntArray
from hwq.emit.exchange import Exchange
from hwq.ir.program import Program
from hwq.ir.types import Format

QUANT_BODY = {"ROUND": "Round", "FLOOR": "Floor"}


def quant_as_standard(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with each Quant node of QONNX spelled out: x / scale + zero point, clamp, round, and back."""
    expanded = onnx.ModelProto.FromString(model.SerializeToString())
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes = []
    for node in expanded.graph.node:
        if node.op_type != "Quant":
            nodes.append(node)
            continue
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        x, scale, zero, bits = node.input
        width, signed, narrow = int(constants[bits]), given["signed"], given["narrow"]
        low = (-(1 << (width - 1)) if signed else 0) + (narrow if signed else 0)
        high = (1 << (width - signed)) - 1
        own = node.output[0]
        for what, value in (("low", low), ("high", high), ("half", 0.5)):
            expanded.graph.initializer.append(
                onnx.numpy_helper.from_array(np.array(value, np.float32), f"{own}/{what}")
            )

        def add(op_type: str, inputs: list[str], output: str, own: str = own) -> str:
            nodes.append(helper.make_node(op_type, inputs, [output if output == own else f"{own}/{output}"]))
            return nodes[-1].output[0]

        steps = add("Div", [x, scale], "steps")
        clamped = add("Clip", [add("Add", [steps, zero], "centred"), f"{own}/low", f"{own}/high"], "clamped")
        mode = given["rounding_mode"].decode()
        if mode == "HALF_UP":
            up = add("Floor", [add("Add", [add("Abs", [clamped], "size"), f"{own}/half"], "more")], "up")
            rounded = add("Mul", [add("Sign", [clamped], "sign"), up], "rounded")
        else:
            rounded = add(QUANT_BODY[mode], [clamped], "rounded")
        add("Mul", [add("Sub", [rounded, zero], "moved"), scale], own)
    del expanded.graph.node[:]
    expanded.graph.node.extend(nodes)
    for info in (*expanded.graph.input, *expanded.graph.output):
        info.type.tensor_type.shape.dim[0].dim_param = "batch"
    return expanded


def session(model: onnx.ModelProto, optimised: bool) -> ort.InferenceSession:
    """A session that computes what the file says: without int8 kernels, or without any optimisation."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if optimised:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    else:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def integers(
    program: Program, file: Exchange, inputs: dict[str, IntArray], optimised: bool = True
) -> dict[str, IntArray]:
    """The integers of every tensor of `program` in the runtime, as (batch, height, width, channels)."""
    model = quant_as_standard(file.model)
    present = {info.name for info in model.graph.output}
    for name in sorted({value.name for value in file.values.values()} - present):
        model.graph.output.append(helper.make_empty_tensor_value_info(name))
    wanted = list(file.values)
    results = session(model, optimised).run([file.values[name].name for name in wanted], feeds(program, inputs))
    delivered = {port.name for port in program.outputs}
    out = {}
    for name, real in zip(wanted, results, strict=True):
        height, width, channels = program.types[name].shape
        value = file.values[name]
        if value.name in delivered:
            port = next(port for port in program.outputs if port.name == value.name)
            out[name] = port.to_tensor(_counted(real, program.formats[name]), program.types[name])
        else:
            planes = _counted(real, file.formats[name]).reshape(-1, channels, height, width)
            out[name] = planes.transpose(0, 2, 3, 1)
    return out


def outputs(program: Program, file: Exchange, inputs: dict[str, IntArray]) -> dict[str, IntArray]:
    """The integers of the outputs alone, by the name of the tensor, in the user's shape."""
    model = quant_as_standard(file.model)
    names = [port.name for port in program.outputs]
    results = session(model, True).run(names, feeds(program, inputs))
    return {
        port.tensor: _counted(real, program.formats[port.tensor])
        for port, real in zip(program.outputs, results, strict=True)
    }


def feeds(program: Program, inputs: dict[str, IntArray]) -> dict[str, np.ndarray]:
    """Real values of integer inputs, as the user gives them."""
    return {
        port.name: port.from_tensor(program.formats[port.tensor].dequantise(inputs[port.tensor])).astype(np.float32)
        for port in program.inputs
    }


def _counted(real: np.ndarray, form: Format) -> IntArray:
    steps = real.astype(np.float64) / form.scale
    whole = np.rint(steps)
    assert np.abs(steps - whole).max(initial=0.0) < 1e-2, "not a multiple of the scale"
    return whole.astype(np.int64) + form.zero_point
