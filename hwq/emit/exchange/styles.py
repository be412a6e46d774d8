"""The two ways to write a quantised tensor: QuantizeLinear and DequantizeLinear, or QONNX's Quant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray, signed_bits
from hwq.emit.exchange.affine import Constant, Manner, Mode
from hwq.emit.exchange.graph import QONNX_DOMAIN, Graph
from hwq.ir.types import Format, TensorType

Array = NDArray[np.generic]
INT32 = (-(1 << 31), (1 << 31) - 1)


class Style(ABC):
    """Writes weights, biases and quantisers."""

    manner: Manner

    @abstractmethod
    def weight(self, graph: Graph, tensor: str, values: IntArray, scales: Sequence[float], bits: int) -> str:
        """Weights `values` (output channel first), times one scale or one for each channel; the name of the reals."""

    @abstractmethod
    def integer_bias(self, graph: Graph, tensor: str, values: IntArray, scales: Sequence[float]) -> str:
        """A bias `values` (int32), times one scale or one for each channel; the name of the reals."""

    @abstractmethod
    def clamps_type(self, type_: TensorType) -> bool:
        """Whether `quantise` limits results to the integers of `type_`."""

    @abstractmethod
    def quantise(self, graph: Graph, tensor: str, x: str, form: Format, type_: TensorType, mode: Mode) -> str:
        """Round `x` to the reals that `form` and `type_` have; the name of the result."""

    def bias(self, graph: Graph, tensor: str, constant: Constant, step: float) -> str:
        """The bias of a layer whose output has the scale `step`; integers where the format can hold them."""
        integers = constant.integers
        if self._holds(constant):
            scales = _merged([steps * step for steps in constant.steps])
            return self.integer_bias(graph, tensor, np.array(integers, np.int64), scales)
        return graph.constant(tensor, "bias", (np.array(constant.values) * step).astype(np.float32))

    def _holds(self, constant: Constant) -> bool:
        return INT32[0] <= min(constant.integers) and max(constant.integers) <= INT32[1]


class Qdq(Style):
    """QuantizeLinear, Clip on integers where a type is narrower than its carrier, DequantizeLinear."""

    def __init__(self, shift_bias: bool) -> None:
        self.manner = Manner(frozenset((Mode.EVEN,)), adds_zero_first=False, shifts_bias=shift_bias)

    def weight(self, graph: Graph, tensor: str, values: IntArray, scales: Sequence[float], bits: int) -> str:
        """Integers and DequantizeLinear."""
        carrier = _carrier(bits, True)
        if carrier.itemsize > 1:
            graph.needs(21)
        return self._dequantise(graph, tensor, "weight", values.astype(carrier), scales)

    def integer_bias(self, graph: Graph, tensor: str, values: IntArray, scales: Sequence[float]) -> str:
        """int32 and DequantizeLinear."""
        return self._dequantise(graph, tensor, "bias", values.astype(np.int32), scales)

    def clamps_type(self, type_: TensorType) -> bool:
        """Clip exists for 8 bits, not for 16 in onnxruntime."""
        return type_.bits <= 8 or type_.bits == 16

    def quantise(self, graph: Graph, tensor: str, x: str, form: Format, type_: TensorType, mode: Mode) -> str:
        """QuantizeLinear rounds half to even and saturates to its carrier."""
        carrier = _carrier(type_.bits, type_.signed)
        if carrier.itemsize > 1:
            graph.needs(21)
        scale = graph.number(tensor, "scale", form.scale)
        zero = graph.constant(tensor, "zero_point", np.array(form.zero_point, carrier))
        q = graph.add("QuantizeLinear", tensor, "quantized", (x, scale, zero))
        if type_.bits < 8:
            low, high = (
                graph.constant(tensor, what, np.array(bound, carrier))
                for what, bound in zip(("lowest", "highest"), type_.range, strict=True)
            )
            q = graph.add("Clip", tensor, "integers", (q, low, high))
        return graph.add("DequantizeLinear", tensor, "real", (q, scale, zero))

    def _holds(self, constant: Constant) -> bool:
        """Readers take an int32 bias to have the scale of input times weight, and may ignore what it says."""
        return constant.standard and super()._holds(constant)

    def _dequantise(self, graph: Graph, tensor: str, what: str, values: Array, scales: Sequence[float]) -> str:
        shape = (len(scales),) if len(scales) > 1 else ()
        inputs = (
            graph.constant(tensor, f"{what}_integers", values),
            graph.constant(tensor, f"{what}_scale", np.array(scales, np.float32).reshape(shape)),
            graph.constant(tensor, f"{what}_zero_point", np.zeros(shape, values.dtype)),
        )
        if shape:
            return graph.add("DequantizeLinear", tensor, what, inputs, axis=0)
        return graph.add("DequantizeLinear", tensor, what, inputs)


class Qonnx(Style):
    """Quant nodes: scale, zero point and bits are inputs, sign and rounding attributes."""

    def __init__(self, shift_bias: bool) -> None:
        self.manner = Manner(frozenset(Mode), adds_zero_first=True, shifts_bias=shift_bias)

    def weight(self, graph: Graph, tensor: str, values: IntArray, scales: Sequence[float], bits: int) -> str:
        """Reals and Quant; narrow where no weight is the lowest of its type."""
        return self._quant_constant(graph, tensor, "weight", values, scales, bits)

    def integer_bias(self, graph: Graph, tensor: str, values: IntArray, scales: Sequence[float]) -> str:
        """Reals and Quant, as wide as the values are."""
        bits = max(2, signed_bits((int(values.min()), int(values.max()))))
        return self._quant_constant(graph, tensor, "bias", values, scales, bits)

    def clamps_type(self, type_: TensorType) -> bool:
        """Quant has any number of bits, but one signed bit is bipolar."""
        return True

    def quantise(self, graph: Graph, tensor: str, x: str, form: Format, type_: TensorType, mode: Mode) -> str:
        """Quant adds the zero point, clamps, then rounds."""
        inputs = (
            x,
            graph.number(tensor, "scale", form.scale),
            graph.number(tensor, "zero_point", form.zero_point),
            graph.number(tensor, "bits", type_.bits),
        )
        return self._quant(graph, tensor, "real", inputs, type_.signed, False, mode)

    def _quant_constant(
        self, graph: Graph, tensor: str, what: str, values: IntArray, scales: Sequence[float], bits: int
    ) -> str:
        shape = (len(scales), *(1,) * (values.ndim - 1)) if len(scales) > 1 else ()
        scale = np.array(scales, np.float32).reshape(shape)
        inputs = (
            graph.constant(tensor, f"{what}_reals", values.astype(np.float32) * scale),
            graph.constant(tensor, f"{what}_scale", scale),
            graph.number(tensor, f"{what}_zero_point", 0),
            graph.number(tensor, f"{what}_bits", bits),
        )
        narrow = int(values.min()) > -(1 << (bits - 1))
        return self._quant(graph, tensor, what, inputs, True, narrow, Mode.EVEN)

    def _quant(
        self, graph: Graph, tensor: str, what: str, inputs: Sequence[str], signed: bool, narrow: bool, mode: Mode
    ) -> str:
        return graph.add(
            "Quant", tensor, what, inputs, QONNX_DOMAIN,
            signed=int(signed), narrow=int(narrow), rounding_mode=mode.value,
        )  # fmt: skip


def _carrier(bits: int, signed: bool) -> np.dtype[np.generic]:
    """The narrowest integer type of ONNX that has `bits` bits."""
    return np.dtype(f"{'' if signed else 'u'}int{8 if bits <= 8 else 16}")


def _merged(scales: Sequence[float]) -> Sequence[float]:
    """One scale where all are equal."""
    return scales[:1] if len(set(scales)) == 1 else scales
