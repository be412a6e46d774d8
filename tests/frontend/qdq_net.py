"""A builder of small QDQ models, in the styles of Brevitas (QCDQ), onnxruntime and AMD Quark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx_models import model
from plain_nodes import run_plain
from quantised_models import F, Network

DOMAINS = ("com.microsoft",)


class Qdq(Network):
    """Nodes one behind the other; `last` is what they made, `scale` that of the latest quantiser on the way.

    `entry` is the ONNX type of the input.  Samples are on the grid of the first quantiser, or with `spread` normal
    floats of that standard deviation.
    """

    def __init__(
        self,
        *shape: int,
        seed: int = 0,
        opset: int = 17,
        batch: int | str = "N",
        dtype: Any = np.int8,
        entry: int = TensorProto.FLOAT,
        spread: float = 0.0,
    ) -> None:
        super().__init__(*shape, seed=seed)
        self.opset, self.batch, self.dtype, self.entry, self.spread = opset, batch, dtype, entry, spread
        self.scale: Any = F(1)
        self.first: tuple[float, int, int, int] | None = None
        self.given: list[str] = []

    @property
    def now(self) -> tuple[int, ...]:
        """The shape of `last`, without batch."""
        made = self.done()
        return run_plain(made, np.zeros((1, *self.shape)))[self.last].shape[1:] if self.nodes else self.shape

    def q(self, scale: Any, zero: int = 0, dtype: Any = None, clip: tuple[int, int] | None = None) -> Qdq:
        """QuantizeLinear, a Clip of its integers, and DequantizeLinear."""
        return self.down(scale, zero, dtype, clip).up()

    def down(self, scale: Any, zero: int = 0, dtype: Any = None, clip: tuple[int, int] | None = None) -> Qdq:
        """QuantizeLinear, and Clip."""
        type_ = np.dtype(dtype or self.dtype)
        self.scale = F(scale)
        self.grid = [self.constant(F(scale)), self.constant(np.array(zero, type_))]
        info = ml_dtypes.iinfo(type_)
        self.first = self.first or (float(scale), zero, *(clip or (int(info.min), int(info.max))))
        self.node("QuantizeLinear", self.last, *self.grid)
        if clip:
            self.node("Clip", self.last, *(self.constant(np.array(end, type_)) for end in clip))
        return self

    def up(self) -> Qdq:
        """DequantizeLinear by the scale of the latest quantiser."""
        self.node("DequantizeLinear", self.last, *self.grid)
        return self

    def start(self, scale: float, zero: int = 0, dtype: Any = np.uint8) -> Qdq:
        """DequantizeLinear of the integers that are the input."""
        info = ml_dtypes.iinfo(dtype)
        self.scale, self.first = F(scale), (1.0, 0, int(info.min), int(info.max))
        self.grid = [self.constant(F(scale)), self.constant(np.array(zero, dtype))]
        return self.up()

    def stored(
        self, integers: Any, scale: Any, axis: int, dtype: Any = np.int8, way: str = "int", bits: int = 8
    ) -> str:
        """The real values of integers: ``int``, ``clip`` as Brevitas does, or ``float`` through a quantiser."""
        type_, scale = np.dtype(dtype), F(scale)
        zero = self.constant(np.zeros(scale.shape, type_))
        factor, last = self.constant(scale), self.last
        axes = {"axis": axis} if scale.ndim else {}
        if way == "float":
            along = scale.reshape([-1 if k == axis else 1 for k in range(integers.ndim)]) if scale.ndim else scale
            self.node("QuantizeLinear", self.constant(F(integers * along)), factor, zero, **axes)
        else:
            self.last = self.constant(integers.astype(type_))
        if way == "clip":
            top = (1 << (bits - 1)) - 1
            self.node("Clip", self.last, *(self.constant(np.array(end, type_)) for end in (-top, top)))
        self.node("DequantizeLinear", self.last, factor, zero, **axes)
        made, self.last = self.last, last
        return made

    def drawn(self, *shape: int, bits: int = 8) -> Any:
        """Weights of so many bits, without the lowest value."""
        top = (1 << (bits - 1)) - 1
        return np.clip(np.rint(self.rng.normal(0, max(top / 2.5, 0.8), shape)), -top, top).astype(np.int64)

    def bias(self, kind: str | None, scale: Any, outputs: int, size: float = 0.3) -> list[str]:
        """No bias; ``float``; ``int32`` at the scale of the accumulator; ``int8`` at one of its own, as of Quark."""
        if kind is None:
            return []
        real = self.rng.normal(0, size, outputs)
        if kind == "float":
            return [self.constant(F(real))]
        if kind == "given":
            self.given.append(self.constant(F(real)))
            return self.given[-1:]
        unit = np.broadcast_to(F(self.scale * F(scale)), (outputs,)).astype(F)
        if kind == "int32":
            return [self.stored(np.clip(np.rint(real / unit), -(1 << 20), 1 << 20), unit, 0, np.int32)]
        return [self.stored(np.clip(np.rint(real * 64), -127, 127), F(1 / 64), 0, np.int8, way="float")]

    def gemm(
        self, outputs: int, scale: Any, bias: str | None = "int32", bits: int = 8, dtype: Any = np.int8,
        way: str = "int", axis: int = 0,
    ) -> Qdq:  # fmt: skip
        """Gemm with transB, or without it where `axis` is 1."""
        inputs = self.now[-1]
        shape = (outputs, inputs) if axis == 0 else (inputs, outputs)
        weights = self.stored(self.drawn(*shape, bits=bits), scale, axis, dtype, way, bits)
        self.node("Gemm", self.last, weights, *self.bias(bias, scale, outputs), transB=1 - axis)
        return self

    def product(self, outputs: int, scale: Any, bias: str | None = "float", way: str = "int", bits: int = 8) -> Qdq:
        """MatMul with scales of the axis 1 of its weights, and Add."""
        weights = self.stored(self.drawn(self.now[-1], outputs, bits=bits), scale, 1, way=way)
        self.node("MatMul", self.last, weights)
        if bias is not None:
            self.node("Add", self.last, *self.bias(bias, scale, outputs))
        return self

    def conv(
        self, filters: int, scale: Any, kernel: Sequence[int] = (3, 3), bias: str | None = "int32", bits: int = 8,
        dtype: Any = np.int8, way: str = "int", group: int = 1, **attributes: Any,
    ) -> Qdq:  # fmt: skip
        """Conv; other attributes are its own."""
        weights = self.stored(self.drawn(filters, self.now[0] // group, *kernel, bits=bits), scale, 0, dtype, way, bits)
        fields = {"kernel_shape": list(kernel), "group": group, **attributes}
        self.node("Conv", self.last, weights, *self.bias(bias, scale, filters), **fields)
        return self

    def op(self, kind: str, *more: Any, **attributes: Any) -> Qdq:
        """Any operator of `last` and constants, or of tensors by name."""
        inputs = [item if isinstance(item, str) else self.constant(item) for item in more]
        self.node(kind, self.last, *inputs, **attributes)
        return self

    def at(self, tensor: str) -> Qdq:
        """Go on from a tensor."""
        self.last = tensor
        return self

    def clip(self, low: float, high: float) -> Qdq:
        """Clip of floats."""
        return self.op("Clip", F(low), F(high))

    def flat(self) -> Qdq:
        """Flatten."""
        return self.op("Flatten", axis=1)

    def maxpool(self, kernel: int = 2, **attributes: Any) -> Qdq:
        """MaxPool whose stride is its kernel."""
        return self.op("MaxPool", kernel_shape=[kernel] * 2, **{"strides": [kernel] * 2, **attributes})

    def done(self, outputs: Sequence[str] = ()) -> onnx.ModelProto:
        """The model."""
        made = model(
            self.nodes, {"x": self.shape}, outputs or [self.last], self.constants, opset=self.opset, batch=self.batch,
            dtype=self.entry, domains=DOMAINS,
        )  # fmt: skip
        made.ir_version = 10
        made.graph.input.extend(
            helper.make_tensor_value_info(item.name, item.data_type, item.dims)
            for item in made.graph.initializer
            if item.name in self.given
        )
        return made

    def samples(self, rows: int, seed: int = 1) -> Any:
        """Inputs of the model, batch first."""
        rng, type_ = np.random.default_rng(seed), helper.tensor_dtype_to_np_dtype(self.entry)
        if self.spread:
            return rng.normal(0, self.spread, (rows, *self.shape)).astype(type_)
        assert self.first is not None, "the first quantiser says the grid"
        scale, zero, low, high = self.first
        return ((rng.integers(low, high + 1, (rows, *self.shape)) - zero) * scale).astype(type_)
