"""Layers of a prepared network: each computes with the integers of the hardware, held in floats, and with real values.

A tensor is `Held`: integers, and the quantiser whose scale they have.  Sums are in float64, in which all of them are
exact (`convert` proves it), so that no order of additions and no algorithm of a convolution plays a part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hwq.arith import Requant
from hwq.frontend.layers import Clip
from hwq.ops.factors import as_multipliers
from hwq.torch.config import TrainConfig
from hwq.torch.graph import UNBOUNDED, Pair
from hwq.torch.quantisers import TensorQuantiser, WeightQuantiser
from hwq.torch.steps import nearest

BIAS_BITS = 22
"""A bias has at most so many bits; with wide weights and inputs `BIAS_EXTRA` more than both together."""
BIAS_EXTRA = 6
LEAST_FACTOR = 1e-6
"""Of a batch normalisation: weights of a channel that it multiplies by less would vanish."""


@dataclass(frozen=True, slots=True)
class Held:
    """Integers in float32, of any shape with the batch first, and their format."""

    integers: Tensor
    quantiser: TensorQuantiser

    @property
    def reals(self) -> Tensor:
        """What the integers stand for."""
        return self.integers * self.quantiser.scale()


class Layer(nn.Module, ABC):
    """One layer.

    `label` is also the name of its only output tensor, `inputs` are names of tensors, `where` is the user's line,
    `output` the format of the result.  `frozen` layers normalise by running statistics and drop nothing while they are
    trained, so that they compute what the hardware does.
    """

    output: TensorQuantiser

    def __init__(self, label: str, inputs: tuple[str, ...], where: str) -> None:
        super().__init__()
        self.label, self.inputs, self.where = label, inputs, where
        self.frozen = False

    @property
    def floating(self) -> bool:
        """Whether statistics of the batch play a part, so that the result is not that of the hardware."""
        return self.training and not self.frozen

    @abstractmethod
    def reals(self, *xs: Tensor) -> Tensor:
        """The layer without any quantisation."""

    @abstractmethod
    def forward(self, *xs: Held) -> Tensor:
        """Integers of the result, in float32."""


def clipped(x: Tensor, clip: Clip) -> Tensor:
    """The activation at the end of a layer."""
    return x if clip.is_identity else x.clamp(clip.low, clip.high)


class Input(Layer):
    """An input of the network: real values, which the host quantises (rule T2)."""

    def reals(self, *xs: Tensor) -> Tensor:
        """As they are."""
        return xs[0]

    def quantised(self, x: Tensor) -> Tensor:
        """Integers of real values."""
        return self.output.from_reals(x)

    def forward(self, *xs: Held) -> Tensor:
        """Integers as they are."""
        return xs[0].integers


class Affine(Layer):
    """A convolution or linear layer, then batch normalisation and an activation, if any.

    Parameters
    ----------
    weight
        (M, C / groups, KH, KW), or (M, F) of a linear layer.
    pads
        Top, left, bottom, right.
    """

    def __init__(
        self, label: str, inputs: tuple[str, ...], where: str, weight: nn.Parameter, bias: nn.Parameter | None,
        config: TrainConfig, stride: Pair = (1, 1), pads: tuple[int, int, int, int] = (0, 0, 0, 0),
        dilation: Pair = (1, 1), groups: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(label, inputs, where)
        self.weight, self.bias = weight, bias
        self.stride, self.pads, self.dilation, self.groups = stride, pads, dilation, groups
        self.norm: nn.BatchNorm1d | nn.BatchNorm2d | None = None
        self.clip = UNBOUNDED
        self.weights = WeightQuantiser(weight, config)

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """The products, without a bias."""
        if weight.ndim == 2:
            return functional.linear(x, weight)
        top, left, bottom, right = self.pads
        if any(self.pads):
            x = functional.pad(x, (left, right, top, bottom))
        return functional.conv2d(x, weight, None, self.stride, 0, self.dilation, self.groups)

    def reals(self, *xs: Tensor) -> Tensor:
        """The layer as the user wrote it."""
        y = self.linear(xs[0], self.weight)
        if self.bias is not None:
            y = y + self.by_channel(self.bias)
        return clipped(self.norm(y) if self.norm is not None else y, self.clip)

    def by_channel(self, values: Tensor) -> Tensor:
        """Values (M,) or (1,) in the shape in which they go with results."""
        return values.reshape(1, -1, *(1,) * (self.weight.ndim - 2))

    def folded(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights and bias with the normalisation by running statistics in them, and its factors (M,)."""
        zeros = self.weight.new_zeros(len(self.weight))
        bias = zeros if self.bias is None else self.bias
        norm = self.norm
        if norm is None:
            return self.weight, bias, torch.ones_like(zeros)
        assert norm.running_mean is not None and norm.running_var is not None
        factor = (norm.running_var + norm.eps).rsqrt()
        if norm.weight is not None:
            factor = factor * norm.weight
        least = torch.where(factor < 0, -LEAST_FACTOR, LEAST_FACTOR)
        factor = torch.where(factor.abs() < LEAST_FACTOR, least, factor)
        shift = (bias - norm.running_mean) * factor
        if norm.bias is not None:
            shift = shift + norm.bias
        return self.weight * factor.reshape(-1, *(1,) * (self.weight.ndim - 1)), shift, factor

    def bias_limit(self, x: TensorQuantiser) -> float:
        """The largest integer that a bias may be, for inputs of this format."""
        return 2.0 ** max(BIAS_BITS, self.weights.bits + x.bits + BIAS_EXTRA)

    def fit(self, x: TensorQuantiser) -> None:
        """Choose the scales of the weights, for inputs of this format."""
        weight, bias, _ = self.folded()
        self.weights.fit(weight, bias.abs().double() / (self.bias_limit(x) * x.number()))

    def constants(self, x: TensorQuantiser) -> tuple[Tensor, Tensor, Tensor, Requant]:
        """Integers of weights and bias in float64, the unit of the sums (M,) or (1,), the requantisation."""
        weight, bias, _ = self.folded()
        integers, steps = self.weights(weight)
        unit = x.scale().double() * steps.double()
        limit = self.bias_limit(x)
        offsets = nearest(bias.double() / unit, -limit, limit)
        ratios = (unit / self.output.scale().double()).detach().tolist()
        return integers.double(), offsets, unit, self.output.requant(ratios, self.clip)

    def forward(self, *xs: Held) -> Tensor:
        """Rules L1 and R1; with a normalisation by statistics of the batch, its real values quantised."""
        (x,) = xs
        if self.floating and self.norm is not None:
            weight, _, factor = self.folded()
            integers, steps = self.weights(weight)
            y = self.linear(x.integers, integers) * self.by_channel(steps * x.quantiser.scale() / factor.detach())
            if self.bias is not None:
                y = y + self.by_channel(self.bias)
            return self.output.from_reals(self.norm(y), self.clip)
        weight, bias, unit, requant = self.constants(x.quantiser)
        sums = self.linear(x.integers.double(), weight) + self.by_channel(bias)
        smooth = sums * self.by_channel(unit / self.output.scale().double())
        return self.output.from_sums(smooth, sums, requant)


class Add(Layer):
    """a + b or a - b, then an activation, if any."""

    def __init__(self, label: str, inputs: tuple[str, ...], where: str, sign: int) -> None:
        super().__init__(label, inputs, where)
        self.sign, self.clip = sign, Clip()

    def reals(self, *xs: Tensor) -> Tensor:
        """The sum."""
        return clipped(xs[0] + self.sign * xs[1], self.clip)

    def constants(self, a: TensorQuantiser, b: TensorQuantiser) -> tuple[Pair, Requant]:
        """The factors of both, and the requantisation (rule A1)."""
        sizes, shift = as_multipliers([q.number() / self.output.number() for q in (a, b)])
        low, high = self.output.limits(self.clip)
        plain = self.output.requant([1.0], self.clip)
        return (sizes[0], sizes[1] * self.sign), Requant((1,), shift, plain.rounding, 0, low, high)

    def forward(self, *xs: Held) -> Tensor:
        """Rules A1 and R1."""
        a, b = xs
        factors, requant = self.constants(a.quantiser, b.quantiser)
        sums = a.integers.detach().double() * factors[0] + b.integers.detach().double() * factors[1]
        smooth = (a.reals + self.sign * b.reals) / self.output.scale()
        return self.output.from_sums(smooth, sums, requant)


class AvgPool(Layer):
    """The mean of each window, padding counted, then an activation, if any."""

    def __init__(
        self, label: str, inputs: tuple[str, ...], where: str, kernel: Pair, stride: Pair, padding: Pair, flat: bool
    ) -> None:
        super().__init__(label, inputs, where)
        self.kernel, self.stride, self.padding, self.flat, self.clip = kernel, stride, padding, flat, Clip()

    def _sum(self, x: Tensor) -> Tensor:
        y = functional.avg_pool2d(x, self.kernel, self.stride, self.padding, divisor_override=1)
        return y.flatten(1) if self.flat else y

    @property
    def taps(self) -> int:
        """Values in a window."""
        return self.kernel[0] * self.kernel[1]

    def reals(self, *xs: Tensor) -> Tensor:
        """The mean."""
        return clipped(self._sum(xs[0]) / self.taps, self.clip)

    def constants(self, x: TensorQuantiser) -> Requant:
        """The requantisation (rule P2)."""
        return self.output.requant([x.number() / (self.output.number() * self.taps)], self.clip)

    def forward(self, *xs: Held) -> Tensor:
        """Rules P2 and R1."""
        (x,) = xs
        sums = self._sum(x.integers.double())
        smooth = sums * (x.quantiser.scale() / (self.output.scale() * self.taps)).double()
        return self.output.from_sums(smooth, sums, self.constants(x.quantiser))


class Activation(Layer):
    """Bounds that no layer before could take in."""

    def __init__(self, label: str, inputs: tuple[str, ...], where: str, clip: Clip) -> None:
        super().__init__(label, inputs, where)
        self.clip = clip

    def reals(self, *xs: Tensor) -> Tensor:
        """The bounded values."""
        return clipped(xs[0], self.clip)

    def constants(self, x: TensorQuantiser) -> Requant:
        """The requantisation (rule S1)."""
        return self.output.requant([x.number() / self.output.number()], self.clip)

    def forward(self, *xs: Held) -> Tensor:
        """Rules S1 and R1."""
        (x,) = xs
        smooth = x.integers * (x.quantiser.scale() / self.output.scale())
        return self.output.from_sums(smooth, x.integers.double(), self.constants(x.quantiser))
