"""Random ONNX networks: every step draws an operator, in one of its forms, that fits the tensor it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from hypothesis import strategies as st
from onnx.helper import make_node
from onnx_models import model, weights
from random_more import More
from random_moves import Moves
from random_values import Values

Shape = tuple[int, ...]
OPSETS = (11, 13, 17, 20)
MOVING = ("DepthToSpace", "Gather", "Identity", "Pad", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split", "Tile",
          "Transpose")  # fmt: skip
"""Operators that compute nothing: an output that they alone make of an input is refused."""
PASSING = ("Cast", "Dropout", "Expand", "Squeeze", "Unsqueeze")
MOST = 240
"""Elements of a tensor that may grow."""


class Net(Values, Moves, More):
    """A network in the making."""

    def __init__(self, draw: st.DrawFn, shape: Shape, opset: int) -> None:
        self.draw, self.opset = draw, opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.tensors: list[tuple[str, Shape]] = [("x", shape)]
        self.numbers = 0

    def constant(self, array: np.ndarray) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = array
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def random(self, *shape: int) -> str:
        return self.constant(weights(*shape, seed=len(self.constants)) / max(1, shape[-1]))

    def add(self, op: str, inputs: list[str], shape: Shape, **attributes: object) -> str:
        return self.add_all(op, inputs, [shape], **attributes)[0]

    def add_all(self, op: str, inputs: list[str], shapes: Sequence[Shape], **attributes: object) -> list[str]:
        """A node with an output of each shape."""
        names = [f"t{self.numbers + 1 + number}" for number in range(len(shapes))]
        self.numbers += len(names)
        self.nodes.append(make_node(op, inputs, names, **attributes))
        self.tensors += zip(names, shapes, strict=True)
        return names

    def setting(self, op: str, source: str, shape: Shape, name: str, values: Sequence[int], since: int, **more: object):
        """A node whose integers are an attribute in old operator sets and an input since one."""
        if self.opset >= since:
            return self.add(op, [source, self.ints(*values)], shape, **more)
        return self.add(op, [source], shape, **{name: list(values)}, **more)

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def flag(self) -> bool:
        return self.draw(st.booleans())

    def one_of(self, *items):
        return self.draw(st.sampled_from(items))

    def sizes(self, shape: Shape, most: int = 3) -> list[int]:
        """A kernel that fits an image or a signal."""
        return [self.integer(1, min(most, size)) for size in shape[1:]]

    def wide_step(self) -> None:
        """A step of `step`, or one of a kind that is not among them."""
        source, shape = self.tensors[-1] if self.integer(0, 3) else self.draw(st.sampled_from(self.tensors))
        steps = [self.positive, self.passed, self.expand, self.scaled, self.recurrent, self.recurrent, self.sign]
        steps += [self.function, self.function]
        steps += [self.windowed, self.windowed, self.move, self.move] if len(shape) > 1 else []
        self.one_of(self.step, lambda: self.one_of(*steps)(source, shape))()

    def step(self) -> None:
        source, shape = self.tensors[-1] if self.integer(0, 3) else self.draw(st.sampled_from(self.tensors))
        steps: list[Callable[[str, Shape], None]] = [
            self.elementwise, self.function, self.two, self.two, self.join, self.select, self.reduce, self.project,
        ]  # fmt: skip
        if len(shape) > 1:
            steps += [self.conv, self.pool, self.pad, self.move, self.normalise, self.resize, self.transposed]
            steps += [self.attend]
        self.draw(st.sampled_from(steps))(source, shape)

    def conv(self, source: str, shape: Shape) -> None:
        kernel = self.sizes(shape)
        stride = [self.integer(1, 2) for _ in kernel]
        pads = [self.integer(0, 2) for _ in kernel * 2]
        groups = self.one_of(*(n for n in range(1, shape[0] + 1) if shape[0] % n == 0))
        filters = groups * self.integer(1, max(1, 5 // groups))
        inputs = [source, self.random(filters, shape[0] // groups, *kernel)]
        inputs += [self.random(filters)] if self.flag() else []
        out = _windows(shape, kernel, stride, pads)
        self.add("Conv", inputs, (filters, *out), strides=stride, pads=pads, group=groups)

    def transposed(self, source: str, shape: Shape) -> None:
        kernel, stride = self.sizes(shape), [self.integer(1, 2) for _ in shape[1:]]
        groups = self.one_of(*(n for n in range(1, shape[0] + 1) if shape[0] % n == 0))
        each = self.integer(1, max(1, 3 // groups))
        pads = [self.integer(0, max(0, (size - 1) // 2)) for size in kernel * 2]
        dims = len(kernel)
        out = [(n - 1) * s + k for n, s, k in zip(shape[1:], stride, kernel, strict=True)]
        out = [size - pads[axis] - pads[axis + dims] for axis, size in enumerate(out)]
        if min(out) < 1 or np.prod(out) * groups * each > MOST:
            return
        weight = self.random(shape[0], each, *kernel)
        self.add("ConvTranspose", [source, weight], (groups * each, *out), strides=stride, pads=pads, group=groups)

    def pool(self, source: str, shape: Shape) -> None:
        kernel = self.sizes(shape)
        stride = [self.integer(1, 2) for _ in kernel]
        op = self.one_of("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
        if op.startswith("Global"):
            self.add(op, [source], (shape[0], *(1,) * len(kernel)))
            return
        pads = [self.integer(0, size - 1) for size in kernel * 2]
        extra = {"count_include_pad": self.integer(0, 1)} if op == "AveragePool" else {}
        out = _windows(shape, kernel, stride, pads)
        self.add(op, [source], (shape[0], *out), kernel_shape=kernel, strides=stride, pads=pads, **extra)

    def head(self) -> None:
        source, shape = self.tensors[-1]
        if len(shape) == 3 and self.flag():
            self.add("Transpose", [source], (shape[1], shape[2], shape[0]), perm=[0, 2, 3, 1])
        source, shape = self.tensors[-1]
        if self.flag():
            size = int(np.prod(shape))
            flat = self.add("Flatten", [source], (size,))
            self.add("Gemm", [flat, self.random(4, size)], (4,), transB=1)
            self.elementwise(*self.tensors[-1])


def _windows(shape: Shape, kernel: list[int], stride: list[int], pads: list[int]) -> list[int]:
    dims = len(kernel)
    return [(shape[1 + a] + pads[a] + pads[dims + a] - kernel[a]) // stride[a] + 1 for a in range(dims)]


SHAPES = ((6,), (3, 5, 6), (1, 4, 4), (2, 1, 9), (4, 7), (4, 2, 2))
ODD_SHAPES = ((1,), (13,), (1, 1, 1), (1, 11), (11, 1), (7, 1, 1), (2, 13, 1), (5, 3, 3), (3, 3))


@st.composite
def networks(draw: st.DrawFn) -> onnx.ModelProto:
    """A model of a few operators, with every tensor that nothing reads as an output."""
    shape = draw(st.sampled_from(SHAPES))
    net = Net(draw, shape, draw(st.sampled_from(OPSETS)))
    net.add(net.one_of("Relu", "Identity", "Tanh"), ["x"], shape)
    for _ in range(net.integer(1, 7)):
        net.step()
    net.head()
    net.add("Relu", [net.tensors[-1][0]], net.tensors[-1][1])
    return model(net.nodes, {"x": shape}, _leaving(net), net.constants, opset=net.opset)


@st.composite
def wide_networks(draw: st.DrawFn) -> onnx.ModelProto:
    """The same with all other operators, odd shapes, several inputs, and ends that only the last node may be."""
    if draw(st.integers(0, 11)) == 0:
        return draw(old_networks())
    shape = draw(st.sampled_from(SHAPES + ODD_SHAPES))
    net = Net(draw, shape, draw(st.sampled_from(OPSETS)))
    inputs = {"x": shape}
    net.add(net.one_of("Relu", "Softplus", "Tanh"), ["x"], shape)
    if net.integer(0, 2) == 0:
        inputs["z"] = net.one_of(shape, shape, *ODD_SHAPES)
        net.tensors.append(("z", inputs["z"]))
        net.add(net.one_of("Relu", "Sigmoid"), ["z"], inputs["z"])
    for _ in range(net.integer(1, 6)):
        net.wide_step()
    net.head()
    net.add("Tanh", [net.tensors[-1][0]], net.tensors[-1][1])
    read = {name for item in net.nodes for name in item.input}
    for name, size in [item for item in net.tensors[:-1] if item[0] not in read]:
        if any(name in item.output and item.op_type in (*MOVING, *PASSING) for item in net.nodes):
            net.add("Relu", [name], size)
    if net.integer(0, 2) == 0:
        net.end(*net.tensors[-1])
    return model(net.nodes, inputs, _leaving(net), net.constants, opset=net.opset)


def _leaving(net: Net) -> list[str]:
    last = net.tensors[-1][0]
    read = {name for item in net.nodes for name in item.input}
    return [last] + [
        name
        for item in net.nodes
        for name in item.output
        if name not in (last, "", "unused") and name not in read and item.op_type not in MOVING
    ]


@st.composite
def old_networks(draw: st.DrawFn) -> onnx.ModelProto:
    """Operator set 9: clamps with attributes, and Upsample."""
    net = Net(draw, (2, 3, 4), 9)
    net.add("Relu", ["x"], (2, 3, 4))
    for _ in range(net.integer(1, 3)):
        source, shape = net.tensors[-1]
        way = net.one_of("Upsample", "Clip", "Conv", "Pool")
        if way == "Upsample" and np.prod(shape) < 60:
            mode, factors = net.one_of("nearest", "linear"), [net.one_of(1.0, 2.0), net.one_of(2.0, 3.0)]
            out = (shape[0], int(shape[1] * factors[0]), int(shape[2] * factors[1]))
            net.add("Upsample", [source, net.constant(np.array([1, 1, *factors], np.float32))], out, mode=mode)
        elif way == "Clip":
            net.add("Clip", [source], shape, min=-0.5, max=net.one_of(0.75, 6.0))
        elif way == "Conv":
            net.conv(source, shape)
        else:
            net.pool(source, shape)
    return model(net.nodes, {"x": (2, 3, 4)}, [net.add("Relu", [net.tensors[-1][0]], ())], net.constants, opset=9)
