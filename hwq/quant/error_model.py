"""Error model: the squared error of the outputs that factors of channels lead to, to first order."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwq.frontend import graph as fg
from hwq.ir.types import Format
from hwq.quant.config import PortScales, QuantConfig
from hwq.quant.fitting import LinearLayer
from hwq.quant.formats import tensor_format
from hwq.quant.groups import Factors, Group, by_input
from hwq.quant.observers import Survey
from hwq.quant.ranges import pow2_ceil
from hwq.quant.sharing import keeps_format

SPREAD = 2.0**-20
"""A channel with a range below this share of the tensor's is dead, and left alone."""
PHASES = 8
"""Factors tried in each octave."""
GRID = 2.0 ** (np.arange(-2 * PHASES, 2 * PHASES + 1) / PHASES)
"""Factors tried, around the one that equalises the ranges of channels."""
WIDEST = 0.98
"""Channels with this share of the largest range count as those that an upper bound clips."""
DEVIATIONS = 2.0
"""Standard deviations of a channel before its activation that its range has at least."""
ROUNDED = 0.25
"""What is left of the error of rounding weights to the nearest when a weight solver has made good for it."""

Array = NDArray[np.float64]


class ErrorModel:
    """Predicts the squared error of the outputs, for one sample, that the factors of a group cause."""

    def __init__(self, graph: fg.FloatGraph, seen: Survey, config: QuantConfig) -> None:
        self.graph, self.seen, self.config = graph, seen, config
        kept = {layer.name for layer in graph.layers if keeps_format(layer)}
        self.free = {
            name: tensor_format(graph, name, seen.tensors, config, pow2=False)
            for name in seen.tensors
            if name not in kept
        }
        self._known: dict[Group, tuple[str, Array, Array]] = {}
        self._errors: dict[tuple[Group, bytes], tuple[NDArray[np.bool_], Array, Array]] = {}

    def port_factors(self, group: Group) -> Array:
        """The factor that makes the best real step of the interface a power of two, or 1."""
        factors = self._shared(group)
        return factors if self.config.port_scales is PortScales.FREE else np.ones(len(factors))

    def _shared(self, group: Group) -> Array:
        """The factor that makes the best real step a power of two, for all channels."""
        step = self.free[self._facts(group)[0]].form.scale
        return np.full(len(self.seen.tensors[group.tensors[0]].lows), pow2_ceil(step) / step)

    def factors(self, group: Group, factors: Factors, limit: float) -> Array:
        """The best factor of each channel on the grid, given those of the other groups; `limit` as in `equalise`."""
        if self._clips_both_ways(group):
            return self._shared(group)
        dead, equal, activations = self._rounded(group, limit)
        if dead.all():
            return np.ones(len(dead))
        squared = (equal * GRID[:, None]) ** 2
        larger, smaller = self._read(group, factors)
        error = activations + larger * squared + smaller / squared
        for layer in self._makers(group):
            error += self._made(layer, factors, equal * GRID[:, None])
        error[:, dead] = 0.0
        best: Array = equal * GRID[self._allowed(group, np.where(dead, 0.0, 1.0 / equal), error).argmin(axis=0)]
        best[dead] = best[~dead].min() if self._clips(group) else 1.0
        return best

    def _clips(self, group: Group) -> bool:
        """True where an activation has an upper bound, as ReLU6 has: hardware has one for all channels."""
        return any(math.isfinite(clip.high) for clip in self._bounds(group))

    def _clips_both_ways(self, group: Group) -> bool:
        """True where an activation has a lower bound that is not zero: with two bounds, channels have one factor."""
        return any(math.isfinite(clip.low) and clip.low != 0.0 for clip in self._bounds(group))

    def _bounds(self, group: Group) -> list[fg.Clip]:
        return [fg.clip_of(layer) for layer in self.graph.layers if layer.name in group.tensors]

    def _makers(self, group: Group) -> list[LinearLayer]:
        """The linear layers whose outputs are in the group."""
        layers = (layer for layer in self.graph.layers if layer.name in group.tensors)
        return [layer for layer in layers if isinstance(layer, fg.Conv | fg.Dense)]

    def _allowed(self, group: Group, ranges: Array, error: Array) -> Array:
        """`error`, infinite for factors that would bring the bound of one channel into the range of another.

        Channels with the largest ranges get one factor.  The others' are no smaller, so that the tightest bound is
        that of the largest channels, and raise no range above theirs.
        """
        if not self._clips(group):
            return error
        largest = ranges >= WIDEST * ranges.max()
        common = GRID[error[:, largest].sum(axis=1).argmin()]
        least = common * ranges / ranges.max()
        allowed = (GRID[:, None] <= common) & (GRID[:, None] >= least[None, :])
        allowed[:, largest] = GRID[:, None] == common
        allowed[np.searchsorted(GRID, common), ~allowed.any(axis=0)] = True
        return np.where(allowed, error, np.inf)

    def weight_error(self, group: Group, factors: Factors) -> float:
        """Rounding error of the weights that make and read a group."""
        squared = factors[group.tensors[0]][None] ** 2
        larger, smaller = self._read(group, factors)
        error = (larger * squared + smaller / squared).sum() / 2.0
        for layer in self._makers(group):
            error += self._made(layer, factors, factors[layer.name][None]).sum()
        return float(error)

    def _rounded(self, group: Group, limit: float) -> tuple[NDArray[np.bool_], Array, Array]:
        """Dead channels, the factors that equalise ranges, and the error of activations over the grid, (grid, C)."""
        lead, seen, reach = self._facts(group)
        reach = np.minimum(np.maximum(reach, seen.max() / limit), seen.max())
        key = group, reach.tobytes()
        if key not in self._errors:
            best, ranges = self.free[lead].form.scale, np.maximum(seen, reach)
            dead = seen <= SPREAD * seen.max()
            step = pow2_ceil(best)
            equal = np.where(dead, 1.0, step / best * ranges.max() / np.where(dead, 1.0, ranges))
            error = np.zeros((len(GRID), len(ranges)))
            error[GRID[:, None] * reach > ranges] = np.inf
            for name in (name for name in group.tensors if name in self.free):
                exponent = round(math.log2(self.free[name].form.scale / best))
                for k, ratio in enumerate(GRID):
                    error[k] += self._noise(name, step * 2.0**exponent, equal * ratio)
            self._errors[key] = dead, equal, error
        return self._errors[key]

    def _facts(self, group: Group) -> tuple[str, Array, Array]:
        """The tensor of the group whose rounding costs most, how far its channels went, and how far they may go."""
        if group not in self._known:
            lead = self._lead(group)
            found = self.seen.tensors[lead]
            self._known[group] = lead, np.maximum(np.abs(found.lows), found.highs), self._reach(group)
        return self._known[group]

    def _reach(self, group: Group) -> Array:
        """How far each channel may be expected to go, whatever the samples show: `DEVIATIONS` of its inputs' spread.

        Some channels hardly ever get above zero in the samples; their range says nothing.
        """
        square = np.zeros(len(self.seen.tensors[group.tensors[0]].lows))
        for layer in self._makers(group):
            variance = fg.by_weight(layer, self.seen.tensors[layer.inputs[0]].variance)[:, :, 0, 0]
            square += ((layer.weight**2).sum(axis=(2, 3)) * variance).sum(axis=1)
        reach: Array = DEVIATIONS * np.sqrt(square)
        return reach

    def _noise(self, name: str, step: float, factors: Array | None = None) -> Array:
        """Error of rounding a tensor, for each channel, (C,)."""
        seen, free = self.seen.tensors[name], self.free[name]
        return seen.output_error(Format(step, free.form.zero_point), free.levels, factors) / self.seen.samples

    def _lead(self, group: Group) -> str:
        """The tensor of the group whose rounding costs most."""
        names = [name for name in group.tensors if name in self.free]
        return max(names, key=lambda name: float(self._noise(name, self.free[name].form.scale).sum()))

    def _read(self, group: Group, factors: Factors) -> tuple[Array, Array]:
        """Rounding error of the weights that read each channel: what rises and what falls with its squared factor.

        A row of D weights, best rounded, errs by a share of its mean square in each weight; the error of the output is
        then the product of two sums over channels, of squared weights and of squared inputs, and each channel's part
        in it is linear in both.
        """
        larger = np.zeros(len(factors[group.tensors[0]]))
        smaller = larger.copy()
        for layer in self.graph.layers:
            if not isinstance(layer, fg.Conv | fg.Dense) or layer.inputs[0] not in group.tensors:
                continue
            count, inputs = fg.groups_of(layer), layer.weight.shape[1]
            if count > 1 and inputs == 1:  # no other channel is in the row
                continue
            share = ROUNDED * 4.0 ** (1 - self.config.of(layer.name).weight_bits) / inputs
            weight = layer.weight.reshape(count, -1, *layer.weight.shape[1:])
            squares = np.einsum("gm,gmcij->gc", self.seen.gains[layer.name].reshape(count, -1), weight**2)
            power = self.seen.tensors[layer.inputs[0]].variance.reshape(count, -1)
            squared = factors[layer.inputs[0]].reshape(count, -1) ** 2
            larger += share * ((squares / squared).sum(1, keepdims=True) * power).ravel()
            smaller += share * ((squared * power).sum(1, keepdims=True) * squares).ravel()
        return larger, smaller

    def _made(self, layer: LinearLayer, factors: Factors, tried: Array) -> Array:
        """Rounding error of the weights that make each channel, for each of the factors `tried`, (n, M)."""
        weight = by_input(layer, factors)
        power = self.seen.tensors[layer.inputs[0]].variance * factors[layer.inputs[0]] ** 2
        energy = np.broadcast_to(fg.by_weight(layer, power), weight.shape).reshape(len(weight), -1)
        rows, top = weight.reshape(len(weight), -1), self._top(layer)
        full = np.maximum(np.abs(rows).max(1), 1e-300) / top
        error = np.full(tried.shape, np.inf)
        for k, factor in enumerate(tried):
            for lower in range(3):
                step = (2.0 ** (np.ceil(np.log2(full * factor)) - lower) / factor)[:, None]
                rounded = np.clip(np.floor(rows / step + 0.5), -top, top) * step
                error[k] = np.minimum(error[k], ((rounded - rows) ** 2 * energy).sum(1))
        return ROUNDED * error * self.seen.gains[layer.name]

    def _top(self, layer: fg.Layer) -> int:
        return max(1, (1 << (self.config.of(layer.name).weight_bits - 1)) - 1)
