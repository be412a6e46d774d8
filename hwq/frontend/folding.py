"""Evaluate nodes whose inputs are all constant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from hwq.frontend.node import Node, Refusal

MAX_ELEMENTS = 2**27
"""The largest constant that folding may create."""

_SHAPE_SIZE = 1024
"""Constants up to this size are shown to shape inference, which sizes some outputs by them."""

# fmt: off
FOLDABLE = frozenset({
    "Abs", "Add", "And", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape",
    "DequantizeLinear", "Div", "Equal", "Exp", "Expand", "Flatten", "Floor", "Gather",
    "GatherElements", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log",
    "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow", "QuantizeLinear",
    "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
    "Reshape", "Round", "Shape", "Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Sum",
    "Tile", "Transpose", "Unsqueeze", "Where",
})
# fmt: on
"""Operators that are evaluated on constants: the arithmetic of shapes and of weights."""


def can_fold(node: Node, constants: Mapping[str, object]) -> bool:
    """True when every input is constant and the operator is one of `FOLDABLE`."""
    return node.is_standard and node.op in FOLDABLE and all(not name or name in constants for name in node.inputs)


def fold(node: Node, constants: Mapping[str, NDArray[np.generic]], opset: int) -> dict[str, NDArray[np.generic]]:
    """The outputs of `node` by name.

    Raises
    ------
    Refusal
        When the result would be too large, or the node cannot be evaluated.
    """
    feeds = {name: constants[name] for name in node.inputs if name}
    model = _model(node, feeds, opset)
    _check_size(model)
    names = [name for name in node.outputs if name]
    large = {name: array for name, array in feeds.items() if array.size > _SHAPE_SIZE}
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(names, large)
    except Exception as error:  # the evaluator raises whatever numpy raises on bad constants
        raise Refusal(f"cannot be computed from its constant inputs: {error}. Check the exporter") from None
    return {name: np.asarray(result) for name, result in zip(names, results, strict=True)}


def _model(node: Node, feeds: Mapping[str, NDArray[np.generic]], opset: int) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
        if array.size > _SHAPE_SIZE
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
    graph = helper.make_graph([node.proto], "fold", inputs, outputs)
    graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in feeds.items() if array.size <= _SHAPE_SIZE
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def _check_size(model: onnx.ModelProto) -> None:
    """Refuse outputs that are too large, or of which the size cannot be told before they are computed.

    Shape inference must not propagate data here: it would itself compute the constants.
    """
    try:
        graph = shape_inference.infer_shapes(model).graph
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise Refusal(f"constant inputs do not fit the operator: {' '.join(str(error).split())}") from None
    for item in graph.output:
        kind = item.type.tensor_type
        if kind.elem_type == TensorProto.UNDEFINED or not kind.HasField("shape"):
            raise Refusal("the size of its constant result cannot be told. Replace it by an initialiser")
        elements = 1
        for axis in kind.shape.dim:
            if not axis.HasField("dim_value"):
                raise Refusal("the size of its constant result cannot be told. Replace it by an initialiser")
            elements *= axis.dim_value
        if elements > MAX_ELEMENTS:
            raise Refusal(f"would make a constant of {elements} numbers, expected at most {MAX_ELEMENTS}")
