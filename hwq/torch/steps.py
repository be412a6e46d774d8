"""Scales that are learned, and the straight-through gradient of what rounding does to values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwq.quant.config import ScaleKind
from hwq.torch.config import Method, TrainConfig

SMALLEST = 2.0**-40
"""The least scale."""
LEAST = 2.0**-10
"""The least scale of LSQ as a share of the one that it began with."""
POW2_RATIOS = tuple(2.0**-k for k in range(6))
"""Parts of the full range that are tried for scales that are powers of two."""
FIXED_RATIOS = tuple(2.0 ** (-k / 8) for k in range(33))
"""The same for other scales."""
POW2_SPREAD, FIXED_SPREAD = 2.0**-15, 2.0**-8
"""The least scale as a share of the largest one of a layer: multipliers of 16 bits hold no more (rule R3)."""


class _Straight(torch.autograd.Function):
    """The value of one tensor with the gradient of another."""

    @staticmethod
    def forward(ctx: Any, smooth: Tensor, exact: Tensor) -> Tensor:
        """`exact`; both have the same shape and type."""
        return exact.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """All to `smooth`."""
        return gradients[0], None


def straight(smooth: Tensor, exact: Tensor) -> Tensor:
    """`exact` with the gradient of `smooth`: what is rounded is taken for what it was before."""
    result: Tensor = _Straight.apply(smooth, exact.to(smooth.dtype))  # type: ignore[no-untyped-call]
    return result


def nearest(values: Tensor, low: float, high: float) -> Tensor:
    """clamp(floor(values + 1/2), low, high) with a straight-through gradient where nothing is clamped."""
    return straight(values.clamp(low, high), (values.detach() + 0.5).floor().clamp(low, high))


class Step(nn.Module):
    """A scale of a tensor, or one for each channel, with what it is learned by.

    `value` is the logarithm of the threshold, or with LSQ the scale as a multiple of `unit`, the one that it began
    with: so one rate of learning fits all.

    Parameters
    ----------
    count
        Scales, 1 or the number of channels.
    levels
        Values above zero.
    size
        Values that share a scale; of activations those of a sample.
    """

    def __init__(self, count: int, levels: int, size: int, config: TrainConfig) -> None:
        super().__init__()
        self.method, self.pow2 = config.method, config.scale is ScaleKind.POW2
        self.levels = levels
        self.gain = 1.0 / math.sqrt(size * levels)
        self.value = nn.Parameter(torch.ones(count))
        self.unit: Tensor
        self.register_buffer("unit", torch.ones(count))

    @property
    def _octaves(self) -> int:
        """Between the scale and the threshold of TQT."""
        return (self.levels + 1).bit_length() - 1

    @torch.no_grad()
    def set(self, steps: Tensor) -> None:
        """Make `steps` (count,) the scales; powers of two stay what they are while the parameter moves a little."""
        steps = steps.detach().double().clamp(min=SMALLEST)
        if self.method is Method.TQT:
            centre = 0.5 if self.pow2 else 0.0
            self.value.copy_(torch.log2(steps) + (self._octaves - centre))
        else:
            self.unit.copy_(steps)
            self.value.fill_(1.0)

    def forward(self) -> Tensor:
        """The scales, float32 (count,); powers of two are exact."""
        value: Tensor = self.value
        if self.method is Method.TQT:
            exponent = value.detach() - self._octaves
            exact = _powers(exponent.ceil()) if self.pow2 else torch.exp2(exponent).clamp(min=SMALLEST)
            return exact * torch.exp2(value - value.detach())
        value = (value.detach() + (value - value.detach()) * self.gain).clamp(min=LEAST) * self.unit
        if self.pow2:
            return _powers(torch.log2(value.detach()).round()) * (value / value.detach())
        return value


def _powers(exponents: Tensor) -> Tensor:
    """2^exponents of whole numbers, exactly, which torch does not promise."""
    found = np.ldexp(1.0, exponents.cpu().numpy().astype(np.int64))
    return torch.from_numpy(found).to(exponents)


def best_steps(values: Tensor, low: int, high: int, pow2: bool) -> Tensor:
    """Scales (rows,) of least squared error for real values (rows, n) on the integers `low` to `high`."""
    values = values.detach().double()
    full = torch.maximum(values.amax(1) / high, -values.amin(1) / -low if low else values.amax(1) / high)
    full = full.clamp(min=SMALLEST)
    if pow2:
        full = _powers(torch.log2(full).ceil())
    best, least = full, torch.full_like(full, torch.inf)
    for ratio in POW2_RATIOS if pow2 else FIXED_RATIOS:
        steps = full * ratio
        held = (values / steps[:, None] + 0.5).floor().clamp(low, high) * steps[:, None]
        error = ((held - values) ** 2).sum(1)
        best, least = torch.where(error < least, steps, best), torch.minimum(error, least)
    return best.clamp(min=float(best.max()) * (POW2_SPREAD if pow2 else FIXED_SPREAD))


def smallest_steps(least: Tensor, pow2: bool) -> Tensor:
    """Scales (rows,) that are no less than any of `least` (rows, n)."""
    found = least.detach().double().amax(1).clamp(min=SMALLEST)
    return _powers(torch.log2(found).ceil()) if pow2 else found


def mean_steps(values: Tensor, pow2: bool) -> Tensor:
    """Scales (rows,) of least squared error for real values (rows, n) on -1 and 1: the mean magnitude."""
    mean = values.detach().double().abs().mean(1)
    mean = mean.clamp(min=float(mean.max()) * FIXED_SPREAD).clamp(min=SMALLEST)
    return _powers(torch.log2(mean).round()) if pow2 else mean
