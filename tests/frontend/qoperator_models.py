"""Small models of operators on integers (QOperator), as onnxruntime's quantize_static writes them.

Weights have 7 bits: kernels of processors without VNNI add pairs of products in 16 bits, with saturation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import qoperator_nodes  # noqa: F401  (adds the operators on integers)
from onnx import TensorProto
from qdq_models import POW2
from qdq_net import Qdq

OURS = "com.microsoft"
BITS = 7
U8, I8 = np.uint8, np.int8


class QOperator(Qdq):
    """Nodes on integers; `grid` has the names of scale and zero point of `last`."""

    def onto(self, scale: float, zero: int = 0, dtype: Any = None) -> list[str]:
        """Constants of another grid."""
        return [self.constant(np.float32(scale)), self.constant(np.array(zero, dtype or self.dtype))]

    def layer(self, op: str, inputs: list[str], grid: list[str], scale: float, **more: Any) -> QOperator:
        """A node whose result is on `grid`."""
        self.node(op, *inputs, domain="" if op in ("QLinearConv", "QLinearMatMul") else OURS, **more)
        self.grid, self.scale = grid, np.float32(scale)
        return self

    def kept(self, weights: Any, scale: Any) -> list[str]:
        """Constants of weights without zero points: integers, scale, zero point."""
        scale = np.float32(scale)
        return [self.constant(item) for item in (weights.astype(np.int8), scale, np.zeros(scale.shape, np.int8))]

    def offset(self, outputs: int, unit: Any) -> str:
        """A bias at the scale of the accumulator."""
        real = self.rng.normal(0, 0.3, outputs)
        return self.constant(np.rint(real / (self.scale * np.float32(unit))).astype(np.int32))

    def qconv(self, filters: int, unit: Any, scale: float, zero: int = 0, kernel: int = 3, **more: Any) -> QOperator:
        """QLinearConv."""
        weights = self.drawn(filters, self.now[0] // more.get("group", 1), kernel, kernel, bits=BITS)
        grid, bias = self.onto(scale, zero), self.offset(filters, unit)
        inputs = [self.last, *self.grid, *self.kept(weights, unit), *grid, bias]
        return self.layer("QLinearConv", inputs, grid, scale, kernel_shape=[kernel] * 2, **more)

    def qmatmul(self, outputs: int, unit: Any, scale: float, zero: int = 0) -> QOperator:
        """QLinearMatMul, with a scale for each column where there are many."""
        grid, weights = self.onto(scale, zero), self.drawn(self.now[-1], outputs, bits=BITS)
        inputs = [self.last, *self.grid, *self.kept(weights, unit), *grid]
        return self.layer("QLinearMatMul", inputs, grid, scale)

    def qgemm(self, outputs: int, unit: Any, scale: float | None, zero: int = 0) -> QOperator:
        """QGemm; without a scale its result is real."""
        weights, bias = self.drawn(outputs, self.now[-1], bits=BITS), self.offset(outputs, unit)
        inputs = [self.last, *self.grid, *self.kept(weights, unit), bias]
        grid = [] if scale is None else self.onto(scale, zero)
        return self.layer("QGemm", [*inputs, *grid], grid, scale or 1.0, transB=1)

    def single(self, op: str, scale: float, zero: int = 0, **more: Any) -> QOperator:
        """A node of one tensor on integers."""
        grid = self.onto(scale, zero)
        return self.layer(op, [self.last, *self.grid, *grid], grid, scale, **more)

    def pair(self, op: str, other: list[str], scale: float, zero: int = 0, **more: Any) -> QOperator:
        """A node of `last` and of another tensor with its grid."""
        grid = self.onto(scale, zero)
        data = [self.last, *self.grid, *other]
        return self.layer(op, [*grid, *data] if op == "QLinearConcat" else [*data, *grid], grid, scale, **more)

    @property
    def here(self) -> list[str]:
        """`last` and its grid."""
        return [self.last, *self.grid]

    def back(self, here: list[str], scale: float) -> QOperator:
        """Go on from there."""
        self.last, *self.grid = here
        self.scale = np.float32(scale)
        return self


def _start(*shape: int, scale: float = 2.0**-4, zero: int = 0, dtype: Any = U8, **more: Any) -> QOperator:
    net = QOperator(*shape, dtype=dtype, **more)
    net.down(scale, zero)
    return net


def _ends(net: QOperator) -> QOperator:
    net.up()
    return net


def _images(dtype: Any, zeros: tuple[int, int, int]) -> QOperator:
    net = _start(3, 10, 10, dtype=dtype, zero=zeros[0]).qconv(8, POW2, 2.0**-4, zeros[1], pads=[1, 1, 1, 1])
    net.maxpool()
    net.qconv(8, POW2, 2.0**-4, zeros[2], group=8, strides=[2, 2], pads=[1, 1, 1, 1])
    net.qconv(5, 2.0**-6, 2.0**-3, zeros[2])
    return net


def _added(zeros: tuple[int, int, int], op: str = "QLinearAdd", scale: float = 2.0**-2) -> QOperator:
    net = _start(4, 5, 5, zero=zeros[0])
    entry = net.here
    one = net.qconv(6, POW2[:6], 2.0**-3, zeros[1]).here
    net.back(entry, 2.0**-4).qconv(6, 2.0**-6, 2.0**-4, zeros[2]).pair(op, one, scale, zeros[0])
    return _ends(net.qconv(4, 2.0**-6, 2.0**-2, 9, kernel=1))


def _concatenated() -> QOperator:
    net = _start(4, 5, 5, zero=128)
    entry = net.here
    one = net.qconv(3, 2.0**-6, 2.0**-3, 101).here
    net.back(entry, 2.0**-4).qconv(4, 2.0**-6, 2.0**-4, 99).pair("QLinearConcat", one, 2.0**-3, 120, axis=1)
    return _ends(net.qconv(4, 2.0**-6, 2.0**-2, 129, kernel=1))


def _averaged(op: str, zeros: tuple[int, int], **more: Any) -> QOperator:
    net = _start(4, 6, 6, zero=zeros[0]).qconv(8, POW2, 2.0**-3, zeros[1]).single(op, 2.0**-4, zeros[0], **more)
    return _ends(net.qconv(4, 2.0**-6, 2.0**-3, 129, kernel=1))


def _activated(op: str, scale: float, zero: int, **more: Any) -> QOperator:
    net = _start(4, 5, 5, zero=128).qconv(6, POW2[:6], 2.0**-4, 127).single(op, scale, zero, **more)
    return _ends(net.qconv(4, 2.0**-6, 2.0**-3, 129, kernel=1))


def _flat_images() -> QOperator:
    net = _images(I8, (3, -5, 1))
    net.flat()
    return _ends(net.qgemm(6, 2.0**-6, 2.0**-1, -7).qmatmul(5, 2.0**-6, 2.0**-1, 2))


def _sums(op: str, unit: Any, *weights: int, image: bool) -> Qdq:
    """ConvInteger or MatMulInteger, its sums made real, then quantised."""
    net = QOperator(4, 5, 5, dtype=U8) if image else QOperator(9, dtype=U8)
    net.down(2.0**-4, 121)
    stored = net.drawn(*weights, bits=BITS).astype(np.int8)
    net.node(op, net.last, net.constant(stored), net.grid[1]).op("Cast", to=TensorProto.FLOAT)
    net.op("Mul", np.float32(2.0**-4 * unit)).op(
        "Add", np.float32(net.rng.integers(-99, 99, (6, 1, 1)[: 3 if image else 1])) / 64
    )
    return net.op("Relu").q(2.0**-3, 3)


EXACT: dict[str, Callable[[], Qdq]] = {
    "images": lambda: _ends(_images(U8, (128, 0, 101))),
    "images-signed": lambda: _ends(_images(I8, (0, -128, 5))),
    "perceptron": lambda: _ends(_start(9, zero=128).qgemm(8, POW2 * 2, 2.0**-3, 0).qgemm(5, 2.0**-6, 2.0**-2, 99)),
    "perceptron-sums": lambda: _start(9, zero=128).qgemm(8, POW2 * 2, 2.0**-3, 0).qgemm(5, 2.0**-6, None),
    "matmul": lambda: _ends(_start(9, zero=77).qmatmul(8, POW2 * 2, 2.0**-3, 3).qmatmul(5, 2.0**-6, 2.0**-2, 99)),
    "flat-images": _flat_images,
    "add": lambda: _added((128, 100, 102)),
    "add-odd": lambda: _added((127, 101, 99)),
    "mul": lambda: _added((127, 101, 99), "QLinearMul", 2.0**-3),
    "concat": _concatenated,
    "global-average": lambda: _averaged("QLinearGlobalAveragePool", (128, 5), channels_last=0),
    "average": lambda: _averaged("QLinearAveragePool", (127, 5), kernel_shape=[2, 2], strides=[2, 2]),
    "leaky": lambda: _activated("QLinearLeakyRelu", 2.0**-4, 121, alpha=0.25),
    "sigmoid": lambda: _activated("QLinearSigmoid", 2.0**-8, 0),
    "conv-integer": lambda: _sums("ConvInteger", 2.0**-6, 6, 4, 3, 3, image=True),
    "matmul-integer": lambda: _sums("MatMulInteger", 2.0**-5, 9, 6, image=False),
    "matmul-integer-columns": lambda: _sums("MatMulInteger", POW2[:6] * 2, 9, 6, image=False),
}
"""Scales are powers of two; their programs give exactly what the model gives."""


def _near_images() -> QOperator:
    units = np.random.default_rng(5).uniform(0.005, 0.02, 8)
    net = _start(3, 8, 8, scale=0.0271, zero=121, spread=1.0).qconv(8, units, 0.0173, 0, pads=[1, 1, 1, 1])
    net.qconv(8, units, 0.0119, 0, group=8).single("QLinearGlobalAveragePool", 0.0083, 0, channels_last=0)
    net.flat()
    return _ends(net.qgemm(6, units[:6], 0.0191, 117))


def _near_added() -> QOperator:
    net = _start(4, 5, 5, scale=0.0271, zero=119, spread=1.0)
    entry = net.here
    net.qconv(4, 0.0103, 0.0251, 99, pads=[1, 1, 1, 1]).pair("QLinearAdd", entry, 0.0311, 120)
    return _ends(net.qconv(5, 0.0107, 0.0411, 126))


NEAR: dict[str, Callable[[], Qdq]] = {"images": _near_images, "add": _near_added}
"""Scales as calibration finds them."""
