"""Equalisation: a factor for each channel of the float network, which changes nothing but how well it quantises.

A channel may be multiplied by any positive number when its consumers divide by it: clips at zero, maxima and sums of
equally scaled tensors do not mind (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", ICCV 2019, section 4.1).  There the factors equalise weight ranges; here they are those of the least
predicted error of the outputs, real numbers, so that with power-of-two scales each channel still gets the step that
suits it: the mantissa of the step goes into the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwq.arith import int_range
from hwq.frontend import graph as fg
from hwq.ir.types import Format
from hwq.quant.config import PortScales, QuantConfig
from hwq.quant.fitting import is_depthwise
from hwq.quant.formats import keeps_format, tensor_format
from hwq.quant.observers import Survey
from hwq.quant.ranges import pow2_ceil

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
TURNS = 3
"""Times that all groups are gone through: what is best for one depends on its neighbours."""
ROUNDED = 0.25
"""What is left of the error of rounding weights to the nearest when a weight solver has made good for it."""

Array = NDArray[np.float64]
Factors = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Group:
    """Tensors that have the same factors, as additions, pools and padding join them."""

    tensors: tuple[str, ...]
    port: bool
    """The interface of the model is among them: one factor for all channels."""


def groups(graph: fg.FloatGraph) -> list[Group]:
    """All groups, in the order of their first tensors; indices are in none."""
    member: dict[str, list[str]] = {name: [name] for name in graph.shapes}
    for layer in graph.layers:
        if isinstance(layer, fg.Add | fg.Activation | fg.AvgPool | fg.MaxPool | fg.Pad):
            for name in layer.inputs:
                if member[name] is not member[layer.name]:
                    member[name].extend(member[layer.name])
                    for moved in member[layer.name]:
                        member[moved] = member[name]
    ports = {port.tensor for port in graph.inputs} | {port.tensor for port in graph.outputs}
    ports |= {layer.inputs[0] for layer in graph.layers if isinstance(layer, fg.ArgMax)}
    ports |= {layer.name for layer in graph.layers if isinstance(layer, fg.Pad) and layer.value != 0.0}
    indices = {layer.name for layer in graph.layers if isinstance(layer, fg.ArgMax)}
    unique = {id(names): names for names in member.values() if not indices & set(names)}
    return [Group(tuple(names), bool(ports & set(names))) for names in unique.values()]


def scaled(graph: fg.FloatGraph, factors: Factors) -> fg.FloatGraph:
    """The graph in which channel c of tensor t is ``factors[t][c]`` times what it was."""
    return graph.with_layers(tuple(_scaled(layer, factors) for layer in graph.layers))


def _scaled(layer: fg.Layer, factors: Factors) -> fg.Layer:
    if isinstance(layer, fg.ArgMax):
        return layer
    out = factors[layer.name]
    if isinstance(layer, fg.Conv | fg.Dense):
        weight = _by_input(layer, factors) * out[:, None, None, None]
        return replace(layer, weight=weight, bias=layer.bias * out, clip=layer.clip.times(out))
    if isinstance(layer, fg.Add | fg.Activation):
        return replace(layer, clip=layer.clip.times(out))
    return replace(layer, value=layer.value * float(out[0])) if isinstance(layer, fg.Pad) else layer


def _by_input(layer: fg.Conv | fg.Dense, factors: Factors) -> Array:
    """Weights (M, C, KH, KW) for an input whose channels were multiplied."""
    into = factors[layer.inputs[0]]
    divided: Array = layer.weight / (into[:, None, None, None] if is_depthwise(layer) else into[None, :, None, None])
    return divided


def choose_factors(graph: fg.FloatGraph, seen: Survey, config: QuantConfig, limit: float = math.inf) -> Factors:
    """Factors of least predicted error for every tensor but indices.

    No channel is taken to reach less far than the one that reaches farthest in its tensor, divided by `limit`.
    """
    factors = {name: np.ones(len(found.lows)) for name, found in seen.tensors.items()}
    model = _Model(graph, seen, config, limit)
    all_groups = groups(graph)
    for _ in range(TURNS):
        for group in all_groups:
            found = model.port_factors(group) if group.port else model.factors(group, factors)
            factors |= dict.fromkeys(group.tensors, found)
    return factors


class _Model:
    """Predicts the squared error of the outputs, for one sample, that the factors of a group cause."""

    def __init__(self, graph: fg.FloatGraph, seen: Survey, config: QuantConfig, limit: float) -> None:
        self.graph, self.seen, self.config, self.limit = graph, seen, config, limit
        kept = {layer.name for layer in graph.layers if keeps_format(layer)}
        self.free = {
            name: tensor_format(graph, name, seen.tensors, config, pow2=False)
            for name in seen.tensors
            if name not in kept
        }
        self._known: dict[Group, tuple[NDArray[np.bool_], Array, Array]] = {}

    def port_factors(self, group: Group) -> Array:
        """The factor that makes the best real step of the interface a power of two, or 1."""
        step = self.free[self._lead(group)].form.scale
        factor = pow2_ceil(step) / step if self.config.port_scales is PortScales.FREE else 1.0
        return np.full(len(self.seen.tensors[group.tensors[0]].lows), factor)

    def factors(self, group: Group, factors: Factors) -> Array:
        """The best factor of each channel on the grid, given those of the other groups."""
        dead, equal, activations = self._rounded(group)
        squared = (equal * GRID[:, None]) ** 2
        larger, smaller = self._read(group, factors)
        error = activations + larger * squared + smaller / squared
        for layer in self.graph.layers:
            if layer.name in group.tensors and isinstance(layer, fg.Conv | fg.Dense):
                error += self._made(layer, factors, equal)
        error[:, dead] = 0.0
        best: Array = equal * GRID[self._allowed(group, equal, error).argmin(axis=0)]
        best[dead] = best[~dead].min(initial=1.0) if self._clips(group) else 1.0
        return best

    def _clips(self, group: Group) -> bool:
        """True where an activation has an upper bound, as ReLU6 has: hardware has one for all channels."""
        layers = (layer for layer in self.graph.layers if layer.name in group.tensors)
        return any(math.isfinite(getattr(layer, "clip", fg.Clip()).high) for layer in layers)

    def _allowed(self, group: Group, equal: Array, error: Array) -> Array:
        """`error`, infinite for factors that would bring the bound of one channel into the range of another.

        Channels with the largest ranges get one factor.  The others' are no smaller, so that the tightest bound is
        that of the largest channels, and raise no range above theirs.
        """
        if not self._clips(group):
            return error
        ranges = 1.0 / equal
        largest = ranges >= WIDEST * ranges.max()
        common = GRID[error[:, largest].sum(axis=1).argmin()]
        least = common * ranges / ranges.max()
        allowed = (GRID[:, None] <= common) & (GRID[:, None] >= least[None, :])
        allowed[:, largest] = GRID[:, None] == common
        allowed[np.searchsorted(GRID, common), ~allowed.any(axis=0)] = True
        return np.where(allowed, error, np.inf)

    def _rounded(self, group: Group) -> tuple[NDArray[np.bool_], Array, Array]:
        """Dead channels, the factors that equalise ranges, and the error of activations over the grid, (grid, C)."""
        if group not in self._known:
            lead = self._lead(group)
            found, best = self.seen.tensors[lead], self.free[lead].form.scale
            seen = np.maximum(np.abs(found.lows), found.highs)
            reach = np.minimum(np.maximum(self._reach(group), seen.max() / self.limit), seen.max())
            ranges = np.maximum(seen, reach)
            dead = seen <= SPREAD * seen.max()
            step = pow2_ceil(best)
            equal = np.where(dead, 1.0, step / best * ranges.max() / np.where(dead, 1.0, ranges))
            error = np.zeros((len(GRID), len(ranges)))
            error[GRID[:, None] * reach > ranges] = np.inf
            for name in (name for name in group.tensors if name in self.free):
                exponent = round(math.log2(self.free[name].form.scale / best))
                for k, ratio in enumerate(GRID):
                    error[k] += self._noise(name, step * 2.0**exponent, equal * ratio)
            self._known[group] = dead, equal, error
        return self._known[group]

    def _reach(self, group: Group) -> Array:
        """How far each channel may be expected to go, whatever the samples show: `DEVIATIONS` of its inputs' spread.

        Some channels hardly ever get above zero in the samples; their range says nothing.
        """
        square = np.zeros(len(self.seen.tensors[group.tensors[0]].lows))
        for layer in self.graph.layers:
            if layer.name in group.tensors and isinstance(layer, fg.Conv | fg.Dense):
                variance = self.seen.tensors[layer.inputs[0]].variance
                by_input = variance[:, None] if is_depthwise(layer) else variance[None, :]
                square += ((layer.weight**2).sum(axis=(2, 3)) * by_input).sum(axis=1)
        reach: Array = DEVIATIONS * np.sqrt(square)
        return reach

    def _noise(self, name: str, step: float, factors: Array | None = None) -> Array:
        """Error of rounding a tensor, for each channel, (C,)."""
        seen, free = self.seen.tensors[name], self.free[name]
        levels = int_range(free.bits, free.signed)
        return seen.output_error(Format(step, free.form.zero_point), levels, factors) / self.seen.samples

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
            if isinstance(layer, fg.Conv | fg.Dense) and layer.inputs[0] in group.tensors and not is_depthwise(layer):
                share = ROUNDED * 4.0 ** (1 - self.config.of(layer.name).weight_bits) / layer.weight.shape[1]
                squares = np.einsum("m,mcij->c", self.seen.gains[layer.name], layer.weight**2)
                power = self.seen.tensors[layer.inputs[0]].variance
                squared = factors[layer.inputs[0]] ** 2
                larger += share * float((squares / squared).sum()) * power
                smaller += share * float((squared * power).sum()) * squares
        return larger, smaller

    def _made(self, layer: fg.Conv | fg.Dense, factors: Factors, equal: Array) -> Array:
        """Rounding error of the weights that make each channel, for every factor of the grid, (grid, M)."""
        weight = _by_input(layer, factors)
        power = self.seen.tensors[layer.inputs[0]].variance * factors[layer.inputs[0]] ** 2
        energy = power[:, None, None, None] if is_depthwise(layer) else power[None, :, None, None]
        energy = np.broadcast_to(energy, weight.shape).reshape(len(weight), -1)
        rows, top = weight.reshape(len(weight), -1), self._top(layer)
        full = np.maximum(np.abs(rows).max(1), 1e-300) / top
        error = np.full((len(GRID), len(rows)), np.inf)
        for k, ratio in enumerate(GRID):
            factor = equal * ratio
            for lower in range(3):
                step = (2.0 ** (np.ceil(np.log2(full * factor)) - lower) / factor)[:, None]
                rounded = np.clip(np.floor(rows / step + 0.5), -top, top) * step
                error[k] = np.minimum(error[k], ((rounded - rows) ** 2 * energy).sum(1))
        return ROUNDED * error * self.seen.gains[layer.name]

    def _top(self, layer: fg.Layer) -> int:
        return max(1, (1 << (self.config.of(layer.name).weight_bits - 1)) - 1)
