"""The networks that benchmarks run on: the shipped digits demo, and the shared models where they are present."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

import hwq.api as hwq
from hwq.ir.program import Program
from hwq.quant.config import Effort

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "programs"
SHARED = ROOT.parent / "shared" / "models"
Samples = NDArray[Any]
Run = Callable[[list[Samples]], list[Samples]]


@dataclass(frozen=True, slots=True)
class Network:
    """A model with calibration and labelled data; `score` maps a runner of samples to named figures, in per cent."""

    name: str
    model: Path
    calib: Samples
    evaluation: Samples
    score: Callable[[Run], dict[str, float]]
    classifies: bool

    def float_run(self, xs: list[Samples]) -> list[Samples]:
        """The float model in onnxruntime."""
        session = ort.InferenceSession(self.model, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0]
        step = 1 if entry.shape[0] == 1 else 64
        return [
            y for k in range(0, len(xs), step) for y in session.run(None, {entry.name: np.stack(xs[k : k + step])})[0]
        ]


def digits() -> Network:
    """The demo of examples/digits."""
    folder = ROOT / "examples" / "digits"
    test = np.load(folder / "test.npz")

    def score(run: Run) -> dict[str, float]:
        got = np.stack(run(list(test["image"]))).reshape(len(test["label"]), -1).argmax(1)
        return {"top1": 100 * float((got == test["label"]).mean())}

    calib = np.load(folder / "calib.npz")["image"]
    return Network("digits", folder / "model.onnx", calib, test["image"], score, True)


def quantised(name: str, model: Path, calib: Samples) -> Program:
    """The program of a network that has one input, quantised quickly; it is kept in build/programs."""
    file = PROGRAMS / f"{name}.hwq"
    if not file.exists():
        PROGRAMS.mkdir(parents=True, exist_ok=True)
        data = {onnx.load(model).graph.input[0].name: calib[:64]}
        hwq.save_program(hwq.quantize(model, data, Effort.FAST.config()), file)
    return hwq.load_program(file)


def evaluation_script() -> Any:
    """The module `evaluate.py` of the shared folder: it loads and scores."""
    spec = importlib.util.spec_from_file_location("shared_evaluate", SHARED / "evaluate.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def shared(name: str, file: str = "model.onnx", most: int | None = None) -> Network:
    """A network of the shared folder, scored by the script that lies there; with at most `most` samples of a split."""
    script = evaluation_script()

    def samples(split: str) -> Samples:
        found = script.load(name, split)[0][:most]
        return np.concatenate(found) if found[0].ndim == 2 and name.startswith("ad_") else np.stack(found)

    def score(run: Run) -> dict[str, float]:
        return {key: 100 * float(value) for key, value in script.evaluate(name, run)[0].items()}

    label = name if file == "model.onnx" else f"{name}/{Path(file).stem}"
    return Network(label, SHARED / name / file, samples("calib"), samples("eval"), score, not name.startswith("ad_"))


def networks() -> list[Network]:
    """All networks that are present."""
    found = [digits()]
    if SHARED.is_dir():
        found.append(shared("cifar10_resnet8"))
        found.append(shared("kws_dscnn_mlperf"))
        found.append(shared("kws_dscnn_mlperf", "model_floatweights.onnx"))
        found.append(shared("ad_autoencoder_mlperf"))
        found.append(shared("mlkws_dnn_s"))
    return found


@dataclass(frozen=True, slots=True)
class Twins:
    """A float network, and files of one with the same layers that was trained with quantisation at 8 bits.

    `network` is evaluated on the samples of the trained one; `reference` is what its framework computes for them.
    """

    network: Network
    qcdq: Path
    qonnx: Path
    reference: Samples


def layers(model: Path) -> list[Any]:
    """Shapes of the weight matrices, and the layers of a perceptron, without what quantises."""
    graph = onnx.load(model).graph
    shapes = [tuple(tensor.dims) for tensor in graph.initializer if len(tensor.dims) == 2]
    return [*shapes, *(node.op_type for node in graph.node if node.op_type in ("Gemm", "Relu"))]


def twins(name: str, trained: str) -> Twins:
    """The network `name` of small/, and `trained` of qat/; ValueError where their layers differ."""
    model, stem = SHARED / "small" / f"{name}.onnx", SHARED / "qat" / trained
    files = [stem.with_name(f"{trained}.{kind}.onnx") for kind in ("qcdq", "qonnx")]
    for file in files:
        if layers(file) != layers(model):
            raise ValueError(f"{file.name}: layers {layers(file)}, expected {layers(model)} as in {model.name}")
    calib = np.load(SHARED / "small" / f"{name}_data.npz")["x_calib"]
    data = np.load(stem.with_name(f"{trained}.npz"))

    def score(run: Run) -> dict[str, float]:
        return {"top1": 100 * float((np.stack(run(list(data["X"]))).argmax(1) == data["y"]).mean())}

    network = Network(name, model, calib, data["X"], score, True)
    return Twins(network, *files, reference=data["y_brevitas"])
