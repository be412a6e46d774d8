"""qonnx's executor as a contestant: node by node, each in a session of onnxruntime or in numpy.

The model has its batch in its shapes, so there is one for each size.
"""

from __future__ import annotations

import functools

import numpy as np
from clock import Batch, Job, Prepare, Run, main
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model


def open_model(job: Job) -> tuple[Prepare, Run]:
    """Clean a QONNX model up, as its users do."""
    clean = cleanup_model(ModelWrapper(str(job.model)))
    entry, port = clean.graph.input[0].name, clean.graph.output[0].name

    @functools.cache
    def of_size(size: int) -> ModelWrapper:
        return clean.transform(ChangeBatchSize(size)).transform(InferShapes())

    def prepare(x: Batch) -> tuple[ModelWrapper, Batch]:
        return of_size(len(x)), x

    def run(inputs: tuple[ModelWrapper, Batch]) -> Batch:
        model, x = inputs
        return np.asarray(execute_onnx(model, {entry: x})[port])

    return prepare, run


if __name__ == "__main__":
    main("qonnx", open_model)
