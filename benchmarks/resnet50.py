"""ResNet-50 with random weights: folding depends on shapes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 224
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
EXPANSION = 4


class _Writer:
    """Nodes and weights as they are added; batch normalisation is folded into the convolutions, as exporters do."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(50)

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        out = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [out], name=out, **attributes))
        return out

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        fan = int(np.prod(shape[1:])) or 1
        values = self.rng.normal(0.0, (2.0 / fan) ** 0.5 if len(shape) > 1 else 0.01, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def conv(self, x: str, inputs: int, outputs: int, kernel: int, stride: int = 1) -> str:
        pad = kernel // 2
        return self.node(
            "Conv", [x, self.weight(outputs, inputs, kernel, kernel), self.weight(outputs)],
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4,
        )  # fmt: skip

    def block(self, x: str, inputs: int, width: int, stride: int) -> str:
        """A bottleneck: 1 x 1, 3 x 3 with the stride, 1 x 1, and the shortcut."""
        outputs = width * EXPANSION
        y = self.node("Relu", [self.conv(x, inputs, width, 1)])
        y = self.node("Relu", [self.conv(y, width, width, 3, stride)])
        y = self.conv(y, width, outputs, 1)
        side = x if inputs == outputs and stride == 1 else self.conv(x, inputs, outputs, 1, stride)
        return self.node("Relu", [self.node("Add", [y, side])])


def write(path: Path) -> Path:
    """Write the model, and say where."""
    if path.is_file():
        return path
    w = _Writer()
    x = w.node("Relu", [w.conv("image", 3, 64, 7, 2)])
    x = w.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for number, (blocks, width) in enumerate(STAGES):
        for k in range(blocks):
            x = w.block(x, channels, width, 2 if k == 0 and number else 1)
            channels = width * EXPANSION
    x = w.node("Flatten", [w.node("GlobalAveragePool", [x])])
    x = w.node("Gemm", [x, w.weight(1000, channels), w.weight(1000)], transB=1)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", [1, 3, SIDE, SIDE]), (x, [1, 1000]))
    ]
    graph = helper.make_graph(w.nodes, "resnet50", ends[:1], ends[1:], w.weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path
