"""What qonnx's executor computes for models, in an environment of its own; imports nothing of hwq.

    python qonnx_outputs.py FOLDER

For each MODEL.onnx of the folder with samples `x`, batch first, in MODEL.npz, the outputs `y` go to MODEL.out.npz.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

BATCH = 500


def outputs(path: Path, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first output for all samples; one by one where `ChangeBatchSize` does not know what to do."""
    clean = cleanup_model(ModelWrapper(str(path)))
    entry, port = clean.graph.input[0].name, clean.graph.output[0].name
    single = any(node.op_type == "Reshape" or node.domain.endswith("channels_last") for node in clean.graph.node)
    found, step = [], 1 if single else BATCH
    for k in range(0, len(x), step):
        part = x[k : k + step]
        model = clean if single else clean.transform(ChangeBatchSize(len(part))).transform(InferShapes())
        found.append(np.asarray(execute_onnx(model, {entry: part})[port]))
    return np.concatenate(found)


def main() -> None:
    """Run every model of the folder."""
    for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
        np.savez(path.with_suffix(".out.npz"), y=outputs(path, np.load(path.with_suffix(".npz"))["x"]))


if __name__ == "__main__":
    main()
