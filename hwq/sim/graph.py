"""The graph of the fast simulator in the making: nodes and constants for onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import ArrayLike, DTypeLike
from onnx import NodeProto, TensorProto, helper, numpy_helper

from hwq.golden.nodes import element
from hwq.ir.types import TensorType

OPSET = 17
IR_VERSION = 8
_DISABLED = ["Pad_Fusion"]
"""It folds a Pad into a pool whose kernel is smaller, which onnxruntime then refuses to run."""

_SETTINGS = {"session.disable_quant_qdq": "1", "mlas.enable_gemm_fastmath_arm64_bfloat16": "0"}
"""Nothing is computed in int8 or bfloat16: fused kernels for int8 saturate sums in int16 on some processors."""


class Graph:
    """Nodes in order; tensors get names of their own unless one is asked for."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def node(self, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Append an operator with one output and return its name."""
        output = output or f"t:{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [output], name=f"{op}:{output}", **attributes))
        return output

    def constant(self, values: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """A tensor that is known; floats must hold `values` exactly, which the caller has proved."""
        name = f"c:{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def scalar(self, value: float, flat: bool, dtype: DTypeLike = np.float32) -> str:
        """One number with as many axes as what it meets: onnxruntime is ten times slower on a number without axes."""
        return self.constant(np.full((1, 1) if flat else (1, 1, 1, 1), value), dtype)

    def session(self, inputs: Mapping[str, TensorType], outputs: Mapping[str, TensorType]) -> ort.InferenceSession:
        """The graph ready to run on one thread; tensors are (batch, height, width, channels) in `TensorType.dtype`."""
        entering, leaving = (
            [helper.make_tensor_value_info(name, element(t.dtype), ["n", *t.shape]) for name, t in side.items()]
            for side in (inputs, outputs)
        )
        body = helper.make_graph(self._nodes, "simulator", entering, leaving, self._constants)
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for entry, value in _SETTINGS.items():
            options.add_session_config_entry(entry, value)
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=_DISABLED
        )
