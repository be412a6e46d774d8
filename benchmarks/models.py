"""What `accuracy.py` measures: models, calibration samples, evaluation samples and how outputs are scored.

Every tool, hwq included, gets the same three things.  The model is the published one, except that a Softmax at the end
is cut off (all figures are of the logits), that two means over the two sides of an image are written as one
GlobalAveragePool, that padding has numbers instead of SAME_UPPER, and that the batch is free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from networks import ROOT, SHARED, Network, digits, evaluation_script
from numpy.typing import NDArray
from rescaled import dead_channels_network, scaled_apart_network

FOLDER = ROOT / "build" / "peers" / "data"
IMAGENET_CALIB, IMAGENET_EVAL = 64, 300
Batch = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Case:
    """One model with its data; `score` maps outputs of all `samples` to a figure in per cent."""

    name: str
    source: Path
    calib: Batch
    samples: Batch
    score: Callable[[NDArray[Any]], float]
    classifies: bool = True

    @property
    def model(self) -> Path:
        """The ONNX file that tools get, written on first use."""
        path = FOLDER / f"{self.name}.onnx"
        data = prepare(onnx.load(str(self.source))).SerializeToString()
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

    def file(self, split: str) -> Path:
        """The npz file that peers get of the split `calib` or `samples`, written when its content changed."""
        data: Batch = getattr(self, split)
        path = FOLDER / f"{self.name}-{split}-{digest(data.tobytes())}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, x=data)
        return path

    def float_outputs(self) -> Batch:
        """What the float model computes for the samples."""
        session = ort.InferenceSession(self.model, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0].name
        parts = [session.run(None, {entry: part})[0] for part in np.array_split(self.samples, len(self.samples) // 50)]
        return np.concatenate(parts)


def digest(*parts: bytes) -> str:
    """Twelve hex digits that name a content."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:12]


def prepare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model as every tool gets it."""
    graph = model.graph
    if graph.node[-1].op_type == "Softmax":
        last = graph.node.pop()
        graph.output[0].name = last.input[0]
    first, second = ([n for n in graph.node if n.op_type == "ReduceMean"] + [None, None])[:2]
    if first is not None and second is not None and list(second.input) == list(first.output):
        first.CopyFrom(onnx.helper.make_node("GlobalAveragePool", first.input, first.output, first.name))
        second.CopyFrom(onnx.helper.make_node("Flatten", second.input, second.output, second.name, axis=1))
    for node in graph.node:
        explicit_padding(node)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del graph.value_info[:]
    return model


def explicit_padding(node: onnx.NodeProto) -> None:
    """Write `pads` for SAME_UPPER of a window that moves by one, which does not depend on the size of the image."""
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    if attributes.get("auto_pad") != b"SAME_UPPER" or set(attributes.get("strides", (1,))) != {1}:
        return
    sides = [side - 1 for side in attributes["kernel_shape"]]
    kept = [item for item in node.attribute if item.name != "auto_pad"]
    del node.attribute[:]
    pads = [*(total // 2 for total in sides), *(total - total // 2 for total in sides)]
    node.attribute.extend([*kept, onnx.helper.make_attribute("pads", pads)])


def of_network(network: Network) -> Case:
    """A network of `networks.py`, with the first of its figures as the score."""

    def score(outputs: NDArray[Any]) -> float:
        return next(iter(network.score(lambda _: list(outputs)).values()))

    return Case(network.name, network.model, network.calib, network.evaluation, score, network.classifies)


def top1(labels: NDArray[Any], skip: int = 0) -> Callable[[NDArray[Any]], float]:
    """The score of a classifier whose first `skip` outputs are of no class."""
    return lambda outputs: 100 * float((outputs.reshape(len(labels), -1)[:, skip:].argmax(1) == labels).mean())


def cifar10_resnet8() -> Case:
    """Calibrated on 49 raw and 200 JPEG images, evaluated on 200 raw and the first 400 JPEG images."""
    name = "cifar10_resnet8"
    prepared = evaluation_script().PRE[name][1]
    with np.load(SHARED / name / "calib.npz") as calib, np.load(SHARED / name / "eval.npz") as test:
        known = [prepared(image) for image in (*calib["x"], *calib["x_jpeg"])]
        asked = [prepared(image) for image in (*test["x"], *test["x_jpeg"][:400])]
        labels = np.concatenate([test["y"], test["y_jpeg"][:400]])
    return Case(name, SHARED / name / "model.onnx", np.stack(known), np.stack(asked), top1(labels))


def kws_dscnn() -> Case:
    """The keywords network with float weights, on all samples."""
    load = evaluation_script().load
    samples, labels = load("kws_dscnn_mlperf", "eval")
    source = SHARED / "kws_dscnn_mlperf" / "model_floatweights.onnx"
    calib = np.stack(load("kws_dscnn_mlperf", "calib")[0])
    return Case("kws_dscnn_float", source, calib, np.stack(samples), top1(labels))


def ad_autoencoder() -> Case:
    """The anomaly detector on all frames of all clips; the score is the AUC of the mean squared error of a clip."""
    name = "ad_autoencoder_mlperf"
    script = evaluation_script()
    clips, (anomalous, _) = script.load(name, "eval")
    samples = np.concatenate(clips)

    def score(outputs: NDArray[Any]) -> float:
        error = ((outputs - samples) ** 2).reshape(len(clips), -1).mean(1)
        return 100 * float(script.auc(anomalous, error))

    calib = np.concatenate(script.load(name, "calib")[0])
    return Case(name, SHARED / name / "model.onnx", calib, samples, score, classifies=False)


def imagenet(name: str) -> Case:
    """An ImageNet network: `IMAGENET_CALIB` images to calibrate, `IMAGENET_EVAL` to evaluate."""
    load = evaluation_script().load
    calib = np.stack(load(name, "calib")[0][:IMAGENET_CALIB])
    samples, labels = load(name, "eval")
    score = top1(np.asarray(labels[:IMAGENET_EVAL]), skip=1 if "mobilenet" in name else 0)
    return Case(name, SHARED / name / "model.onnx", calib, np.stack(samples[:IMAGENET_EVAL]), score)


CASES: dict[str, Callable[[], Case]] = {
    "digits": lambda: of_network(digits()),
    "digits_scaled_apart": lambda: of_network(scaled_apart_network()),
    "digits_dead_channels": lambda: of_network(dead_channels_network()),
    "cifar10_resnet8": cifar10_resnet8,
    "kws_dscnn_float": kws_dscnn,
    "ad_autoencoder_mlperf": ad_autoencoder,
    "imagenet_efficientnet_lite0": lambda: imagenet("imagenet_efficientnet_lite0"),
    "imagenet_mobilenet_v2_deq": lambda: imagenet("imagenet_mobilenet_v2_deq"),
}
"""Every case by name; all but those of the digits need the shared models."""
