"""ESP-PPQ of Espressif: powers of two, signed 8 bits.

Settings: per-tensor (target ESP32-S3) and per-channel (target ESP32-P4, one scale a channel of a convolution).
"""

from __future__ import annotations

import shutil

import contract
import numpy as np
import onnx
import torch
from esp_ppq.api import espdl_quantize_onnx
from esp_ppq.executor import TorchExecutor

TARGETS = {"per-tensor": "esp32s3", "per-channel": "esp32p4"}


def quantise(job: contract.Job) -> contract.Model:
    """Quantise a copy of the model, which the tool writes again, with batches of one sample."""
    copied = job.scratch / "model.onnx"
    shutil.copyfile(job.model, copied)
    model = onnx.load(str(copied))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, str(copied))
    samples = [torch.from_numpy(batch) for batch in job.batches(1)]
    graph = espdl_quantize_onnx(
        str(copied),
        str(job.scratch / "out.espdl"),
        samples,
        len(samples),
        list(samples[0].shape),
        target=TARGETS[job.setting],
        num_of_bits=job.act_bits,
        error_report=False,
        skip_export=True,
    )
    executor = TorchExecutor(graph, device="cpu")

    def run(x: contract.Batch) -> contract.Batch:
        outputs = [executor.forward(torch.from_numpy(part))[0] for part in np.split(x, len(x))]
        return np.asarray(torch.cat(outputs).detach().numpy(), np.float32)

    return run


if __name__ == "__main__":
    torch.manual_seed(0)
    contract.main("esp-ppq", quantise)
