"""Cutting: the part of a model between tensors that the user names, and the part that hwq could build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from hwq.errors import BadInput, refuse_all
from hwq.frontend.data import Data, load_arrays
from hwq.frontend.load import Source, load
from hwq.frontend.node import Node
from hwq.frontend.stream import survey


@dataclass(frozen=True, slots=True)
class Cut:
    """Tensors at which a model is to begin and to end, by their ONNX names; none for its own inputs and outputs."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"--{what} {','.join(names)}"
            for what, names in (("inputs", self.inputs), ("outputs", self.outputs))
            if names
        ]
        return " ".join(parts)


WHOLE = Cut()
"""The model as it is."""


def cut(source: Source, part: Cut) -> Source:
    """The part of a model between the tensors that `part` names.

    Raises
    ------
    BadInput
        When the model has no such tensor, or no shape is known of one at which it is to begin.
    """
    made = {name for node in source.graph.node for name in node.output if name}
    own = [item.name for item in source.graph.input if item.name not in source.initializers]
    refusals = [
        f"--{what} {name}: the model has no such tensor. `hwq inspect` names those of the graph it prints"
        for what, names, known in (("inputs", part.inputs, made.union(own)), ("outputs", part.outputs, made))
        for name in names
        if name not in known
    ]
    refusals += [
        f"--inputs {name}: its shape is not known, expected fixed sizes. Cut at another tensor"
        for name in part.inputs
        if name in made and name not in source.shapes
    ]
    refuse_all(refusals)
    graph = onnx.GraphProto()
    graph.CopyFrom(source.graph)
    if part.outputs:
        del graph.output[:]
        graph.output.extend(helper.make_empty_tensor_value_info(name) for name in part.outputs)
    if part.inputs:
        _begin(graph, source, part.inputs)
    return replace(source, graph=graph)


def _begin(graph: onnx.GraphProto, source: Source, names: Sequence[str]) -> None:
    """Make `names` inputs, and drop the inputs that are not needed any more."""
    kept = [node for node in graph.node if not set(names).intersection(node.output)]
    if len(kept) < len(graph.node):
        for node in graph.node:
            node.output[:] = ["" if name in names else name for name in node.output]
    needed = {item.name for item in graph.output}
    for node in reversed(graph.node):
        if needed.intersection(name for name in node.output if name):
            needed.update(node.input)
    inputs = [item for item in graph.input if item.name in needed and item.name not in names]
    del graph.input[:]
    graph.input.extend(inputs)
    known = {item.name: item for item in source.graph.input}
    for name in names:
        if name in known:
            graph.input.append(known[name])
        else:
            graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, source.shapes[name]))


def samples_at(path: str | Path, part: Cut, data: Data) -> Data:
    """Samples for a part of a model from those of the whole: what its inputs are, as onnxruntime computes them.

    `data` that has the part's inputs already is returned as it is.
    """
    if not part.inputs:
        return data
    given = set(data) if isinstance(data, Mapping) else set(_names(Path(data)))
    if given.issuperset(part.inputs):
        return data
    source = load(path)
    ports = [
        (
            item.name,
            str(np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))),
            tuple(a.dim_value for a in kind.shape.dim[1:]),
        )
        for item in source.graph.input
        if item.name not in source.initializers
        for kind in [item.type.tensor_type]
    ]
    arrays = load_arrays(data, ports)
    return _run(Path(path), part.inputs, {name: arrays[name].astype(dtype) for name, dtype, _ in ports})


def _names(path: Path) -> Iterable[str]:
    try:
        return survey(path, ()).names
    except BadInput:
        return []  # whoever reads the samples says what is wrong with them


def _run(path: Path, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    model = onnx.load(str(path))
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        count = len(next(iter(feeds.values())))
        rows = [session.run(list(names), {k: x[n : n + 1] for k, x in feeds.items()}) for n in range(count)]
    except Exception as error:  # onnxruntime has no class of its own for what a model can do wrong
        reason = " ".join(str(error).split())[:300]
        raise BadInput(
            f"{path}: onnxruntime cannot run it up to {', '.join(names)} ({reason}). "
            f"Give samples with arrays of these names"
        ) from None
    return {name: np.concatenate(found) for name, found in zip(names, zip(*rows, strict=True), strict=True)}


def buildable(source: Source, nodes: Sequence[Node], refused: Iterable[Node], constants: Iterable[str]) -> Cut | None:
    """The part of a model before the nodes that were refused, or else the one behind them; None if there is none.

    Parameters
    ----------
    nodes
        All nodes that an output depends on, in order.
    refused
        Those of them that hwq cannot build.
    constants
        Tensors that depend on no input.
    """
    fixed = set(constants)
    bad = {name for node in refused for name in node.outputs if name}
    behind = set(bad)
    before = [node for node in nodes if not _spread(node, behind) and not set(node.outputs) <= fixed]
    ends = {name for node in nodes if set(node.outputs) & behind for name in node.inputs}
    ends |= {item.name for item in source.graph.output}
    made = {name for node in before for name in node.outputs if name} - fixed
    if made & ends:
        return Cut(outputs=tuple(name for node in before for name in node.outputs if name in made & ends))
    last = [name for node in nodes for name in node.outputs if name in bad and name in source.shapes]
    return Cut(inputs=(last[-1],)) if last else None


def _spread(node: Node, behind: set[str]) -> bool:
    """Whether a node depends on one of `behind`, which its outputs then belong to."""
    if behind.intersection(node.inputs) or behind.intersection(node.outputs):
        behind.update(name for name in node.outputs if name)
        return True
    return False


__all__ = ["WHOLE", "Cut", "buildable", "cut", "samples_at"]
