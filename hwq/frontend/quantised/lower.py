"""Lowering: a graph of float layers and quantisers becomes a program of the same integers, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hwq.arith import IntArray, signed_bits
from hwq.frontend import graph as fg
from hwq.frontend.node import Refusal
from hwq.frontend.quantised.layers import Dequantise, Pointwise, Quantise, step_of
from hwq.frontend.quantised.made import Made
from hwq.frontend.quantised.quantiser import Affine
from hwq.frontend.quantised.rounding import Rounds
from hwq.frontend.quantised.steps import Arithmetic, Bounds, Start
from hwq.frontend.quantised.sums import AddSums, LinearSums, PoolSums, ProductSums, Rounded, Sums
from hwq.frontend.quantised.units import common_unit
from hwq.frontend.quantised.values import Data, integer_of
from hwq.frontend.quantised.weights import Weights
from hwq.ir.op import Op
from hwq.ir.order import stream_order
from hwq.ir.program import MAX_TENSOR_BITS
from hwq.ir.types import Format, TensorType
from hwq.ir.window import Window
from hwq.ops import ArgMax, Concat, Gather, MaxPool, Pad, TopK


class Lowering:
    """Operations in order, and what each tensor of the model is."""

    def __init__(self, graph: fg.FloatGraph, weights: Weights) -> None:
        self.graph, self.weights = graph, weights
        self.made = Made(graph.shapes)
        self.rounds = Rounds(graph, self.made)
        self.data: dict[str, Data] = {}

    def enter(self, tensor: str, type_: TensorType, start: Start) -> None:
        """An input of the program."""
        self.made.enter(tensor, type_)
        self.data[tensor] = Data(tensor, start)
        self.describe(tensor, self.data[tensor])

    def lower(self, layer: fg.Layer) -> None:
        """One layer, whose inputs are there.

        Raises
        ------
        Refusal
            When hardware cannot give its integers.
        """
        method = _METHODS.get(type(layer))
        if method is None:
            raise Refusal(
                f"{type(layer).__name__} of quantised data, expected layers that sums, steps and moves make. "
                "Leave it to the host: cut the model before it"
            )
        data = self.data[layer.name] = method(self, layer)
        readers = len(self.graph.consumers(layer.name)) + self.graph.is_output(layer.name)
        if readers > 1 and isinstance(data.source, Sums) and sum_bits(data.source) <= MAX_TENSOR_BITS:
            self.settled(layer.name)

    def describe(self, tensor: str, data: Data) -> None:
        """Say what the integers of a tensor stand for, as far as one format can."""
        form = data.form(self.made.intervals[tensor])
        if form is not None and form.factor > 0:
            low, high = self.made.types[tensor].range
            zero = -form.offset if form.factor == 1 and low <= -form.offset <= high else 0
            self.made.formats[tensor] = Format(form.factor * form.unit, zero)

    def settled(self, tensor: str) -> Data:
        """What a tensor of the model is, its sums made as they stand if they are to be read as integers.

        Raises
        ------
        Refusal
            When they have too many bits.
        """
        data = self.data[tensor]
        if isinstance(data.source, str):
            return data
        sums = data.source
        bits = sum_bits(sums)
        if bits > MAX_TENSOR_BITS:
            raise Refusal(
                f"reads sums of {sums.label} of {bits} bits, expected at most {MAX_TENSOR_BITS}. Quantise them before"
            )
        self.made.claim(sums)
        down = np.zeros(self.graph.shapes[sums.name][0], bool)
        made = self.made.add(sums.op(sums.name, Rounded.not_at_all(down, bits)), sums.label)
        settled = Data(made, data.start, data.steps)
        self.describe(made, settled)
        self.data[tensor] = settled
        return settled

    def plain(self, tensor: str) -> tuple[str, Affine]:
        """The integers of a tensor of the model and the one formula that says what they stand for.

        Raises
        ------
        Refusal
            When there is none.
        """
        data = self.settled(tensor)
        assert isinstance(data.source, str)
        form = data.form(self.made.intervals[data.source])
        if form is None:
            raise Refusal("reads what no quantiser made, expected quantised data of one scale. Quantise it first")
        return data.source, form

    # ------------------------------------------------------------------------------------------------ single values

    def _quantise(self, layer: Quantise) -> Data:
        return self.rounds.rounded(layer, self.data[layer.inputs[0]])

    def _dequantise(self, layer: Dequantise) -> Data:
        data = self.data[layer.inputs[0]]
        if data.steps or data.start.factor != 1 or data.start.unit[0] != 1 or data.start.offset[0]:
            raise Refusal("dequantises what is no integer, expected the result of a quantiser. Export it again")
        made = Data(data.source, layer.start)
        if isinstance(data.source, str) and data.source not in self.made.inputs:
            self.describe(data.source, made)
        return made

    def _step(self, layer: fg.Layer) -> Data:
        data, step = self.data[layer.inputs[0]], step_of(layer)
        if isinstance(step, Bounds) and isinstance(data.source, str) and not data.varies:
            ends = np.array([self.made.intervals[data.source]]).T
            reals = np.sort(data.real(ends).ravel())
            if step.within((float(reals[0]), float(reals[1]))):
                return data
        return data.then(step)

    # ------------------------------------------------------------------------------------------------------- sums

    def _linear(self, layer: fg.Conv | fg.Dense) -> Data:
        source, form = self.plain(layer.inputs[0])
        weight, scale = self.weights.of(layer)
        pad_value = self._padding(layer.pads, source, form) if isinstance(layer, fg.Conv) else 0
        sums = LinearSums.of(layer, source, self.made.intervals[source], weight, pad_value)
        unit = scale * form.unit
        start = Start.of_sums(form.factor, form.offset * weight.reshape(len(weight), -1).sum(1), unit,
                              (sums.low, sums.high))  # fmt: skip
        bias = np.asarray(layer.bias, np.float32)
        return Data(sums, start, (Arithmetic("Add", bias),) if bias.any() else ())

    def _padding(self, pads: tuple[int, ...], source: str, form: Affine) -> int:
        """The integer of `source` that stands for the zero around it; 0 where there is nothing around it."""
        if not any(pads):
            return 0
        value, (low, high) = integer_of(form, 0.0, "padding"), self.made.types[source].range
        if not low <= value <= high:
            raise Refusal(
                f"pads with the integer {value}, expected one of its input's, {low} to {high}. "
                "Quantise that with zero in its range"
            )
        return value

    def _add(self, layer: fg.Add) -> Data:
        (a, b), forms = zip(*(self.plain(name) for name in layer.inputs), strict=True)
        units = [form.factor * form.unit * sign for form, sign in zip(forms, layer.signs, strict=True)]
        offsets = [form.offset * form.unit * sign for form, sign in zip(forms, layer.signs, strict=True)]
        unit = common_unit(self.graph, layer, units, offsets)
        factors = (round(units[0] / unit), round(units[1] / unit))
        intervals = (self.made.intervals[a], self.made.intervals[b])
        offset = round(sum(offsets) / unit)
        missed = abs(sum(offsets) / unit - offset) + sum(
            abs(real / unit - factor) * max(abs(end) for end in ends)
            for real, factor, ends in zip(units, factors, intervals, strict=True)
        )
        sums = AddSums.of(layer, (a, b), intervals, factors, missed)
        start = Start.of_sums(1, np.array([offset]), np.array([unit]), (sums.low, sums.high))
        return Data(sums, start)

    def _mean(self, layer: fg.AvgPool) -> Data:
        source, form = self.plain(layer.inputs[0])
        pad_value = self._padding(layer.pads, source, form)
        sums = PoolSums.of(layer, source, self.made.intervals[source], pad_value)
        taps = sums.window.taps
        start = Start.of_sums(form.factor, np.array([taps * form.offset]), np.array([form.unit]), (sums.low, sums.high))
        return Data(sums, start, (Arithmetic("Div", np.array([taps], np.float32)),))

    def _product(self, layer: fg.Mul | fg.MatMul) -> Data:
        (a, b), forms = zip(*(self.plain(name) for name in layer.inputs), strict=True)
        zeros = (integer_of(forms[0], 0.0, "zero"), integer_of(forms[1], 0.0, "zero"))
        channels = self.graph.shapes[layer.inputs[0]][0] if isinstance(layer, fg.MatMul) else 0
        sums = ProductSums.of(layer, (a, b), (self.made.intervals[a], self.made.intervals[b]), zeros, channels)
        unit = np.array([forms[0].factor * forms[0].unit * forms[1].factor * forms[1].unit])
        data = Data(sums, Start.of_sums(1, np.array([0]), unit, (sums.low, sums.high)))
        scale = layer.scale if isinstance(layer, fg.MatMul) else 1.0
        return data if scale == 1.0 else data.then(Arithmetic("Mul", np.array([scale], np.float32)))

    # ------------------------------------------------------------------------------------------------------ moves

    def _moved(self, layer: fg.Layer, build: Callable[[str], Op]) -> Data:
        """An operation that only moves or chooses integers of its one input."""
        data = self.settled(layer.inputs[0])
        assert isinstance(data.source, str)
        made = self.made.add(build(data.source), layer.source)
        moved = Data(made, data.start, data.steps)
        self.describe(made, moved)
        return moved

    def _max_pool(self, layer: fg.MaxPool) -> Data:
        data = self.data[layer.inputs[0]]
        if (data.direction != 1).any():
            raise Refusal("takes the maximum of what falls where integers grow, expected it before. Pool first")
        window = Window(layer.kernel, layer.stride, layer.dilation, layer.pads)
        return self._moved(layer, lambda source: MaxPool(
            name=layer.name, inputs=(source,), window=window, pad_value=self.made.types[source].range[0]
        ))  # fmt: skip

    def _gather(self, layer: fg.Gather) -> Data:
        _, form = self.plain(layer.inputs[0])
        index = gathered(layer, self.graph.shapes[layer.inputs[0]])
        fill = integer_of(form, layer.value, "fill") if (index < 0).any() else 0
        return self._moved(layer, lambda source: Gather(
            name=layer.name, inputs=(source,), index=index, pad_value=fill
        ))  # fmt: skip

    def _pad(self, layer: fg.Pad) -> Data:
        _, form = self.plain(layer.inputs[0])
        value = integer_of(form, layer.value, "padding")
        return self._moved(layer, lambda source: Pad(
            name=layer.name, inputs=(source,), window=Window((1, 1), pads=layer.pads), pad_value=value
        ))  # fmt: skip

    def _concat(self, layer: fg.Concat) -> Data:
        sources, forms = zip(*(self.plain(name) for name in layer.inputs), strict=True)
        if any(form != forms[0] for form in forms):
            raise Refusal("joins tensors of different scales, expected one scale. Quantise the result, or the inputs")
        types = {(self.made.types[name].bits, self.made.types[name].signed) for name in sources}
        if len(types) > 1:
            raise Refusal(f"joins integers of {len(types)} types, expected one. Quantise them alike")
        made = self.made.add(Concat(name=layer.name, inputs=sources, axis=(layer.axis + 2) % 3), layer.source)
        data = Data(made, Start.of_data(forms[0].factor, forms[0].offset, forms[0].unit))
        self.describe(made, data)
        return data

    def _best(self, layer: fg.ArgMax | fg.TopK) -> Data:
        source, form = self.plain(layer.inputs[0])
        if form.factor < 0:
            raise Refusal("searches what falls where integers grow, expected it to rise. Negate it before")
        channels = self.graph.shapes[layer.inputs[0]][0]
        fields: dict[str, Any] = {"name": layer.name, "inputs": (source,), "channels": channels}
        op: Op = ArgMax(**fields) if isinstance(layer, fg.ArgMax) else TopK(k=layer.k, **fields)
        return Data(self.made.add(op, layer.source), Start.of_data(1, 0, 1.0))


def sum_bits(sums: Sums) -> int:
    """Bits of a tensor of sums as they stand."""
    return max(2, signed_bits(sums.interval))


def gathered(layer: fg.Gather, shape: fg.Shape) -> IntArray:
    """The index of a `Gather` of (C, H, W) positions as one of (H, W, C) positions."""
    places = stream_order(np.maximum(layer.index, 0), shape)
    return np.ascontiguousarray(np.where(layer.index < 0, -1, places).transpose(1, 2, 0))


_METHODS: dict[type[fg.Layer], Callable[[Lowering, Any], Data]] = {
    Quantise: Lowering._quantise, Dequantise: Lowering._dequantise, Pointwise: Lowering._step,
    fg.Activation: Lowering._step, fg.BatchNorm: Lowering._step, fg.PRelu: Lowering._step, fg.Function: Lowering._step,
    fg.Conv: Lowering._linear, fg.Dense: Lowering._linear, fg.Add: Lowering._add, fg.AvgPool: Lowering._mean,
    fg.Mul: Lowering._product, fg.MatMul: Lowering._product, fg.MaxPool: Lowering._max_pool,
    fg.Gather: Lowering._gather, fg.Pad: Lowering._pad, fg.Concat: Lowering._concat, fg.ArgMax: Lowering._best,
    fg.TopK: Lowering._best,
}  # fmt: skip
