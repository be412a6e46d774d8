"""Small QONNX models beyond perceptrons: convolutions, pooling and Trunc, branches, thresholds, channels last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper
from quantised_models import DOMAIN, F, Network, executed

GENERAL = "qonnx.custom_op.general"
LAST = "qonnx.custom_op.channels_last"
POW2 = 2.0 ** np.array([-2, -1, -2, -3, 0, -2, -1, -3])
"""Scales of eight channels."""


class Qonnx(Network):
    """As `Network`, with images; weights and biases are inputs backed by initialisers, as Brevitas exports them."""

    domains = (GENERAL, LAST, DOMAIN)

    def __init__(self, *shape: int, seed: int = 0, version: int = 1) -> None:
        super().__init__(*shape, seed=seed)
        self.version = version
        self.grid = 1.0, -8, 7

    def quant(self, bits: int, scale: Any = 1.0, zero: float = 0.0, **attributes: Any) -> Qonnx:
        if bits:
            fields = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attributes}
            op = "IntQuant" if fields.pop("int", 0) else "Quant"
            return self.own(op, self.last, *map(self.constant, (F(scale), F(zero), F(bits))), **fields)
        return self.own("BipolarQuant", self.last, self.constant(F(scale)))

    def own(self, op: str, *inputs: str, **attributes: Any) -> Qonnx:
        """A node of qonnx's own."""
        self.node(op, *inputs, domain=GENERAL, **attributes)
        return self

    def enter(self, bits: int, scale: float, **attributes: Any) -> Qonnx:
        """The first quantiser; samples are on its grid."""
        signed = attributes.get("signed", 1)
        self.grid = scale, -(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1
        return self.quant(bits, scale, **attributes)

    def stored(self, shape: Sequence[int], bits: int, scale: Any, **attributes: Any) -> str:
        """Floats through a quantiser that gives integers of so many bits, -1 and 1 for no bit."""
        scale, last = F(scale), self.last
        along = scale.reshape(-1, *[1] * (len(shape) - 1)) if scale.ndim else scale
        size = max(1 << max(bits - 1, 0), 2) / 2.5
        self.last = self.constant(F(self.rng.normal(0, size, shape) * along))
        self.quant(bits, along, **{"narrow": 1, **attributes} if bits else {})
        made, self.last = self.last, last
        return made

    def bias(self, kind: str | None, outputs: int, scale: Any) -> list[str]:
        """No bias, ``float``, or ``int`` through a quantiser with the scale of the accumulator."""
        if kind is None:
            return []
        real = self.constant(F(self.rng.normal(0, 1, outputs)))
        if kind == "float":
            return [real]
        last, self.last = self.last, real
        self.quant(24, np.broadcast_to(F(scale), (outputs,)))
        made, self.last = self.last, last
        return [made]

    def gemm(self, outputs: int, bits: int, scale: Any, bias: str | None = None, unit: Any = 1.0) -> Qonnx:
        """Gemm with transB; `unit` is the scale of an ``int`` bias."""
        weights = self.stored((outputs, self.now[-1]), bits, scale)
        self.node("Gemm", self.last, weights, *self.bias(bias, outputs, unit), transB=1)
        return self

    def conv(
        self, filters: int, bits: int, scale: Any, kernel: Sequence[int] = (3, 3), bias: str | None = None,
        unit: Any = 1.0, group: int = 1, **attributes: Any,
    ) -> Qonnx:  # fmt: skip
        """Conv; `unit` is the scale of an ``int`` bias."""
        weights = self.stored((filters, self.now[0] // group, *kernel), bits, scale)
        fields = {"kernel_shape": list(kernel), "group": group, **attributes}
        self.node("Conv", self.last, weights, *self.bias(bias, filters, unit), **fields)
        return self

    def conv_last(self, filters: int, bits: int, scale: Any, **attributes: Any) -> Qonnx:
        """Conv of images whose channels are behind, and so are those of its filters."""
        weights = self.stored((filters, 3, 3, self.now[-1]), bits, scale)
        fields = {"kernel_shape": [3, 3], "strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4, "group": 1}
        self.node("Conv", self.last, weights, domain=LAST, **(fields | attributes))
        return self

    def trunc(
        self, scale: float, bits: int, kept: int, zero: float = 0.0, onto: float | None = None, **more: Any
    ) -> Qonnx:
        """Trunc of version 1, or with the scale of its result of version 2."""
        values = (scale, zero, bits, *(() if onto is None else (onto,)), kept)
        return self.own("Trunc", self.last, *(self.constant(F(value)) for value in values), **more)

    def norms(self) -> Qonnx:
        """BatchNormalization of the first axis behind the batch, with factors below zero among others."""
        size = self.now[0]
        factor = self.rng.uniform(0.5, 2, size) * self.rng.choice([-1, 1], size)
        arrays = factor, self.rng.normal(0, 0.3, size), self.rng.normal(0, 1, size), self.rng.uniform(1, 9, size)
        return self.plain("BatchNormalization", *(self.constant(F(array)) for array in arrays))

    def plain(self, op: str, *more: str, **attributes: Any) -> Qonnx:
        """An ONNX operator of `last`."""
        self.node(op, self.last, *more, **attributes)
        return self

    def at(self, tensor: str) -> Qonnx:
        """Go on from a tensor."""
        self.last = tensor
        return self

    @property
    def now(self) -> tuple[int, ...]:
        """The shape of `last`, without batch."""
        return self.shape if not self.nodes else self.reference(np.zeros((1, *self.shape))).shape[1:]

    def reference(self, x: Any) -> Any:
        """What numpy makes of `last`."""
        return executed(self.done(), x)[self.last]

    def done(self, outputs: Sequence[str] = ()) -> onnx.ModelProto:
        made = super().done(outputs)
        next(item for item in made.opset_import if item.domain == GENERAL).version = self.version
        every = executed(made, np.zeros((1, *self.shape)))
        ports = {port.name: port for port in made.graph.output}
        for name in (node.output[0] for node in made.graph.node):
            shaped = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, every[name].shape)
            (ports[name] if name in ports else made.graph.value_info.add()).CopyFrom(shaped)
        return made

    def samples(self, rows: int, seed: int = 1) -> Any:
        """Inputs on the grid of the first quantiser, batch first."""
        scale, low, high = self.grid
        drawn = np.random.default_rng(seed).integers(low, high + 1, (rows, *self.shape))
        return F(drawn * scale)


def _rounded(mode: str, **attributes: Any) -> Qonnx:
    """Ties and other fractions, of both signs."""
    net = Qonnx(9).enter(5, 2.0**-3).gemm(8, 4, POW2).quant(6, 0.25, rounding_mode=mode, **attributes)
    return net.gemm(5, 3, 0.5).quant(8, 0.5, rounding_mode=mode)


def _shifted(zero: float, **attributes: Any) -> Qonnx:
    """A zero point, which QONNX adds before it rounds: an odd one turns ties around."""
    net = Qonnx(9).enter(5, 2.0**-3).gemm(8, 4, 0.25).quant(6, 0.25, zero, **attributes)
    return net.gemm(5, 3, 0.5).quant(8, 0.5, zero, **attributes)


def _conv(bias: str | None, bits: int = 4) -> Qonnx:
    net = Qonnx(3, 8, 8).enter(8, 2.0**-5).conv(8, bits, POW2, bias=bias, unit=POW2 / 32, pads=[1, 1, 1, 1])
    net.plain("Relu").quant(4, 0.5, signed=0).plain("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.conv(8, bits, POW2, bias=bias, unit=POW2 / 2, group=8, strides=[2, 2], pads=[1, 1, 0, 0]).plain("Relu")
    return net.quant(4, 1.0, signed=0).plain("Flatten").gemm(5, bits, 0.25, bias, 0.25)


def _bipolar_conv() -> Qonnx:
    net = Qonnx(3, 7, 7).enter(8, 2.0**-5).conv(6, 0, 1.0).norms().quant(0).conv(5, 0, 0.5, bias=None).norms().quant(0)
    return net.plain("Flatten").gemm(4, 0, 1.0)


def _pooled(size: int, version: int) -> Qonnx:
    """An average whose sum Trunc shifts: with 3 x 3 the product of the mean and 9 is not always a whole number."""
    area, grow = size * size, int(np.ceil(np.log2(size * size)))
    net = Qonnx(3, 2 * size + 2, 2 * size + 2, version=version).enter(6, 2.0**-3).conv(4, 4, 0.25).plain("Relu")
    net.quant(5, 0.5, signed=0).plain("AveragePool", kernel_shape=[size] * 2, strides=[size] * 2).apply("Mul", area)
    if version == 2:
        onto = 0.5 * 2**grow
        net.trunc(0.5, 5 + grow, 5, onto=onto, signed=0, narrow=0, rounding_mode="ROUND")
    else:
        net.trunc(0.5, 5 + grow, 5, rounding_mode="FLOOR")
    return net.plain("Flatten").gemm(5, 4, 0.25)


def _residual(low: float) -> Qonnx:
    net = Qonnx(4, 6, 6).enter(6, 2.0**-3)
    entry = net.last
    one = net.conv(6, 4, 0.25, (1, 1)).quant(6, low).last
    net.at(entry).conv(6, 4, 0.25, pads=[1, 1, 1, 1]).plain("Relu").quant(6, 0.25).plain("Add", one)
    return net.plain("Relu").quant(5, 0.5, signed=0).conv(3, 4, 0.25)


def _concat() -> Qonnx:
    net = Qonnx(4, 5, 5).enter(6, 2.0**-3)
    entry = net.last
    one = net.conv(3, 4, 0.25).quant(5, 0.5).last
    net.at(entry).conv(4, 4, 0.25).quant(5, 0.5).plain("Concat", one, axis=1)
    return net.conv(3, 4, 0.25, (1, 1)).quant(6, 0.5)


def _rows(channels: int, count: int, seed: int = 3) -> Any:
    return F(np.sort(np.random.default_rng(seed).integers(-60, 60, (channels, count)), 1)) / 32


def _counted(channels: int, scale: float, bias: float) -> Qonnx:
    """Thresholds that sums meet exactly: a sum that equals one counts."""
    net = Qonnx(3, 6, 6).enter(6, 2.0**-3).conv(6, 4, 0.25)
    net.counts(_rows(channels, 15) * 4, scale, bias, data_layout="NCHW")
    return net.conv(4, 4, 0.25).counts(_rows(1, 7) * 16, 1.0, 0.0, data_layout="NCHW").plain("Flatten").gemm(3, 3, 1.0)


def _channels_last(thresholds: bool) -> Qonnx:
    """As FINN's front end leaves convolutions: images are turned once, at the input."""
    net = Qonnx(3, 8, 8).enter(6, 2.0**-3).plain("Transpose", perm=[0, 2, 3, 1]).conv_last(6, 4, 0.25)
    if thresholds:
        net.counts(_rows(6, 15) * 4, 1.0, -8.0, data_layout="NHWC")
    else:
        net.plain("Relu").quant(4, 0.5, signed=0)
    net.node("MaxPool", net.last, domain=LAST, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)
    return net.conv_last(4, 4, 0.25).quant(6, 1.0).plain("Flatten").gemm(3, 3, 1.0)


def _activated(op: str, **attributes: Any) -> Qonnx:
    return (
        Qonnx(9)
        .enter(5, 2.0**-3)
        .gemm(8, 4, 0.25)
        .quant(6, 0.25)
        .plain(op, **attributes)
        .quant(5, 2.0**-4)
        .gemm(4, 3, 0.5)
    )


ROUNDING_MODES = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
MODELS: dict[str, Callable[[], Qonnx]] = {
    **{f"round-{mode.lower()}": (lambda mode=mode: _rounded(mode)) for mode in ROUNDING_MODES},
    **{f"round-{mode.lower()}-unsigned": (lambda mode=mode: _rounded(mode, signed=0)) for mode in ROUNDING_MODES},
    "int-quant": lambda: _rounded("ROUND", int=1),
    "narrow": lambda: _rounded("ROUND", narrow=1),
    "narrow-unsigned": lambda: _rounded("HALF_UP", narrow=1, signed=0),
    "zero-odd": lambda: _shifted(3.0),
    "zero-odd-unsigned": lambda: _shifted(31.0, signed=0),
    "zero-odd-half-down": lambda: _shifted(-5.0, rounding_mode="HALF_DOWN"),
    "zero-even-floor": lambda: _shifted(30.0, signed=0, rounding_mode="FLOOR"),
    "zero-up": lambda: _shifted(7.0, rounding_mode="UP"),
    "gemm": lambda: Qonnx(9).enter(8, 2.0**-5).gemm(8, 6, POW2, "float").quant(6, 0.5).gemm(5, 6, 0.25, "float"),
    "gemm-int-bias": lambda: (
        Qonnx(9).enter(8, 2.0**-5).gemm(8, 6, POW2, "int", POW2 / 32).plain("Relu").quant(6, 0.5, signed=0)
        .gemm(5, 6, 0.25, "int", 0.125)
    ),
    "conv": lambda: _conv(None),
    "conv-bias": lambda: _conv("float"),
    "conv-int-bias": lambda: _conv("int"),
    "conv-bipolar-weights": lambda: _conv(None, 0),
    "bipolar": _bipolar_conv,
    "trunc": lambda: _pooled(2, 1),
    "trunc-3x3": lambda: _pooled(3, 1),
    "trunc-2": lambda: _pooled(2, 2),
    "trunc-2-3x3": lambda: _pooled(3, 2),
    "residual": lambda: _residual(0.25),
    "residual-other-scale": lambda: _residual(0.125),
    "concat": _concat,
    "counts": lambda: _counted(6, 1.0, 0.0),
    "counts-scaled": lambda: _counted(6, 0.5, -4.0),
    "counts-odd": lambda: _counted(1, 2.0, -15.0),
    "channels-last": lambda: _channels_last(thresholds=False),
    "channels-last-counts": lambda: _channels_last(thresholds=True),
    "sigmoid": lambda: _activated("Sigmoid"),
    "leaky": lambda: _activated("LeakyRelu", alpha=0.25),
}  # fmt: skip
"""Scales are powers of two: programs give exactly what the executor gives."""
