"""Layers of a `FloatGraph`; tensors are (channels, height, width)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hwq.frontend.expression import Expr

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
    """y = clip(conv(x, weight) + bias); weight (M, C/groups, KH, KW).

    Output m reads the inputs of group floor(m / (M/groups)) alone; a depthwise one has M = C = groups.
    """

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
class ElementAffine(Layer):
    """y = x * scale + shift element by element; scale, shift (C, H, W).  None is left after the passes."""

    scale: FloatArray
    shift: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation(Layer):
    """y = clip(x), where it could not be fused into the layer before it."""

    clip: Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Layer):
    """y = clip(signs[0] * a + signs[1] * b), two tensors of equal shape."""

    signs: tuple[int, int] = (1, 1)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK(Layer):
    """Indices of the `k` largest channels of each pixel, the largest first; output (k, H, W)."""

    k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Layer):
    """y = f(x), one value at a time."""

    expr: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class PRelu(Layer):
    """y = x where x >= 0, else slope * x; slopes (C,)."""

    slopes: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Mul(Layer):
    """y = a * b, two tensors of equal shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremum(Layer):
    """y = max(a, b), or min(a, b), two tensors of equal shape."""

    largest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Layer):
    """The inputs one behind the other along an axis: 0 channels, 1 height, 2 width."""

    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(Layer):
    """y.flat[n] = x.flat[index.flat[n]], or `value` where the index is -1; index (C, H, W) of the output."""

    index: NDArray[np.int64]
    value: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Const(Layer):
    """Values (C, H, W) that depend on no input."""

    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Layer):
    """y[n, h, t] = sum over k of a[k, h, t] * b[k, h, n], times `scale`: a product of matrices for each row h."""

    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Layer):
    """Softmax over the channels of each pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalise(Layer):
    """(x - mean) / sqrt(variance + epsilon) over the channels of each pixel."""

    epsilon: float


class Cell(Enum):
    """Recurrent cells as ONNX defines them; GRU_AFTER is a GRU with linear_before_reset 1."""

    LSTM = "lstm"
    GRU = "gru"
    GRU_AFTER = "gru_after"
    RNN = "rnn"

    @property
    def gates(self) -> int:
        """Rows of weights for each unit."""
        return {Cell.LSTM: 4, Cell.RNN: 1}.get(self, 3)

    def rows(self, units: int) -> NDArray[np.int64]:
        """The row of ONNX for each row of hwq: all gates of a unit together, the candidates of a GRU behind them.

        Examples
        --------
        >>> Cell.LSTM.rows(2).tolist()
        [0, 2, 4, 6, 1, 3, 5, 7]
        >>> Cell.GRU.rows(2).tolist()
        [0, 2, 1, 3, 4, 5]
        """
        gates = np.arange(self.gates * units).reshape(self.gates, units)
        together = 2 if self in (Cell.GRU, Cell.GRU_AFTER) else self.gates
        return np.concatenate([gates[:together].T.ravel(), gates[together:].ravel()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrent(Layer):
    """A recurrent cell along the width, its state zero at the start; output (H, 1, T).

    The input (gates * H, 1, T) is what the cell adds to the product of its state, bias included, with its channels in
    the order of `Cell.rows`.  `weight` (gates * H, H) has its rows in that order too; `bias` (H,) is added to the
    product of the state in the h gate of GRU_AFTER, within the reset.
    """

    cell: Cell
    weight: FloatArray
    bias: FloatArray


def clip_of(layer: Layer) -> Clip:
    """The activation at the end of a layer; layers that have none clip nothing."""
    clip: Clip = getattr(layer, "clip", Clip())
    return clip


def groups_of(layer: Conv | Dense) -> int:
    """Groups of channels that do not see each other."""
    return layer.groups if isinstance(layer, Conv) else 1


def by_weight(layer: Conv | Dense, channels: FloatArray) -> FloatArray:
    """Values of the input's channels (C,) in the shape in which they go with weights (M, C/groups, KH, KW)."""
    rows, inputs, *_ = layer.weight.shape
    groups = groups_of(layer)
    met = np.broadcast_to(channels.reshape(groups, 1, inputs), (groups, rows // groups, inputs))
    return met.reshape(rows, inputs, 1, 1)
