"""Operations of a program as nodes of the graph of the fast simulator, on carriers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto

from hwq.golden.nodes import element
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.window import Window
from hwq.ops import Add, ArgMax, AvgPool, Conv, Convolution, Dense, GroupConv, MaxPool, Pad
from hwq.ops.requantised import Requantised
from hwq.sim.carrier import Carrier, exponents, filled, offsets
from hwq.sim.exactness import Exactness, Kernel, Sums, sums
from hwq.sim.graph import Graph
from hwq.sim.round import Rounder, Target

Weights = NDArray[np.int64]


class Lowering:
    """Operations of `program` as one graph; operations come in order, after the tensors that they read.

    Parameters
    ----------
    program
        The program.
    ops
        Those of its operations that the graph will hold.
    proofs
        Of each operation the kernel that is exact, none of these `Kernel.NUMPY`.
    """

    def __init__(self, program: Program, ops: Sequence[Op], proofs: dict[str, Exactness]) -> None:
        self.program, self.proofs = program, proofs
        self._read = {name for op in ops for name in op.inputs}
        self.graph = Graph()
        self._rounder = Rounder(self.graph)
        self._offsets = offsets(program)
        self._exponents = exponents(program.ops, proofs)
        self._carriers: dict[str, Carrier] = {}
        # Kernels of onnxruntime go along rows: long ones are faster.
        self._exchange = any(t.shape[0] > t.shape[1] for t in program.input_types.values())

    def enter(self, tensor: str) -> None:
        """Take integers (batch, height, width, channels), an input of the graph, as a carrier."""
        height, width, channels = self.program.types[tensor].shape
        value = self.graph.node("Cast", [tensor], to=TensorProto.FLOAT)
        offset = self._offsets[tensor]
        if offset:
            value = self.graph.node("Sub", [value, self.graph.scalar(offset, flat=False)])
        flat = height == width == 1
        if flat:
            value = self._reshape(value, [0, channels])
        elif channels == 1 and (not self._exchange or 1 in (height, width)):
            value = self._reshape(value, [0, 1, *self._pair(height, width)])
        else:
            value = self.graph.node("Transpose", [value], perm=[0, 3, *self._pair(1, 2)])
        self._carriers[tensor] = Carrier(value, offset, 0, channels, flat)

    def leave(self, tensor: str) -> None:
        """Give the integers of `tensor` (batch, height, width, channels) as an output of the graph."""
        held, type_ = self._carriers[tensor], self.program.types[tensor]
        if held.integers:
            self._reshape(held.integers, [0, *type_.shape], tensor)
            return
        value = held.value
        if held.exponent:
            value = self.graph.node("Mul", [value, self.graph.scalar(2.0**-held.exponent, held.flat)])
        if held.offset:
            value = self.graph.node("Add", [value, self.graph.scalar(held.offset, held.flat)])
        value = self._narrow(self.graph.node("Cast", [value], to=element(type_.dtype)), held, type_.channels)
        if held.flat or type_.pixels == 1:
            self._reshape(value, [0, *type_.shape], tensor)
        else:
            back = (0, 3, 2, 1) if self._exchange else (0, 2, 3, 1)
            self.graph.node("Transpose", [value], tensor, perm=back)

    def session(self, inputs: Sequence[str], outputs: Sequence[str]) -> ort.InferenceSession:
        """The graph, ready to run."""
        types = self.program.types
        return self.graph.session({name: types[name] for name in inputs}, {name: types[name] for name in outputs})

    def add(self, op: Op) -> None:
        """Append one operation."""
        match op:
            case Add():
                carrier = self._sum(op)
            case Dense():
                carrier = self._dense(op)
            case Requantised():
                carrier = self._convolution(op)
            case MaxPool() | Pad():
                carrier = self._kept(op)
            case ArgMax():
                carrier = self._argmax(op)
            case _:
                raise TypeError(f"{op.name}: no kernel for {op.kind}")
        self._carriers[op.name] = carrier

    def _convolution(self, op: Requantised) -> Carrier:
        """Every linear operation over windows: dense, grouped or, with one group for each channel, depthwise."""
        x = self._image(op.inputs[0])
        if isinstance(op, GroupConv):  # channels that fill blocks would be of no group
            x = self._without_filling(x, self.program.types[op.inputs[0]].channels)
        weight, window = _kernel(op, x.channels)
        match op:
            case Conv():
                groups, channels = 1, filled(op.channels)
            case GroupConv():
                groups, channels = op.groups, op.channels
            case _:
                groups, channels = x.channels, x.channels
        target = self._target(op, channels, flat=False)
        value = x.value
        border = getattr(op, "pad_value", x.offset)
        if any(window.pads) and border != x.offset:
            value, window = self._pad(x, window, border), replace(window, pads=(0, 0, 0, 0))
        scale, bias = self._rounder.folded(target, self._sums(op).bias, x.exponent)
        scaled = _fill(self._exchanged(weight), 0, channels) * scale.reshape(-1, 1, 1, 1)
        inputs = [value, self.graph.constant(scaled), self.graph.constant(bias)]
        acc = self.graph.node("Conv", inputs, group=groups, **self._slides(window))
        return self._rounder.finish(target, acc)

    def _dense(self, op: Dense) -> Carrier:
        x = self._carriers[op.inputs[0]]
        weight = _fill(self._exchanged(np.moveaxis(op.weight, 3, 1)), 1, x.channels)
        target = self._target(op, op.channels, flat=True)
        scale, bias = self._rounder.folded(target, self._sums(op).bias, x.exponent)
        matrix = weight.reshape(op.channels, -1) * scale.reshape(-1, 1)
        value = x.value if x.flat else self._reshape(x.value, [0, matrix.shape[1]])
        acc = self.graph.node("Gemm", [value, self.graph.constant(matrix), self.graph.constant(bias)], transB=1)
        return self._rounder.finish(target, acc)

    def _sum(self, op: Add) -> Carrier:
        """Both inputs times their factors; the constant part goes into the rounding."""
        a, b = (self._carriers[name] for name in op.inputs)
        if a.flat != b.flat:
            a, b = (self._image(name) for name in op.inputs)
        if a.channels != b.channels:  # only one of them comes from a layer that fills blocks
            channels = self.program.types[op.name].channels
            a, b = (self._without_filling(x, channels) for x in (a, b))
        target = self._target(op, a.channels, a.flat)
        return self._rounder.finish_sum(target, (a, b), op.factors, int(self._sums(op).bias[0]))

    def _kept(self, op: MaxPool | Pad) -> Carrier:
        x, window = self._image(op.inputs[0]), op.window
        value = x.value
        if isinstance(op, Pad) or window.wide_border:
            value, window = self._pad(x, window, op.pad_value), replace(window, pads=(0, 0, 0, 0))
        if isinstance(op, MaxPool):
            value = self.graph.node("MaxPool", [value], **self._slides(window))
        return Carrier(value, x.offset, x.exponent, x.channels, False)

    def _argmax(self, op: ArgMax) -> Carrier:
        x = self._carriers[op.inputs[0]]
        index = self.graph.node("ArgMax", [self._narrow(x.value, x, op.channels)], axis=1, keepdims=1)
        return Carrier(self.graph.node("Cast", [index], to=TensorProto.FLOAT), 0, 0, 1, x.flat)

    def _target(self, op: Requantised, channels: int, flat: bool) -> Target:
        exponent = 0 if flat else self._exponents.get(op.name, 0)
        return Target(
            op.requant, op.bits, op.signed, self._offsets[op.name], exponent, channels, flat,
            wide=self.proofs[op.name].kernel is Kernel.FLOAT64, read=op.name in self._read,
        )  # fmt: skip

    def _sums(self, op: Requantised) -> Sums:
        moved = tuple(self._offsets[name] for name in op.inputs)
        return sums(op, moved, self.program.input_intervals(op))

    def _slides(self, window: Window) -> dict[str, Any]:
        """Attributes of an operator that slides a window over an image."""
        top, left, bottom, right = window.pads
        return {
            "kernel_shape": self._pair(*window.kernel), "strides": self._pair(*window.stride),
            "dilations": self._pair(*window.dilation), "pads": [*self._pair(top, left), *self._pair(bottom, right)],
        }  # fmt: skip

    def _pad(self, x: Carrier, window: Window, border: int) -> str:
        top, left, bottom, right = window.pads
        pads = [0, 0, *self._pair(top, left), 0, 0, *self._pair(bottom, right)]
        value = (border - x.offset) * 2.0**x.exponent
        return self.graph.node("Pad", [x.value, self.graph.constant(pads, np.int64), self.graph.constant(value)])

    def _image(self, tensor: str) -> Carrier:
        held = self._carriers[tensor]
        if not held.flat:
            return held
        value = self._reshape(held.value, [0, held.channels, 1, 1])
        return Carrier(value, held.offset, held.exponent, held.channels, False)

    def _without_filling(self, held: Carrier, channels: int) -> Carrier:
        return replace(held, value=self._narrow(held.value, held, channels), channels=channels)

    def _narrow(self, value: str, held: Carrier, channels: int) -> str:
        """`value` without the channels that fill the last block."""
        if held.channels == channels:
            return value
        bounds = [self.graph.constant([n], np.int64) for n in (0, channels, 1)]
        return self.graph.node("Slice", [value, *bounds])

    def _reshape(self, value: str, shape: list[int], output: str = "") -> str:
        return self.graph.node("Reshape", [value, self.graph.constant(shape, np.int64)], output)

    def _pair(self, rows: int, columns: int) -> tuple[int, int]:
        return (columns, rows) if self._exchange else (rows, columns)

    def _exchanged(self, weight: Weights) -> Weights:
        return np.swapaxes(weight, -1, -2) if self._exchange else weight


def _kernel(op: Requantised, channels: int) -> tuple[Weights, Window]:
    """Weights (M, C, rows, columns) over an image of `channels`, C of them in each group, and the window."""
    match op:
        case Convolution():
            weight = np.moveaxis(op.kernels.reshape(op.channels, *op.kernels.shape[2:]), 3, 1)
            return _fill(weight, 1, channels) if isinstance(op, Conv) else weight, op.window
        case AvgPool():
            return np.ones((channels, 1, *op.window.kernel), np.int64), op.window
    return np.ones((channels, 1, 1, 1), np.int64), Window((1, 1))


def _fill(weight: Weights, axis: int, size: int) -> Weights:
    """`weight` with zeros at the end of an axis, up to `size`."""
    missing = [(0, size - count if number == axis else 0) for number, count in enumerate(weight.shape)]
    return np.pad(weight, missing)
