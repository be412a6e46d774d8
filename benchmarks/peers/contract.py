"""What every peer's script has in common: its command line, its clock and the file that it writes.

    python TOOL.py --model M.onnx --calib CALIB.npz --eval EVAL.npz --setting NAME --bits 8/8 --out OUT.npz

CALIB and EVAL hold float32 samples `x`, batch first.  OUT gets `y`, the real values that the quantised model computes
for EVAL, in the shape of the model's output; `seconds`, of quantisation alone; and `version` of the tool.  The scripts
run in environments of their own and import nothing of hwq.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]
Model = Callable[[Batch], Batch]
SMALL = 1024
"""Values of a sample up to which many samples are computed at once."""


@dataclass(frozen=True, slots=True)
class Job:
    """One quantisation: the float model, the calibration samples, and what is asked for."""

    model: Path
    calib: Batch
    setting: str
    weight_bits: int
    act_bits: int
    scratch: Path

    def batches(self, size: int | None = None) -> list[Batch]:
        """The calibration samples in batches of `size`, by default 16 images or 256 vectors.

        A last batch that is not full is left out if there are others.
        """
        size = size or (16 if self.calib[0].size > SMALL else 256)
        whole = len(self.calib) // size * size
        return [self.calib[k : k + size] for k in range(0, whole, size)] or [self.calib]


def session(model: Path | bytes) -> Any:
    """An onnxruntime session that computes QDQ models in float.

    Its int8 kernels add pairs of products in 16 bits, with saturation, on processors without VNNI: what they return
    there is not what the quantised model says.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def qdq_model(path: Path) -> Model:
    """The function that a QDQ model computes."""
    opened = session(path)
    entry = opened.get_inputs()[0].name
    return lambda x: np.asarray(opened.run(None, {entry: x})[0], np.float32)


def torch_model(module: Any) -> Model:
    """The function that a torch module computes."""
    import torch

    def run(x: Batch) -> Batch:
        with torch.no_grad():
            got = module(torch.from_numpy(x))
        return np.asarray(got.numpy(), np.float32)

    return run


def import_torchvision() -> None:
    """Import torchvision, also beside a torch without CUDA, for which its compiled part does not load.

    Tools import it for their examples; nothing here calls its operators.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        importlib.import_module("torchvision")


def main(package: str, quantise: Callable[[Job], Model]) -> None:
    """Run `quantise` of the tool in Python package `package` as the command line says."""
    parser = argparse.ArgumentParser()
    for name in ("model", "calib", "eval", "setting", "bits", "out"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    weight_bits, act_bits = map(int, options.bits.split("/"))
    calib, samples = (np.load(path)["x"].astype(np.float32) for path in (options.calib, options.eval))
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(Path(options.model), calib, options.setting, weight_bits, act_bits, Path(scratch))
        start = time.perf_counter()
        model = quantise(job)
        seconds = time.perf_counter() - start
        size = 1024 if samples[0].size <= SMALL else 50
        outputs = np.concatenate([model(samples[k : k + size]) for k in range(0, len(samples), size)])
        # In one step, so that a run that is stopped leaves nothing.
        written = Path(options.out).with_suffix(".part.npz")
        np.savez_compressed(written, y=outputs, seconds=seconds, version=version(package))
        written.replace(options.out)
