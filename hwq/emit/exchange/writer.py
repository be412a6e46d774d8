"""One program in one style: where its tensors are in the file, and how a result is clamped and quantised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.arith import Interval
from hwq.emit.exchange.affine import Affine, Constant, Rounded, rounded
from hwq.emit.exchange.graph import Graph
from hwq.emit.exchange.scales import is_power_of_two
from hwq.emit.exchange.styles import Style
from hwq.ir.op import Op
from hwq.ir.program import Program
from hwq.ir.types import Format, TensorType
from hwq.ir.window import Window
from hwq.ops.requantised import Requantised


@dataclass(frozen=True, slots=True)
class Value:
    """Real values of a tensor: a name in the file, (batch, channels, height, width), or (batch, channels) if `flat`."""

    name: str
    flat: bool


class Writer:
    """What the operations of a program share while they are written."""

    def __init__(self, program: Program, formats: dict[str, Format], style: Style, graph: Graph) -> None:
        self.program, self.formats, self.style, self.graph = program, formats, style, graph
        self.values: dict[str, Value] = {}
        self.doubts: dict[str, str] = {}
        self._shaped: dict[tuple[str, bool], str] = {}

    def scale(self, tensor: str) -> float:
        """Scale in the file."""
        return self.formats[tensor].scale

    def zero(self, tensor: str) -> int:
        """Zero point in the file."""
        return self.formats[tensor].zero_point

    def type(self, tensor: str) -> TensorType:
        """Integer type."""
        return self.program.types[tensor]

    def powers_of_two(self, *tensors: str) -> bool:
        """Whether all of these scales are."""
        return all(is_power_of_two(self.scale(name)) for name in tensors)

    def image(self, tensor: str) -> str:
        """The tensor as (batch, channels, height, width)."""
        height, width, channels = self.type(tensor).shape
        return self._shape(tensor, False, (0, channels, height, width))

    def vector(self, tensor: str) -> str:
        """The tensor as (batch, elements), in the order (channels, height, width)."""
        return self._shape(tensor, True, (0, -1))

    def _shape(self, tensor: str, flat: bool, sizes: tuple[int, ...]) -> str:
        value = self.values[tensor]
        if value.flat == flat:
            return value.name
        if (tensor, flat) not in self._shaped:
            if flat:
                made = self.graph.add("Flatten", tensor, "vector", (value.name,), axis=1)
            else:
                shape = self.graph.constant(tensor, "image_shape", np.array(sizes, np.int64))
                made = self.graph.add("Reshape", tensor, "image", (value.name, shape))
            self._shaped[tensor, flat] = made
        return self._shaped[tensor, flat]

    def rename(self, old: str, new: str) -> None:
        """Call a tensor of the file otherwise."""
        self.graph.rename(old, new)
        self.values = {key: Value(new, v.flat) if v.name == old else v for key, v in self.values.items()}
        self._shaped = {key: new if name == old else name for key, name in self._shaped.items()}

    def padded(self, op: Op, x: str, window: Window, value: int, own: bool) -> tuple[str, Window]:
        """`x` with its border written by a Pad node, unless the operation `own`s a way to write it."""
        if own or not any(window.pads):
            return x, window
        top, left, bottom, right = window.pads
        pads = self.graph.constant(op.name, "pads", np.array((0, 0, top, left, 0, 0, bottom, right), np.int64))
        real = (value - self.zero(op.inputs[0])) * self.scale(op.inputs[0])
        border = self.graph.number(op.name, "border", real)
        wide = self.graph.add("Pad", op.name, "padded", (x, pads, border))
        return wide, Window(window.kernel, window.stride, window.dilation)

    def around_zero(self, tensor: str, interval: Interval) -> Interval:
        """An interval of integers, less the zero point."""
        return interval[0] - self.zero(tensor), interval[1] - self.zero(tensor)

    def rounded(self, op: Requantised, affine: Affine, exact: bool) -> Rounded:
        """How to round `op`; doubts are kept for the report."""
        found = rounded(op, affine, self.zero(op.name), exact and self.powers_of_two(op.name), self.style.manner)
        if found.doubt:
            self.doubts[op.name] = found.doubt
        return found

    def added(self, op: Op, x: str, constant: Constant) -> str:
        """`x` plus one number, where it is not zero."""
        if not constant:
            return x
        number = self.graph.number(op.name, "constant", constant.values[0] * self.scale(op.name))
        return self.graph.add("Add", op.name, "moved", (x, number))

    def scaled(self, op: Op, x: str, factor: float, which: str = "") -> str:
        """`x` times one number, where it is not one."""
        if factor == 1.0:
            return x
        return self.graph.add(
            "Mul", op.name, f"scaled{which}", (x, self.graph.number(op.name, f"factor{which}", factor))
        )

    def result(self, op: Requantised, x: str, flat: bool, way: Rounded) -> None:
        """Clamp and quantise what `op` has computed."""
        low, high = op.requant.qmin, op.requant.qmax
        name, type_, zero = op.name, self.type(op.name), self.zero(op.name)
        accumulator = op.accumulator(*self.program.input_intervals(op))
        if high < type_.range[1] or (low > type_.range[0] and low != zero) or not self.style.clamps_type(type_):
            bounds = [
                self.graph.number(name, what, (bound - zero) * self.scale(name))
                for what, bound in (("low", low), ("high", high))
            ]
            x = self.graph.add("Clip", name, "clip", (x, *bounds))
        elif low == zero and accumulator[0] < 0:
            x = self.graph.add("Relu", name, "relu", (x,))
        real = self.style.quantise(self.graph, name, x, self.formats[name], type_, way.mode)
        self.values[name] = Value(real, flat)
