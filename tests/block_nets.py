"""Five networks of blocks that real ones are made of, with weights at random, and inputs for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

Shape = tuple[int, ...]


@dataclass
class Net:
    """An ONNX model in the making; a method adds a node and returns the name of its output."""

    shape: Shape
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    seed: int = 0

    def node(self, op: str, *inputs: str, outputs: Sequence[str] = (), **attributes: Any) -> str:
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, list(outputs) or [name], name=name, **attributes))
        return outputs[0] if outputs else name

    def constant(self, values: Any) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = np.asarray(values)
        return name

    def weights(self, *shape: int) -> str:
        """Weights that keep the size of what they read."""
        rng = np.random.default_rng([self.seed, len(self.constants), *shape])
        return self.constant((rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32))

    def biases(self, count: int) -> str:
        rng = np.random.default_rng([self.seed, len(self.constants), count])
        return self.constant(rng.normal(0, 0.1, count).astype(np.float32))

    def conv(self, x: str, filters: int, channels: int, *kernel: int, relu: bool = True, **attributes: Any) -> str:
        groups = attributes.get("group", 1)
        weight = self.weights(filters, channels // groups, *kernel)
        made = self.node("Conv", x, weight, self.biases(filters), **attributes)
        return self.node("Relu", made) if relu else made

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def model(self, *outputs: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *self.shape])],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        made.ir_version = 8
        for item, found in zip(graph.output, shape_inference.infer_shapes(made).graph.output, strict=True):
            item.CopyFrom(found)
        made.graph.CopyFrom(graph)
        return made


def inception() -> onnx.ModelProto:
    """Four branches of unequal depth, joined by channels, twice; one of them pools."""
    net = Net((3, 12, 12))
    x = net.conv("x", 8, 3, 3, 3, pads=[1] * 4)
    for channels in (8, 20):
        one = net.conv(x, 4, channels, 1, 1)
        three = net.conv(net.conv(x, 6, channels, 1, 1), 8, 6, 3, 3, pads=[1] * 4)
        five = net.conv(net.conv(x, 3, channels, 1, 1), 4, 3, 5, 5, pads=[2] * 4)
        pooled = net.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
        x = net.node("Concat", one, three, five, net.conv(pooled, 4, channels, 1, 1), axis=1)
    pooled = net.node("GlobalAveragePool", x)
    flat = net.node("Flatten", pooled)
    return net.model(net.node("Gemm", flat, net.weights(20, 5)))


def squeeze_excite() -> onnx.ModelProto:
    """A bottleneck with swishes whose channels are weighted by what the whole image says, and a shortcut."""
    net = Net((4, 10, 10), seed=1)

    def swish(x: str) -> str:
        return net.node("Mul", x, net.node("Sigmoid", x))

    x = swish(net.conv("x", 8, 4, 3, 3, relu=False, pads=[1] * 4))
    wide = swish(net.conv(x, 16, 8, 1, 1, relu=False))
    deep = swish(net.conv(wide, 16, 16, 3, 3, relu=False, pads=[1] * 4, group=16))
    squeezed = net.conv(net.node("GlobalAveragePool", deep), 4, 16, 1, 1)
    gate = net.node("HardSigmoid", net.conv(squeezed, 16, 4, 1, 1, relu=False))
    narrow = net.conv(net.node("Mul", deep, gate), 8, 16, 1, 1, relu=False)
    out = net.node("Add", x, narrow)
    return net.model(net.conv(out, 6, 8, 1, 1, relu=False))


def shufflenet() -> onnx.ModelProto:
    """Channels split in halves, grouped and depthwise layers on one of them, joined and shuffled, twice."""
    net = Net((3, 8, 8), seed=2)
    x = net.conv("x", 12, 3, 3, 3, pads=[1] * 4)
    for _ in range(2):
        left, right = f"left{len(net.nodes)}", f"right{len(net.nodes)}"
        net.node("Split", x, net.ints(6, 6), outputs=(left, right), axis=1)
        deep = net.conv(right, 6, 6, 1, 1, group=2)
        deep = net.conv(deep, 6, 6, 3, 3, relu=False, pads=[1] * 4, group=6)
        deep = net.conv(deep, 6, 6, 1, 1, group=3)
        joined = net.node("Concat", left, deep, axis=1)
        grouped = net.node("Reshape", joined, net.ints(0, 2, 6, 8, 8))
        turned = net.node("Transpose", grouped, perm=[0, 2, 1, 3, 4])
        x = net.node("Reshape", turned, net.ints(0, 12, 8, 8))
    return net.model(net.node("LeakyRelu", net.conv(x, 4, 12, 1, 1, relu=False), alpha=0.1))


def temporal() -> onnx.ModelProto:
    """Dilated convolutions over a signal, each with a shortcut, then an upsampled and a transposed one, joined."""
    net = Net((2, 48), seed=3)
    x = net.conv("x", 6, 2, 1)
    for dilation in (1, 2, 4, 8):
        gate = net.node("Tanh", net.conv(x, 6, 6, 3, relu=False, pads=[dilation] * 2, dilations=[dilation]))
        x = net.node("Add", x, net.conv(gate, 6, 6, 1, relu=False))
    short = net.node("AveragePool", x, kernel_shape=[3], strides=[2], pads=[1, 1])
    nearest = net.node("Resize", short, "", net.constant(np.array([1, 1, 2], np.float32)))
    up = net.node("ConvTranspose", short, net.weights(6, 4, 4), strides=[2], pads=[1, 1])
    joined = net.node("Concat", nearest, up, axis=1)
    return net.model(net.conv(joined, 3, 10, 1, relu=False))


def detection() -> onnx.ModelProto:
    """A head on two scales: the coarse one is resized and added, boxes and scores leave side by side as rows."""
    net = Net((3, 16, 16), seed=4)
    fine = net.conv("x", 8, 3, 3, 3, pads=[1] * 4, strides=[2, 2])
    coarse = net.conv(fine, 12, 8, 3, 3, pads=[1] * 4, strides=[2, 2])
    lateral = net.conv(coarse, 8, 12, 1, 1, relu=False)
    scales = net.constant(np.array([1, 1, 2, 2], np.float32))
    merged = net.node("Add", fine, net.node("Resize", lateral, "", scales, mode="linear"))
    rows = []
    for x, channels, size in ((merged, 8, 8), (coarse, 12, 4)):
        boxes = net.conv(x, 4, channels, 3, 3, relu=False, pads=[1] * 4)
        scores = net.node("Sigmoid", net.conv(x, 2, channels, 1, 1, relu=False))
        both = net.node("Concat", boxes, scores, axis=1)
        turned = net.node("Transpose", both, perm=[0, 2, 3, 1])
        rows.append(net.node("Reshape", turned, net.ints(0, size * size, 6)))
    return net.model(net.node("Concat", *rows, axis=1))


NETS: dict[str, Callable[[], onnx.ModelProto]] = {
    "inception": inception, "squeeze_excite": squeeze_excite, "shufflenet": shufflenet, "temporal": temporal,
    "detection": detection,
}  # fmt: skip


def samples(model: onnx.ModelProto, count: int, seed: int = 5) -> np.ndarray:
    """Smooth signals or images, as those of sensors are."""
    shape = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    x = np.random.default_rng(seed).normal(0, 1, (count, *shape))
    for axis in range(2, x.ndim):
        x = x + np.roll(x, 1, axis)
    return x.astype(np.float32)
