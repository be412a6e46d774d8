"""Runs of one quantised model: by onnxruntime without optimisations, by plain numpy, and as a program of hwq."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx_models import save
from plain_nodes import run_plain

from hwq import api
from hwq.ir.program import Program


def by_onnxruntime(made: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs by name, each node as it stands; row by row where the model has a batch of 1."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = ort.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (entry,) = (item for item in session.get_inputs() if item.name == "x")
    step = 1 if entry.shape[0] == 1 else len(x)
    names = [item.name for item in session.get_outputs()]
    parts = [session.run(names, {"x": x[k : k + step]}) for k in range(0, len(x), step)]
    return {name: np.concatenate(part) for name, part in zip(names, zip(*parts, strict=True), strict=True)}


def by_numpy(made: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs by name, of `plain_nodes`."""
    every = run_plain(made, x)
    return {item.name: every[item.name] for item in made.graph.output}


def by_hwq(made: onnx.ModelProto, folder: Path, x: np.ndarray) -> tuple[Program, dict[str, np.ndarray]]:
    """The program, and its outputs by name, real and in float32: the same from the plain and the fast simulator."""
    program = api.quantize(save(made, folder), {"x": x})
    plain, fast = (api.simulate(program, {"x": x}, engine) for engine in ("plain", "fast"))
    for name, array in plain.items():
        assert np.array_equal(array, fast[name]), f"{name} of the fast simulator"
    assert [port.name for port in program.outputs] == [item.name for item in made.graph.output]
    assert not any(port.host_ops for port in program.outputs)
    return program, {port.name: plain[port.name].astype(np.float32) for port in program.outputs}


def equal_share(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray], sums: bool = False) -> float:
    """Share of the rows that are equal in every element of every output.

    With `sums` the outputs are no quantiser's but of float32 additions: they are equal but for the rounding of these.
    """
    assert found.keys() == wanted.keys()
    equal = np.full(len(next(iter(found.values()))), True)
    for name, array in wanted.items():
        assert found[name].shape == array.shape
        slack = 2e-6 * np.abs(array).max() if sums else 0.0
        equal &= (np.abs(found[name].astype(np.float64) - array) <= slack).reshape(len(array), -1).all(1)
    return float(equal.mean())


def equal_elements(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray], sums: bool = False) -> float:
    """Share of equal elements; as `equal_share`."""
    flat = ({name: array.reshape(-1, 1) for name, array in arrays.items()} for arrays in (found, wanted))
    return equal_share(*flat, sums=sums)


def ties(made: onnx.ModelProto, x: np.ndarray) -> int:
    """How many values of data lie exactly between two integers of the QuantizeLinear or Quant node that reads them.

    Those beyond the ends of the type do not count.
    """
    every, count = run_plain(made, x), 0
    for node in made.graph.node:
        if node.op_type in ("QuantizeLinear", "Quant", "IntQuant") and len(every[node.input[0]]) == len(x):
            scale = every[node.input[1]].astype(np.float64)
            reals, made_of_it = (every[name].astype(np.float64) for name in (node.input[0], node.output[0]))
            quotient = reals / scale
            back = (made_of_it - every[node.input[2]]) if node.op_type == "QuantizeLinear" else made_of_it / scale
            count += int(((quotient % 1 == 0.5) & (np.abs(back - quotient) == 0.5)).sum())
    return count
