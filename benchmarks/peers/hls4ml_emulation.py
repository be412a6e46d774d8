"""hls4ml's emulation as a contestant: the C++ that it writes for Vitis, compiled with g++ at -O3, on one thread.

It needs g++ and the fixed-point types that hls4ml ships; Vitis itself is not needed.  Precision is the default,
ap_fixed<16,6>, where the QONNX model does not say another.
"""

from __future__ import annotations

import shutil
import tempfile

import hls4ml
import numpy as np
from clock import Batch, Job, Prepare, Run, main
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.util.cleanup import cleanup_model

BACKEND = "Vitis"


def open_model(job: Job) -> tuple[Prepare, Run]:
    """Convert a QONNX model as the tool's documentation says, and compile it."""
    if shutil.which("g++") is None:
        raise FileNotFoundError("g++ is not on PATH, and hls4ml compiles with it. Install it (Debian: g++).")
    model = cleanup_model(ModelWrapper(str(job.model)))
    model = cleanup_model(model.transform(ConvertToChannelsLastAndClean()).transform(GemmToMatMul()))
    config = hls4ml.utils.config.config_from_onnx_model(model, granularity="name", backend=BACKEND)
    with tempfile.TemporaryDirectory() as folder:
        made = hls4ml.converters.convert_from_onnx_model(
            model, output_dir=folder, backend=BACKEND, io_type="io_parallel", hls_config=config
        )
        made.compile()
        shape = model.get_tensor_shape(model.graph.input[0].name)
        made.predict(np.zeros(shape, np.float32))  # the first call reads the weights from the folder

    def run(x: Batch) -> Batch:
        return np.asarray(made.predict(x)).reshape(len(x), -1)

    return np.ascontiguousarray, run


if __name__ == "__main__":
    main("hls4ml", open_model)
