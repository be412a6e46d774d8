"""The operators that hwq reads: `HANDLERS` maps an ONNX operator type to the function that imports it."""

from __future__ import annotations

from collections.abc import Callable

from hwq.frontend.handlers import conv, dense, elementwise, ends, layout, pool
from hwq.frontend.node import Node
from hwq.frontend.state import State

Handler = Callable[[Node, State], None]

HANDLERS: dict[str, Handler] = {
    "Add": elementwise.arithmetic,
    "ArgMax": ends.argmax,
    "AveragePool": pool.average_pool,
    "BatchNormalization": elementwise.batch_normalization,
    "Cast": layout.cast,
    "Clip": elementwise.clip,
    "Conv": conv.conv,
    "Div": elementwise.arithmetic,
    "Dropout": layout.passed,
    "Flatten": layout.flatten,
    "Gemm": dense.gemm,
    "GlobalAveragePool": pool.global_average_pool,
    "Identity": layout.passed,
    "LogSoftmax": ends.softmax,
    "MatMul": dense.matmul,
    "Max": elementwise.extremum,
    "MaxPool": pool.max_pool,
    "Min": elementwise.extremum,
    "Mul": elementwise.arithmetic,
    "Pad": layout.pad,
    "ReduceMean": pool.reduce_mean,
    "Relu": elementwise.relu,
    "Reshape": layout.reshape,
    "Softmax": ends.softmax,
    "Squeeze": layout.squeeze,
    "Sub": elementwise.arithmetic,
    "Transpose": layout.transpose,
    "Unsqueeze": layout.unsqueeze,
}
"""Operator type to importer."""
