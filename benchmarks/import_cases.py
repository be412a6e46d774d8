"""What `imports.py` measures: trained models that are quantised already, with what their framework computes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from networks import ROOT, SHARED
from numpy.typing import NDArray
from onnx import TensorProto, helper
from peers.emulators import EMULATORS
from peers.environments import SCRIPTS

from hwq.ir.program import Port

FOLDER = ROOT / "build" / "imports"
SLACK = 2e-6
"""Of the largest output: what float32 rounds in sums or at the end, where scales or factors are no powers of two."""
DIGITS = 300
Batch = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Model:
    """One ONNX file; `samples` are batch first, `reference` what the framework made of them, None if not known here.

    `exact` says that float32 holds everything exactly, so that equal means equal.
    """

    name: str
    kind: str
    path: Path
    samples: Batch
    labels: Batch
    reference: Batch | None
    exact: bool

    @property
    def entry(self) -> str:
        """The name of its input; biases and weights may be listed as inputs too."""
        graph = onnx.load(self.path).graph
        stored = {item.name for item in graph.initializer}
        return next(item.name for item in graph.input if item.name not in stored)

    def equal(self, found: Batch, wanted: Batch) -> NDArray[np.bool_]:
        """Which rows are equal: to the bit, or but for the rounding of float32 sums."""
        slack = 0.0 if self.exact else SLACK * float(np.abs(wanted).max())
        near = np.abs(found.astype(np.float32).astype(np.float64) - wanted) <= slack
        return np.asarray(near.reshape(len(wanted), -1).all(1))

    def accuracy(self, found: Batch) -> float:
        """Per cent of the samples whose largest output is that of the label."""
        return 100 * float((found.reshape(len(found), -1).argmax(1) == self.labels).mean())


def models() -> list[Model]:
    """Every model, as far as the shared ones are present."""
    found = []
    for data in sorted((SHARED / "qat").glob("*.npz")):
        arrays = np.load(data)
        for kind in ("qonnx", "qcdq"):
            path = data.with_name(f"{data.stem}.{kind}.onnx")
            exact = "_f_" not in data.stem
            found.append(Model(data.stem, kind, path, arrays["X"], arrays["y"], arrays["y_brevitas"], exact))
    digits = SHARED / "mnist_lstm" / "eval.npz"
    for name in ("qonnx_tfc_1w1a", "qonnx_tfc_2w2a"):
        path = SHARED / name / "model.onnx"
        if path.exists() and digits.exists():
            arrays = np.load(digits)
            x = arrays["x"][:DIGITS, None].astype(np.float32) / np.float32(255)
            found.append(Model(name, "qonnx", path, x, arrays["y"][:DIGITS], None, False))
    return found


def by_onnxruntime(model: Model) -> Batch:
    """What onnxruntime computes node by node."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(str(model.path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {model.entry: x[None]})[0] for x in model.samples])


def by_qonnx(chosen: list[Model]) -> dict[str, Batch]:
    """What the package qonnx computes, by the name of the model, in an environment of its own.

    Raises
    ------
    RuntimeError
        When it does not install, or fails.
    """
    tool, folder = EMULATORS["qonnx"], FOLDER / "qonnx"
    if reason := tool.install():
        raise RuntimeError(f"qonnx does not install: {reason}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for model in chosen:
        (folder / f"{model.name}.onnx").write_bytes(model.path.read_bytes())
        np.savez(folder / f"{model.name}.npz", x=model.samples)
    ran = subprocess.run(
        [str(tool.python), str(SCRIPTS / "qonnx_outputs.py"), str(folder)], capture_output=True, text=True
    )
    if ran.returncode:
        raise RuntimeError(f"qonnx fails: {ran.stderr.splitlines()[-1]}")
    return {model.name: np.load(folder / f"{model.name}.out.npz")["y"] for model in chosen}


class Host:
    """The operators at the end of a model that a program leaves to the host."""

    def __init__(self, model: Model, port: Port) -> None:
        self.count, self.model = len(port.host_ops), model

    @cached_property
    def _session(self) -> tuple[str, ort.InferenceSession]:
        made = onnx.load(self.model.path)
        maker = {name: node for node in made.graph.node for name in node.output}
        start = made.graph.output[0].name
        for _ in range(self.count):
            start = next(item for item in maker[start].input if item in maker)
        wanted, needed, read = [made.graph.output[0].name], set(), set()
        while wanted:
            name = wanted.pop()
            read.add(name)
            if name != start and name in maker and name not in needed:
                needed.add(name)
                wanted += maker[name].input
        graph = helper.make_graph(
            [node for node in made.graph.node if node.output[0] in needed],
            "rest",
            [helper.make_tensor_value_info(start, TensorProto.FLOAT, None)],
            list(made.graph.output),
            [item for item in made.graph.initializer if item.name in read - {start}],
        )
        rest = helper.make_model(graph, opset_imports=made.opset_import, ir_version=made.ir_version)
        return start, ort.InferenceSession(rest.SerializeToString(), providers=["CPUExecutionProvider"])

    def __call__(self, found: Batch) -> Batch:
        """Outputs of the model, from those of the program."""
        if not self.count:
            return found
        name, session = self._session
        rows = found.astype(np.float32)
        return np.concatenate([session.run(None, {name: row[None]})[0] for row in rows])
