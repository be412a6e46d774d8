"""onnxruntime as a contestant.

Settings: float32, any model; qdq, a QDQ or QCDQ model computed as it says, with `session.disable_quant_qdq`.  Without
that option int8 kernels take the place of the operations: faster, but their result is another one.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from clock import Batch, Job, Prepare, Run, main


def free_batch(model: onnx.ModelProto) -> bytes:
    """The model for batches of any size; exporters fix the size that they traced."""
    for value in (model.graph.input[0], *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del model.graph.value_info[:]
    return model.SerializeToString()


def open_model(job: Job) -> tuple[Prepare, Run]:
    """Open a session with default optimisations."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.log_severity_level = 3
    if job.setting == "qdq":
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = ort.InferenceSession(free_batch(onnx.load(job.model)), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name

    def run(x: Batch) -> Batch:
        return np.asarray(session.run(None, {entry: x})[0])

    return (lambda x: x), run


if __name__ == "__main__":
    main("onnxruntime", open_model)
