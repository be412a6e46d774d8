"""FloatGraph: the float network that hwq accepted, every tensor in canonical form (channels, height, width).

The frontend turns ONNX into this, the passes rewrite it, the quantiser lowers it to a `Program`.
Vectors are (F, 1, 1), 1-D signals (C, 1, W).  Flatten, Reshape, Squeeze, Unsqueeze and Transpose do not
exist here: they only relabel elements, and the relabelling is kept in the interface (`GraphInput.index`)
or folded into the weights of the dense layer that follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Shape = tuple[int, int, int]
Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Clip:
    """Bounds that an activation imposes on its input: ReLU is (0, inf), ReLU6 is (0, 6).

    With `factors` channel c has the bounds ``low * factors[c]`` and ``high * factors[c]``.
    """

    low: float = -math.inf
    high: float = math.inf
    factors: tuple[float, ...] | None = None

    @property
    def is_identity(self) -> bool:
        """True when nothing is clipped."""
        return self.low == -math.inf and self.high == math.inf

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds, of one element or one for each channel."""
        factors = np.array(self.factors or 1.0)
        return np.array(self.low) * factors, np.array(self.high) * factors

    def times(self, factors: FloatArray) -> Clip:
        """The clip of a tensor whose channels were multiplied by `factors`."""
        if self.low in (0.0, -math.inf) and self.high == math.inf:
            return self
        return replace(self, factors=tuple(float(f) for f in factors * (self.factors or 1.0)))

    def then(self, outer: Clip) -> Clip:
        """The clip that equals this one followed by `outer`."""
        low = min(max(self.low, outer.low), outer.high)
        return Clip(low, max(min(self.high, outer.high), low))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer; `name` is also the name of its only output tensor and a legal, unique identifier.

    `source` is the ONNX node as a user knows it, for messages and reports.
    """

    name: str
    inputs: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv(Layer):
    """y = clip(conv(x, weight) + bias); weight (M, C/groups, KH, KW), groups is 1 or C (depthwise, M = C)."""

    weight: FloatArray
    bias: FloatArray
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    """top, left, bottom, right"""
    groups: int = 1
    clip: Clip = Clip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense(Layer):
    """y = clip(weight . x + bias); weight (M, C, H, W) over the whole input tensor, output (M, 1, 1)."""

    weight: FloatArray
    bias: FloatArray
    clip: Clip = Clip()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNorm(Layer):
    """y = x * scale + shift per channel; scale, shift (C,).  No BatchNorm is left after the passes."""

    scale: FloatArray
    shift: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation(Layer):
    """y = clip(x), where it could not be fused into the layer before it."""

    clip: Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Layer):
    """y = clip(a + b), two tensors of equal shape."""

    clip: Clip = Clip()


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool(Layer):
    """Maximum over each window; padding never wins."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvgPool(Layer):
    """Mean over each window, padding counted as zeros; global pooling is a kernel of (H, W)."""

    kernel: Pair
    stride: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Layer):
    """Constant border of `value` around height and width."""

    pads: Pads
    value: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgMax(Layer):
    """Index of the largest channel of each pixel, the lowest one on a tie; output (1, H, W)."""


def clip_of(layer: Layer) -> Clip:
    """The activation at the end of a layer; layers that have none clip nothing."""
    clip: Clip = getattr(layer, "clip", Clip())
    return clip


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input of the model as its user sees it, and where each of its elements goes.

    `onnx_shape` has no batch axis; `index` has that shape and holds, for each element, its flat position
    in the canonical (C, H, W) tensor.
    """

    onnx_name: str
    tensor: str
    onnx_shape: tuple[int, ...]
    dtype: str
    index: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GraphOutput:
    """An output of the model; `host_ops` are ONNX operators that were left to the host (a final Softmax)."""

    onnx_name: str
    tensor: str
    onnx_shape: tuple[int, ...]
    index: NDArray[np.int64]
    host_ops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FloatGraph:
    """Layers in topological order; `shapes` maps every tensor (inputs included) to (C, H, W)."""

    name: str
    inputs: tuple[GraphInput, ...]
    outputs: tuple[GraphOutput, ...]
    layers: tuple[Layer, ...]
    shapes: dict[str, Shape] = field(repr=False)

    def consumers(self, tensor: str) -> tuple[Layer, ...]:
        """Layers that read `tensor`."""
        return tuple(layer for layer in self.layers if tensor in layer.inputs)

    def is_output(self, tensor: str) -> bool:
        """True when `tensor` is an output of the model."""
        return any(out.tensor == tensor for out in self.outputs)

    def shares_format_with_output(self, tensor: str) -> bool:
        """True for an output, and for what reaches one by pooling maxima or padding, which keep its format."""
        kept = (layer.name for layer in self.consumers(tensor) if isinstance(layer, MaxPool | Pad))
        return self.is_output(tensor) or any(self.shares_format_with_output(name) for name in kept)

    def with_layers(self, layers: tuple[Layer, ...], shapes: dict[str, Shape] | None = None) -> FloatGraph:
        """The same interface over other layers."""
        return replace(self, layers=layers, shapes=self.shapes if shapes is None else shapes)
