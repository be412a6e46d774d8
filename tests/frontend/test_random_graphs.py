"""Random small networks: import, simplify and compare with onnxruntime."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx.helper import make_node
from onnx_models import check_equal, model, save, weights

Shape = tuple[int, ...]


class Net:
    """A network in the making; every step draws an operator that fits the tensor it reads."""

    def __init__(self, draw: st.DrawFn, shape: Shape) -> None:
        self.draw = draw
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.tensors: list[tuple[str, Shape]] = [("x", shape)]
        self.numbers = 0

    def constant(self, array: np.ndarray) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = array
        return name

    def random(self, *shape: int) -> str:
        return self.constant(weights(*shape, seed=len(self.constants)) / max(1, shape[-1]))

    def add(self, op: str, inputs: list[str], shape: Shape, **attributes: object) -> None:
        self.numbers += 1
        self.nodes.append(make_node(op, inputs, [f"t{self.numbers}"], **attributes))
        self.tensors.append((f"t{self.numbers}", shape))

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def step(self) -> None:
        source, shape = self.tensors[-1] if self.integer(0, 3) else self.draw(st.sampled_from(self.tensors))
        steps = [self.elementwise] + ([self.conv, self.pool, self.pad, self.residual] if len(shape) == 3 else [])
        self.draw(st.sampled_from(steps))(source, shape)

    def elementwise(self, source: str, shape: Shape) -> None:
        op = self.draw(st.sampled_from(["Relu", "Clip", "Add", "Mul", "Sub", "BatchNormalization", "Identity"]))
        column = (shape[0], *(1,) * (len(shape) - 1))
        extra: list[str] = []
        if op == "Clip":
            extra = [self.constant(np.float32(-0.5)), self.constant(np.float32(0.75))]
        elif op == "BatchNormalization":
            extra = [self.random(shape[0]) for _ in range(3)]
            extra.append(self.constant(weights(shape[0]) ** 2 + np.float32(0.25)))
        elif op in ("Add", "Mul", "Sub"):
            extra = [self.random(*column)]
        self.add(op, [source, *extra], shape)

    def conv(self, source: str, shape: Shape) -> None:
        kernel = [self.integer(1, min(3, size)) for size in shape[1:]]
        stride = [self.integer(1, 2) for _ in kernel]
        pads = [self.integer(0, 2) for _ in range(4)]
        groups = self.draw(st.sampled_from([n for n in range(1, shape[0] + 1) if shape[0] % n == 0]))
        filters = groups * self.integer(1, max(1, 5 // groups))
        weight = self.random(filters, shape[0] // groups, *kernel)
        inputs = [source, weight] + ([self.random(filters)] if self.draw(st.booleans()) else [])
        out = [(shape[1 + a] + pads[a] + pads[2 + a] - kernel[a]) // stride[a] + 1 for a in range(2)]
        self.add("Conv", inputs, (filters, *out), strides=stride, pads=pads, group=groups)

    def pool(self, source: str, shape: Shape) -> None:
        kernel = [self.integer(1, min(3, size)) for size in shape[1:]]
        stride = [self.integer(1, 2) for _ in kernel]
        op = self.draw(st.sampled_from(["MaxPool", "AveragePool"]))
        pads = [self.integer(0, size - 1) for size in kernel * 2]
        extra = {"count_include_pad": 1} if op == "AveragePool" else {}
        out = [(shape[1 + a] + pads[a] + pads[2 + a] - kernel[a]) // stride[a] + 1 for a in range(2)]
        self.add(op, [source], (shape[0], *out), kernel_shape=kernel, strides=stride, pads=pads, **extra)

    def pad(self, source: str, shape: Shape) -> None:
        top, left, bottom, right = (self.integer(0, 2) for _ in range(4))
        amounts = self.constant(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
        value = [self.constant(np.float32(0.5))] if self.draw(st.booleans()) else []
        self.add("Pad", [source, amounts, *value], (shape[0], shape[1] + top + bottom, shape[2] + left + right))

    def residual(self, source: str, shape: Shape) -> None:
        others = [name for name, other in self.tensors if other == shape]
        self.add("Add", [source, self.draw(st.sampled_from(others))], shape)

    def head(self) -> None:
        source, shape = self.tensors[-1]
        if len(shape) == 3 and self.draw(st.booleans()):
            self.add("Transpose", [source], (shape[1], shape[2], shape[0]), perm=[0, 2, 3, 1])
        elif len(shape) == 3 and self.draw(st.booleans()):
            self.add("ReduceMean", [source], (shape[0], 1, 1), axes=[2, 3], keepdims=1)
        source, shape = self.tensors[-1]
        if self.draw(st.booleans()):
            size = int(np.prod(shape))
            self.add("Flatten", [source], (size,))
            self.add("Gemm", [self.tensors[-1][0], self.random(4, size)], (4,), transB=1)
            self.elementwise(*self.tensors[-1])


@st.composite
def networks(draw: st.DrawFn) -> onnx.ModelProto:
    shape = draw(st.sampled_from([(6,), (3, 5, 6), (1, 4, 4), (2, 1, 9)]))
    net = Net(draw, shape)
    net.add("Relu" if draw(st.booleans()) else "Identity", ["x"], shape)
    for _ in range(net.integer(1, 7)):
        net.step()
    net.head()
    net.add("Relu", [net.tensors[-1][0]], net.tensors[-1][1])
    outputs = [net.tensors[-1][0]]
    read = {name for item in net.nodes for name in item.input}
    outputs += [name for name, _ in net.tensors[2:-1] if name not in read]
    kept = [name for name in outputs if next(item.op_type for item in net.nodes if name in item.output) != "Identity"]
    return model(net.nodes, {"x": shape}, kept, net.constants)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_random_network(made: onnx.ModelProto) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_equal(save(made, Path(folder)))
