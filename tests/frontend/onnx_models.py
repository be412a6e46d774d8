"""Small ONNX models for tests, and the comparison of an imported one with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper, shape_inference

from hwq import frontend
from hwq.errors import BadInput
from hwq.frontend.data import load_samples
from hwq.frontend.graph import FloatGraph, GraphInput, GraphOutput
from hwq.frontend.reference import FloatReference
from hwq.passes import simplify

SAMPLES = 3


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(0, 1, shape).astype(np.float32)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[Any]],
    outputs: Sequence[str],
    constants: Mapping[str, Any] | None = None,
    *,
    opset: int = 17,
    batch: int | str = "N",
    dtype: int = TensorProto.FLOAT,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model from nodes; input shapes are without batch."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, dtype, [batch, *shape]) for name, shape in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made = helper.make_model(graph, opset_imports=imports)
    made.ir_version = 8
    for item, inferred in zip(graph.output, shape_inference.infer_shapes(made).graph.output, strict=True):
        found = inferred.type.tensor_type
        item.type.tensor_type.elem_type = found.elem_type or TensorProto.FLOAT
        item.type.tensor_type.shape.CopyFrom(found.shape)
    made.graph.CopyFrom(graph)
    return made


def save(made: onnx.ModelProto, folder: Path, name: str = "net.onnx") -> Path:
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def refusal(made: onnx.ModelProto, folder: Path) -> str:
    """The text with which a model is refused; fails when it is not."""
    try:
        frontend.read(save(made, folder))
    except BadInput as error:
        return str(error)
    raise AssertionError("the model was accepted")


def run_onnx(path: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of the original model, sample by sample so that a fixed batch of 1 does too."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    count = len(next(iter(inputs.values())))
    rows = [session.run(None, {k: v[i : i + 1] for k, v in inputs.items()}) for i in range(count)]
    names = [item.name for item in session.get_outputs()]
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*rows, strict=True), strict=True)}


def from_canonical(array: np.ndarray, port: GraphInput | GraphOutput) -> np.ndarray:
    """An array (n, C, H, W) in the shape that the ONNX model gives the port."""
    return array.reshape(len(array), -1)[:, port.index.ravel()].reshape(len(array), *port.onnx_shape)


def run_graph(graph: FloatGraph, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of an imported graph in their ONNX shapes, with the host's operators applied."""
    found = FloatReference(graph).run(load_samples(inputs, graph))
    results = {}
    for port in graph.outputs:
        array = from_canonical(found[port.tensor], port)
        for op in port.host_ops:
            name, axis = op.removesuffix(")").split("(axis=")
            array = array - array.max(axis=int(axis), keepdims=True)
            total = np.exp(array).sum(axis=int(axis), keepdims=True)
            array = np.exp(array) / total if name == "Softmax" else array - np.log(total)
        results[port.onnx_name] = array
    return results


def check_equal(path: Path, inputs: Mapping[str, np.ndarray] | None = None) -> FloatGraph:
    """Compare the imported and the simplified graph with onnxruntime; return the simplified one."""
    graph = frontend.read(path)
    if inputs is None:
        rng = np.random.default_rng(5)
        inputs = {
            item.onnx_name: rng.normal(0, 2, (SAMPLES, *item.onnx_shape)).astype(item.dtype) for item in graph.inputs
        }
    wanted = run_onnx(path, inputs)
    simple = simplify(graph)
    for candidate in (graph, simple):
        found = run_graph(candidate, inputs)
        assert found.keys() == wanted.keys()
        for name, want in wanted.items():
            assert found[name].shape == want.shape
            scale = max(1.0, float(np.abs(want).max()))
            np.testing.assert_allclose(found[name], want, rtol=0, atol=2e-5 * scale)
    return simple
