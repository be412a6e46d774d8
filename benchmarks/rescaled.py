"""Networks with the same float function as a trained one, but with weights that break quantisers.

`scaled_apart` multiplies channels of a layer and divides the inputs of the next by the same random factors; each
depthwise kernel then has a range of its own.  `dead_channels` adds channels whose weights are near 1e-30, as training
with weight decay leaves them behind in real networks: an equalisation without guards scales them, and with them their
biases, by many powers of ten.  The result depends on the ONNX file and
the seed alone.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from networks import ROOT, Network, digits
from numpy.typing import NDArray
from onnx import helper, numpy_helper

DEAD = 1e-30
"""Standard deviation of the weights of a dead channel."""

Array = NDArray[np.float64]


class Editor:
    """A copy of a model whose weights can be read and replaced; raises ValueError where two nodes share them."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.graph = self.model.graph
        self.tensors = {tensor.name: tensor for tensor in self.graph.initializer}
        self.users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.graph.node:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
        self.maker = {name: node for node in self.graph.node for name in node.output}
        self.outputs = {port.name for port in self.graph.output}

    def read(self, name: str) -> Array:
        """Values of an initializer."""
        return numpy_helper.to_array(self.tensors[name]).astype(np.float64)

    def write(self, name: str, values: Array) -> None:
        """Replace an initializer, also by one of another shape."""
        if len(self.users[name]) > 1:
            raise ValueError(f"{name}: used by {len(self.users[name])} nodes, expected one")
        self.tensors[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))

    def next(self, node: onnx.NodeProto, *ops: str) -> onnx.NodeProto | None:
        """The only user of the node's output, if it is one of `ops`."""
        users = self.users.get(node.output[0], [])
        fits = len(users) == 1 and users[0].op_type in ops and node.output[0] not in self.outputs
        return users[0] if fits else None

    def add_bias(self, node: onnx.NodeProto, channels: int) -> str:
        """Name of the node's bias; zeros are added where it has none."""
        if len(node.input) < 3:
            name = f"{node.output[0]}.bias"
            self.tensors[name] = self.graph.initializer.add()
            self.tensors[name].CopyFrom(numpy_helper.from_array(np.zeros(channels, np.float32), name))
            self.users[name] = [node]
            node.input.append(name)
        return str(node.input[2])


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Value of an attribute of a node."""
    found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return found.get(name, default)


def columns(factors: Array) -> Array:
    """One factor for each first index of convolution weights (M, C / group, KH, KW)."""
    return factors.reshape(-1, 1, 1, 1)


def scaled_apart(model: onnx.ModelProto, seed: int = 0, powers: float = 6.0) -> onnx.ModelProto:
    """Scale the channels between two convolutions apart.

    For each Conv that feeds another Conv alone, directly or through BatchNormalization and Relu, channel c is
    multiplied by 2^u and the weights that read it are divided by it, u uniform in [-powers, powers].  Relu commutes
    with positive factors, so the function stays; Clip (ReLU6) does not, and ends a chain.

    Parameters
    ----------
    model
        2-D convolutions, dense or depthwise.

    Raises
    ------
    ValueError
        When no two convolutions follow each other, one has groups but is not depthwise, or two nodes share weights.
    """
    editor, rng, pairs = Editor(model), np.random.default_rng(seed), 0
    for conv in [node for node in editor.graph.node if node.op_type == "Conv"]:
        norm = editor.next(conv, "BatchNormalization")
        relu = editor.next(norm or conv, "Relu")
        reader = editor.next(relu or norm or conv, "Conv")
        if reader is None:
            continue
        pairs += 1
        weights = editor.read(conv.input[1])
        factors = 2.0 ** rng.uniform(-powers, powers, len(weights))
        for name in norm.input[1:3] if norm else conv.input[2:3]:
            editor.write(name, editor.read(name) * factors)
        if norm is None:
            editor.write(conv.input[1], weights * columns(factors))
        weights = editor.read(reader.input[1])
        group = attribute(reader, "group", 1)
        if group == 1:
            weights /= columns(factors).swapaxes(0, 1)
        elif group != len(factors):
            raise ValueError(f"{reader.name}: group is {group}, expected 1 or {len(factors)}")
        else:
            weights /= columns(np.repeat(factors, len(weights) // len(factors)))
        editor.write(reader.input[1], weights)
    if not pairs:
        raise ValueError("no Conv feeds another Conv, directly or through BatchNormalization and Relu")
    return editor.model


def dead_channels(model: onnx.ModelProto, share: float = 0.5, seed: int = 0, constant: bool = False) -> onnx.ModelProto:
    """Widen every convolution by dead channels.

    The new channels are read with weights of the usual size and written with weights near 1e-30, and lie among the
    others at random places.  Their biases are near 1e-30 too, or with `constant` as large as those of the layer: then
    a channel has one value all over, 0 where a Relu cuts it; what reads it is corrected for that value, and
    where a padded convolution reads it, with weights near 1e-30, because padding makes its border another value.

    Parameters
    ----------
    model
        2-D convolutions, dense or depthwise of multiplier 1, joined by BatchNormalization (behind a convolution),
        Relu, Clip, Add, MaxPool and GlobalAveragePool (then Flatten), with Gemm at the end.
    share
        Dead part of all channels of a convolution, at least 0 and below 1.

    Raises
    ------
    ValueError
        When another operator reads a convolution, two nodes share their weights, or the share is not in range.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share is {share}, expected at least 0 and below 1")
    return _Widener(Editor(model), share, np.random.default_rng(seed), seed, constant).run()


class _Widener:
    """Walks the nodes in order; `values` holds the values of the new channels of each tensor that is widened."""

    def __init__(self, editor: Editor, share: float, rng: np.random.Generator, seed: int, constant: bool) -> None:
        self.editor, self.share, self.rng, self.seed, self.constant = editor, share, rng, seed, constant
        self.values: dict[str, Array] = {}

    def run(self) -> onnx.ModelProto:
        graph = self.editor.graph
        for node in graph.node:
            if node.op_type == "Conv":
                self.conv(node)
            elif node.op_type == "Gemm":
                self.gemm(node)
            elif any(name in self.values for name in node.input) and node.output[0] not in self.values:
                self.values[node.output[0]] = self.follow(node)
        if self.editor.outputs & set(self.values):
            raise ValueError("a convolution is the last layer, expected Gemm")
        del graph.value_info[:]
        onnx.checker.check_model(self.editor.model, full_check=True)
        return self.editor.model

    def follow(self, node: onnx.NodeProto) -> Array:
        """New channels behind a node without weights."""
        editor, (data, *others) = self.editor, node.input
        value = self.values.get(data)
        if value is not None:
            if node.op_type == "Relu":
                return np.maximum(value, 0)
            if node.op_type == "Clip" and len(others) == 2 and all(name in editor.tensors for name in others):
                low, high = (float(editor.read(name)) for name in others)
                return np.clip(value, low, high)
            if node.op_type == "Add" and others[0] in self.values:
                return value + self.values[others[0]]
            flat = node.op_type == "Flatten" and editor.maker[data].op_type == "GlobalAveragePool"
            if flat or node.op_type in ("MaxPool", "GlobalAveragePool"):
                return value
        raise ValueError(f"{node.name} ({node.op_type}): its channels cannot be widened")

    def conv(self, node: onnx.NodeProto) -> None:
        """Widen a convolution, and the batch normalisation behind it."""
        editor, weights = self.editor, self.editor.read(node.input[1])
        live, group = len(weights), attribute(node, "group", 1)
        dead = round(live * self.share / (1 - self.share))
        data, correction = self.values.get(node.input[0]), np.zeros(live)
        if group == 1:
            if data is not None:
                weights, correction = self.read_dead(weights, data, any(attribute(node, "pads", ())))
        elif group == live and weights.shape[1] == 1 and data is not None:
            next(item for item in node.attribute if item.name == "group").i = live + dead
        else:
            raise ValueError(f"{node.name}: group is {group}, expected 1 or {live} behind another convolution")
        rows = self.rng.normal(0, DEAD, (dead, *weights.shape[1:]))
        editor.write(node.input[1], self.merge(weights, rows))
        norm = editor.next(node, "BatchNormalization")
        shift = norm.input[2] if norm else editor.add_bias(node, live)
        usual = editor.read(shift)
        bias = self.rng.normal(0, (usual.std() or 1.0) if self.constant else DEAD, dead)
        if norm:
            zeros, ones = np.zeros(dead), np.ones(dead)
            editor.write(norm.input[1], self.merge(editor.read(norm.input[1]), ones))
            editor.write(norm.input[3], self.merge(editor.read(norm.input[3]) + correction, zeros))
            editor.write(norm.input[4], self.merge(editor.read(norm.input[4]), ones))
            correction = np.zeros(live)
        editor.write(shift, self.merge(usual - correction, bias))
        self.values[(norm or node).output[0]] = bias

    def gemm(self, node: onnx.NodeProto) -> None:
        """Let a Gemm read the new channels; it writes none."""
        data = self.values.get(node.input[0])
        if data is None:
            return
        turned = bool(attribute(node, "transB", 0))
        weights = self.editor.read(node.input[1])
        weights, correction = self.read_dead(weights if turned else weights.T, data, False)
        self.editor.write(node.input[1], weights if turned else weights.T)
        name = self.editor.add_bias(node, len(weights))
        self.editor.write(name, self.editor.read(name) - correction)

    def read_dead(self, weights: Array, data: Array, padded: bool) -> tuple[Array, Array]:
        """Weights (M, C, ...) that read new channels of the values `data` too, and what these add to each output."""
        extra = self.rng.normal(0, weights.std(), (len(weights), len(data), *weights.shape[2:]))
        if padded:
            extra[:, np.abs(data) > 1e6 * DEAD] *= DEAD
        correction = extra.sum(axis=tuple(range(2, extra.ndim))) @ data
        return self.merge(weights, extra, axis=1), correction

    def merge(self, live: Array, dead: Array, axis: int = 0) -> Array:
        """Both along `axis`, at places that depend on their number alone, so that all tensors agree."""
        joined = np.concatenate([live, dead], axis)
        total = joined.shape[axis]
        return np.take(joined, np.random.default_rng([self.seed, total]).permutation(total), axis)


def digits_mobilenet() -> Network:
    """The network of examples/digits_mobilenet, with the data of the demo."""
    model = ROOT / "examples" / "digits_mobilenet" / "model.onnx"
    return replace(digits(), name="digits_mobilenet", model=model)


def scaled_apart_network(seed: int = 0, powers: float = 6.0) -> Network:
    """`digits_mobilenet` with its channels scaled apart."""
    base = digits_mobilenet()
    return _changed(base, "digits_scaled_apart", scaled_apart(onnx.load(base.model), seed, powers))


def dead_channels_network(share: float = 0.5, seed: int = 0, constant: bool = False) -> Network:
    """`digits_mobilenet` with dead, or constant, channels added."""
    base = digits_mobilenet()
    name = "digits_constant_channels" if constant else "digits_dead_channels"
    return _changed(base, name, dead_channels(onnx.load(base.model), share, seed, constant))


def _changed(base: Network, name: str, model: onnx.ModelProto) -> Network:
    """`base` with another model, written into the build folder in one step."""
    data = model.SerializeToString(deterministic=True)
    folder = ROOT / "build" / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)
    return replace(base, name=name, model=path)
