"""Layers of a quantised model as operations of a program: products of integers, and who reads their sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwq.arith import IntArray, Interval, Requant, Rounding, int_range, signed_bits
from hwq.frontend.node import Node, Refusal
from hwq.frontend.quantised.quantiser import Float32
from hwq.frontend.quantised.values import MAX_VALUES, Data, Weights
from hwq.ir.names import sanitize
from hwq.ir.op import Op
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import Format, TensorType
from hwq.ops import Codebook, Dense

EXACT = 1 << 24
"""float32 holds every integer up to this magnitude, so sums of integers are exact in any order."""
BIPOLAR = Codebook(np.array([-1, 1]))


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """A product whose operation waits for its reader: real value (factor * acc + offset) * unit, by channel.

    `weight` is (N, K); `ends` are those of the data.
    """

    node: Node
    source: str
    ends: Interval
    weight: IntArray
    bipolar: bool
    factor: int
    offset: IntArray
    unit: Float32
    interval: Interval


class Layers:
    """Operations in order, their formats and the nodes that they come from."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.inputs: dict[str, TensorType] = {}
        self.formats: dict[str, Format] = {}
        self.sources: dict[str, str] = {}
        self._sums: dict[str, _Sums] = {}
        self._made: set[str] = set()

    def enter(self, name: str, type_: TensorType, form: Format) -> str:
        """An input of the program; its tensor."""
        tensor = sanitize(name, self.formats)
        self.inputs[tensor], self.formats[tensor] = type_, form
        return tensor

    def add(self, node: Node, build: Callable[[str], Op], form: Format) -> str:
        """An operation that computes the result of `node`; its tensor."""
        tensor = sanitize(node.outputs[0], (*self.formats, *self._sums))
        self.ops.append(build(tensor))
        self.formats[tensor], self.sources[tensor] = form, node.label
        return tensor

    def product(self, node: Node, data: Data, weights: Weights) -> Data:
        """The sums of a MatMul of quantised data (1, K) with weights (K, N), each an exact integer times a unit.

        Raises
        ------
        Refusal
            When the data are not quantised, the shapes are others, or float32 would round the sums.
        """
        form = data.form
        if form is None:
            raise Refusal("reads what no quantiser made, expected quantised data. Quantise it first")
        if weights.integers.ndim != 2 or data.shape[1:] != weights.integers.shape[:1]:
            raise Refusal(f"multiplies {data.shape} by {weights.integers.shape}, expected a vector and a matrix")
        weight, scale = weights.integers.T, weights.scale.T
        if (scale != scale[:, :1]).any():
            raise Refusal("the scale of its weights differs within an output, expected one for each output")
        unit = scale[:, 0] * np.float32(form.unit)
        if (np.frexp(unit)[0] != 0.5).any() or np.frexp(form.unit)[0] != 0.5:
            raise Refusal(
                f"its products have the unit {float(unit.min())}, expected powers of two: float32 rounds sums of "
                "others, and the order in which it adds decides. Train with scales that are powers of two"
            )
        ends = (data.low, data.low + len(data.real) - 1)
        low, high = _interval(weight, 0, ends)
        offset = form.offset * weight.sum(1)
        reach = form.factor * max(-low, high) + int(np.abs(offset).max())
        if reach > EXACT or (high - low + 1) * len(weight) > MAX_VALUES:
            raise Refusal(f"its sums reach from {low} to {high}, too far. Use fewer bits, or a smaller layer")
        tensor = sanitize(node.outputs[0], (*self.formats, *self._sums))
        self._sums[tensor] = _Sums(
            node, data.source, ends, weight, weights.bipolar, form.factor, offset, unit, (low, high)
        )  # fmt: skip
        sums = form.factor * np.arange(low, high + 1)[:, None] + offset
        return Data(tensor, low, sums.astype(np.float32) * unit)

    def read(self, node: Node, data: Data, down: np.ndarray) -> str:
        """The tensor whose thresholds are those of `node`; channels of a product that are `down` are negated.

        Raises
        ------
        Refusal
            When what would have to be negated is no product, or has another reader.
        """
        sums = self._sums.get(data.source)
        if sums is None:
            if down.any():
                raise Refusal("falls where the integers before it grow, expected that of layers alone. Negate it there")
            return data.source
        sign = np.where(down, -1, 1)
        return self._dense(data.source, sums, sums.weight * sign[:, None], np.zeros(len(sign), np.int64))

    def leave(self, data: Data) -> tuple[str, tuple[str, ...]]:
        """The tensor of an output, and the operators that are left to the host.

        Raises
        ------
        Refusal
            When no integer stands for its values.
        """
        sums = self._sums.get(data.source)
        if sums is None:
            if data.form is None or data.form.factor != 1:
                raise Refusal("no layer and no quantiser of integers made it, expected sums or quantised values")
            return data.source, ()
        if (sums.unit != sums.unit[0]).any():
            raise Refusal("its channels have different scales, expected one for the tensor")
        factor, weight, offset = sums.factor, sums.weight, sums.offset
        if (offset % factor).any():
            factor, weight = 1, weight * factor
        bias = offset // factor
        self._dense(data.source, sums, weight, bias)
        integers = (sums.factor // factor) * np.arange(sums.interval[0], sums.interval[1] + 1)[:, None] + bias
        exact = _format(integers, data.flat) if data.steps else Format(factor * float(sums.unit[0]))
        self.formats[data.source] = exact or Format(factor * float(sums.unit[0]))
        return data.source, () if exact else data.steps

    def _dense(self, tensor: str, sums: _Sums, weight: IntArray, bias: IntArray) -> str:
        """The operation of a product, whose result are its accumulators as they stand."""
        if tensor in self._made:
            raise Refusal(f"reads the sums of {sums.node.label} beside another reader, expected one")
        self._made.add(tensor)
        interval = _interval(weight, bias, sums.ends)
        bits = max(2, signed_bits(interval), signed_bits((int(bias.min()), int(bias.max()))))
        if bits > MAX_TENSOR_BITS:
            raise Refusal(f"sums of {sums.node.label} have {bits} bits, expected at most {MAX_TENSOR_BITS}")
        bipolar = sums.bipolar and bool((np.abs(weight) == 1).all())
        self.ops.append(
            Dense(
                name=tensor,
                inputs=(sums.source,),
                weight=weight[:, None, None, :],
                bias=bias,
                weight_bits=max(2, signed_bits((int(weight.min()), int(weight.max())))),
                coding=BIPOLAR if bipolar else None,
                acc_bits=bits,
                bits=bits,
                signed=True,
                requant=Requant((1,), 0, Rounding.HALF_UP, 0, *int_range(bits, True)),
            )
        )  # fmt: skip
        self.sources[tensor] = sums.node.label
        scale = float(sums.unit[0]) if (sums.unit == sums.unit[0]).all() else 1.0
        self.formats[tensor] = Format(sums.factor * scale)
        return tensor


def _interval(weight: IntArray, bias: IntArray | int, ends: Interval) -> Interval:
    """The lowest and the highest sum of any output, for data between `ends`."""
    above, below = np.maximum(weight, 0).sum(1), np.minimum(weight, 0).sum(1)
    low, high = above * ends[0] + below * ends[1] + bias, above * ends[1] + below * ends[0] + bias
    return int(low.min()), int(high.max())


def _format(integers: IntArray, real: Float32) -> Format | None:
    """The format in which `integers` (V, C) are exactly `real`, as float32, if there is one."""
    span, rise = int(integers[-1, 0] - integers[0, 0]), float(real[-1, 0]) - float(real[0, 0])
    if span == 0 or rise <= 0:
        return None
    scale = rise / span
    zero = round(float(integers[0, 0]) - float(real[0, 0]) / scale)
    fits = np.array_equal(((integers - zero) * scale).astype(np.float32), real)
    return Format(scale, zero) if fits else None
