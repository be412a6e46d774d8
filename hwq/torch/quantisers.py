"""Quantisers of tensors and of weights, as hwq has them: signed or unsigned integers, no zero points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hwq.arith import Interval, Requant, Rounding, int_range, quantise
from hwq.frontend.layers import Clip
from hwq.ops.coding import Codebook, Coding
from hwq.ops.factors import as_multipliers
from hwq.quant.codebook import kmeans
from hwq.torch.config import TrainConfig
from hwq.torch.graph import UNBOUNDED
from hwq.torch.steps import Step, best_steps, mean_steps, nearest, smallest_steps, straight

BIPOLAR = Codebook(np.array([-1, 1]))
"""The table of weights of one bit."""
KEPT = 1 << 16
"""Values of a tensor that calibration keeps."""


class TensorQuantiser(nn.Module):
    """The format of one tensor, or of several that share it: `bits`, `signed`, and one scale."""

    def __init__(self, bits: int, signed: bool, size: int, config: TrainConfig) -> None:
        super().__init__()
        self.bits, self.signed = bits, signed
        self.step = Step(1, max(1, int_range(bits, signed)[1]), size, config)
        self.kept: list[Tensor] = []

    @property
    def range(self) -> Interval:
        """The least and the largest integer."""
        return int_range(self.bits, self.signed)

    def scale(self) -> Tensor:
        """The scale, float32 (1,), with its gradient."""
        steps: Tensor = self.step()
        return steps

    def number(self) -> float:
        """The scale."""
        return float(self.scale().detach())

    def limits(self, clip: Clip) -> Interval:
        """The least and the largest integer behind an activation."""
        low, high = self.range
        bounds = (low if math.isinf(end) else int(quantise(np.array(end), self.number(), 0, low, high))
                  for end in (clip.low, clip.high))  # fmt: skip
        least, most = bounds
        return least, high if math.isinf(clip.high) else most

    def requant(self, ratios: Sequence[float], clip: Clip) -> Requant:
        """Rule R1 from accumulators whose unit is `ratios` of the scale."""
        multipliers, shift = as_multipliers(ratios)
        if len(set(multipliers)) == 1:
            multipliers = multipliers[:1]
        return Requant(multipliers, shift, Rounding.HALF_UP, 0, *self.limits(clip))

    def from_reals(self, x: Tensor, clip: Clip = UNBOUNDED) -> Tensor:
        """Integers of real values (rule T2), in float32."""
        values = x.double() / self.scale().double()
        return nearest(values, *self.limits(clip)).float()

    def from_sums(self, smooth: Tensor, sums: Tensor, requant: Requant) -> Tensor:
        """Integers in float32: `sums`, whole numbers in float64, requantised; the gradient is that of `smooth`.

        Parameters
        ----------
        smooth
            What the sums stand for, in units of this format, (N, channels, ..).
        requant
            Its multipliers are of axis 1.
        """
        multipliers = torch.tensor(requant.multiplier, dtype=torch.float64, device=sums.device)
        shape = (1, -1, *(1,) * (sums.ndim - 2))
        exact = sums.detach() * multipliers.reshape(shape)
        if requant.shift:
            exact = ((exact + 2.0 ** (requant.shift - 1)) * 2.0**-requant.shift).floor()
        exact = exact.clamp(requant.qmin, requant.qmax)
        return straight(smooth.clamp(requant.qmin, requant.qmax), exact).float()

    def watch(self, x: Tensor) -> None:
        """Keep some of the values, for `settle`."""
        flat = x.detach().flatten()
        ends = torch.stack([flat.amin(), flat.amax()])
        self.kept.append(torch.cat([ends, flat[:: max(1, -(-len(flat) // KEPT))]]).cpu())

    def settle(self) -> None:
        """Choose the scale by the values that were kept, and forget them."""
        values = torch.cat(self.kept) if self.kept else torch.zeros(1)
        self.kept = []
        low, high = self.range
        if self.bits == 1:
            values = values[values > 0] if bool((values > 0).any()) else torch.ones(1)
            self.step.set(mean_steps(values[None], self.step.pow2))
        else:
            self.step.set(best_steps(values[None], low, high, self.step.pow2))


class WeightQuantiser(nn.Module):
    """Weights of a layer with M outputs: integers, and one scale for each output or one for all.

    Of one bit they are -1 and 1.  With `clusters` they are entries of a table of trained values (Han et al., "Deep
    Compression", ICLR 2016); the gradient reaches the table, by the sum over the weights of each entry, and the weights
    too, so that they may move to another entry.
    """

    def __init__(self, weight: Tensor, config: TrainConfig) -> None:
        super().__init__()
        self.bits = max(2, config.weight_bits)
        self.bipolar = config.weight_bits == 1
        self.top = (1 << (self.bits - 1)) - 1
        count = weight.shape[0] if config.per_channel else 1
        self.step = Step(count, self.top, weight.numel() // count, config)
        self.entries = nn.Parameter(torch.zeros(config.clusters)) if config.clusters else None

    def forward(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Integers, of the shape of `weight` (M, ..) and in float32, and scales (1,) or (M,)."""
        steps = self.step()
        broad = steps.reshape(-1, *(1,) * (weight.ndim - 1))
        if self.bipolar:
            return straight(weight / broad.detach(), torch.where(weight.detach() < 0, -1.0, 1.0)), steps
        values = weight / broad
        if self.entries is None:
            return nearest(values, -self.top, self.top), steps
        entries = nearest(self.entries, -self.top, self.top)
        codes = (values.detach()[..., None] - entries.detach()).abs().argmin(-1)
        moved = values.clamp(-self.top, self.top)
        return entries[codes] + (moved - moved.detach()), steps

    @torch.no_grad()
    def fit(self, weight: Tensor, least: Tensor) -> None:
        """Choose scales and table by `weight`; no scale is below that of `least` (M,), which biases ask for."""
        rows, least = (x.reshape(len(self.step.value), -1) for x in (weight, least))
        if self.bipolar:
            steps = mean_steps(rows, self.step.pow2)
        else:
            steps = best_steps(rows, -self.top, self.top, self.step.pow2)
        self.step.set(torch.maximum(steps, smallest_steps(least, self.step.pow2)))
        if self.entries is None:
            return
        scaled = (rows / self.step()[:, None]).double().flatten().cpu().numpy()
        found = kmeans(scaled, np.ones_like(scaled), len(self.entries))
        self.entries.copy_(torch.from_numpy(found))

    def coding(self) -> Coding | None:
        """How the hardware stores the weights."""
        if self.bipolar:
            return BIPOLAR
        if self.entries is None:
            return None
        table = nearest(self.entries.detach(), -self.top, self.top)
        return Codebook(np.sort(table.cpu().numpy()).astype(np.int64))
