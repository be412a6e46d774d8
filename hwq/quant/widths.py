"""Widths: what each number of bits for the weights of each layer costs, and what it does to the network's outputs.

The noise that b bits in layer l leave at the outputs is estimated from calibration data in two steps.  First, in one
pass over the network, the weights of each layer are fitted at every width, and the mean squared error that this leaves
before the activation is multiplied by the squared gradient of the outputs there and summed over channels (first-order;
compare Dong et al., "HAWQ-V2", NeurIPS 2020, which uses curvature of the loss and rounding to the nearest).  This
misses that errors of one layer alike at many positions add up, and that later layers, fitted to what arrives, make
good for some of them.  So then each layer, or in deep networks each group of consecutive layers, is narrowed by
itself, the layers after it are fitted again, and its estimates are multiplied by what was measured at the outputs over
what was estimated.  Errors of different layers are taken as independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hwq.frontend import graph as fg
from hwq.quant.allocate import Choice, least_cost, least_noise
from hwq.quant.calibration import Calibration
from hwq.quant.config import BUDGETS, Cost, LayerConfig, QuantConfig, WeightKind
from hwq.quant.equalise import choose_limits
from hwq.quant.fitting import Fitted, LinearLayer
from hwq.quant.formats import Formats, choose_formats
from hwq.quant.lower import lower
from hwq.quant.observers import Survey
from hwq.quant.pipeline import equalised, output_noise
from hwq.quant.progress import Progress
from hwq.quant.weights import Fit

PROBES = 16
"""Groups of layers that are narrowed by themselves, at most."""
TRUST = 50.0
"""A correction is at most so large, and at least one over it: a measured noise may also rise or fall by chance."""

Bits = dict[str, int]
"""Bits for each linear layer, in network order."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a layer's weights cost and do at each width.

    `noise` is the squared error of the network's outputs as a share of their energy.  `rom` counts the bits of weights
    and tables.  `work` is the multiplications for a sample times the bits of an input: times the bits of a weight it
    counts the one-bit products in all multiplications.
    """

    layer: str
    weights: int
    work: int
    noise: dict[int, float]
    rom: dict[int, int]

    @property
    def widest(self) -> int:
        """The most bits."""
        return max(self.noise)

    def nearest(self, bits: int) -> int:
        """The width that comes nearest to `bits`."""
        return min(self.noise, key=lambda width: (abs(width - bits), width))

    def cost(self, kind: Cost, bits: int) -> int:
        """Cost at a width."""
        return self.rom[bits] if kind is Cost.ROM else self.work * bits

    def choices(self, kind: Cost) -> list[Choice]:
        """All widths."""
        return [Choice(bits, self.cost(kind, bits), noise) for bits, noise in self.noise.items()]

    def times(self, factor: float) -> Sensitivity:
        """The same with `factor` times the noise."""
        return replace(self, noise={bits: noise * factor for bits, noise in self.noise.items()})


@dataclass(frozen=True, slots=True)
class Table:
    """Sensitivities of all linear layers; `base` is the noise that activations and all else leave."""

    base: float
    layers: tuple[Sensitivity, ...]

    def cost(self, kind: Cost, bits: Mapping[str, int]) -> int:
        """Total cost."""
        return sum(layer.cost(kind, bits[layer.layer]) for layer in self.layers)

    def units(self, kind: Cost) -> int:
        """What an average is over: weights, or multiplications times input bits."""
        return max(1, sum(layer.weights if kind is Cost.ROM else layer.work for layer in self.layers))

    def least(self, kind: Cost) -> int:
        """The lowest cost there is."""
        return sum(min(choice.cost for choice in layer.choices(kind)) for layer in self.layers)

    def noise(self, bits: Mapping[str, int]) -> float:
        """Predicted noise."""
        return self.base + sum(layer.noise[bits[layer.layer]] for layer in self.layers)

    def widest(self) -> Bits:
        """The most bits everywhere."""
        return {layer.layer: layer.widest for layer in self.layers}

    def even(self) -> list[tuple[int, Bits]]:
        """For each width the same bits everywhere, or the nearest that a layer may have."""
        widths = sorted({width for layer in self.layers for width in layer.noise})
        return [(width, {layer.layer: layer.nearest(width) for layer in self.layers}) for width in widths]

    def within(self, kind: Cost, budget: float) -> Bits | None:
        """Bits of least noise whose cost is at most `budget`; None if there are none."""
        return self._bits(least_noise([layer.choices(kind) for layer in self.layers], int(budget)))

    def below(self, kind: Cost, noise: float) -> Bits | None:
        """Bits of least cost whose predicted noise is at most `noise`; None if there are none."""
        return self._bits(least_cost([layer.choices(kind) for layer in self.layers], noise - self.base))

    def _bits(self, chosen: list[Choice] | None) -> Bits | None:
        if chosen is None:
            return None
        return {layer.layer: choice.bits for layer, choice in zip(self.layers, chosen, strict=True)}


def with_bits(config: QuantConfig, bits: Mapping[str, int]) -> QuantConfig:
    """`config` with a rule for each layer whose width no rule sets yet, and without a budget."""
    none: dict[str, Any] = dict.fromkeys(BUDGETS)
    config = replace(config, **none)
    for name, width in bits.items():
        if not _is_set(config, name):
            config = config.with_rule(name, **_options(config.of(name), width))
    return config


def measure_table(data: Calibration, seen: Survey, config: QuantConfig, progress: Progress) -> Table:
    """Sensitivities of a network, in its equalised form if `config` equalises."""
    energy = sum(float((data.tensor(name).astype(np.float64) ** 2).sum()) for name in data.judged)
    if config.equalise:
        data, seen = equalised(data, seen, config, choose_limits(data.graph, seen, config))
    formats = choose_formats(data.graph, seen.tensors, config)
    tried = _Tried(data, formats, config, seen, max(energy, 1e-300) / data.count, progress)
    noise = _noise(tried, config)
    table = Table(noise, tuple(tried.table))
    factors: dict[str, float] = {}
    groups = _groups(table.layers)
    for number, group in enumerate(groups):
        progress("Narrowing layers one by one", number / len(groups))
        narrow = {layer.layer: layer.nearest(config.least_bits + 1) for layer in group}
        probe = _Probe(tried, group[0].layer, with_bits(config, table.widest() | narrow))
        estimate = sum(layer.noise[narrow[layer.layer]] - layer.noise[layer.widest] for layer in group)
        if estimate > 0.0:
            ratio = (_noise(probe, probe.config) - noise) / estimate
            factors |= dict.fromkeys(narrow, float(np.clip(ratio, 1.0 / TRUST, TRUST)))
    layers = tuple(layer.times(factors.get(layer.layer, 1.0)) for layer in table.layers)
    return Table(max(0.0, noise - sum(layer.noise[layer.widest] for layer in layers)), layers)


def _groups(layers: Sequence[Sensitivity]) -> list[list[Sensitivity]]:
    """Layers that have a choice, in at most `PROBES` groups of consecutive ones."""
    free = [layer for layer in layers if len(layer.noise) > 1]
    parts = np.array_split(np.arange(len(free)), min(PROBES, max(1, len(free))))
    return [[free[k] for k in part] for part in parts if len(part)]


def _noise(weights: Fitted, config: QuantConfig) -> float:
    """Noise of the program with `weights`, which are fitted on the way."""
    program = lower(weights.data.graph, weights.formats, config, weights)
    return output_noise(weights.data, weights.trace.values, program)


class _Tried(Fitted):
    """Weights fitted at every width that a layer may have; those of the widest are used.

    `energy` is that of the outputs for one sample.
    """

    def __init__(
        self, data: Calibration, formats: Formats, config: QuantConfig, seen: Survey, energy: float, progress: Progress
    ) -> None:
        super().__init__(data, formats, config, seen)
        self.energy, self.progress = energy, progress
        self.table: list[Sensitivity] = []
        self.count = sum(isinstance(layer, fg.Conv | fg.Dense) for layer in data.graph.layers)

    def of(self, layer: LinearLayer) -> Fit:
        """Fit `layer` at every width."""
        self.progress("Trying widths of weights", len(self.table) / self.count)
        seen, config = self.moments(layer), self.config.of(layer.name)
        gain = self.seen.gains[layer.name] / self.energy
        noise: dict[int, float] = {}
        rom: dict[int, int] = {}
        for bits, options in _widths(self.config, layer.name).items():
            found = self.fits[layer.name] = self.fit(layer, seen, replace(config, **options))
            noise[bits], rom[bits] = float(found.error @ gain), found.rom_bits
        pixels = int(np.prod(self.data.graph.shapes[layer.name][1:]))
        work = layer.weight.size * pixels * self.formats[layer.inputs[0]].bits
        self.table.append(Sensitivity(layer.name, layer.weight.size, work, noise, rom))
        return self.fits[layer.name]


class _Probe(Fitted):
    """Weights as `tried` found them before the layer called `first`, and fitted from there on."""

    def __init__(self, tried: Fitted, first: str, config: QuantConfig) -> None:
        super().__init__(tried.data, tried.formats, config, tried.seen)
        names = list(tried.fits)
        self.fits = {name: tried.fits[name] for name in names[: names.index(first)]}

    def of(self, layer: LinearLayer) -> Fit:
        """What was found before, or a fit."""
        return self.fits[layer.name] if layer.name in self.fits else super().of(layer)


def _options(config: LayerConfig, bits: int) -> dict[str, Any]:
    """Options of a layer whose weights take `bits`: of a codebook, the number of entries."""
    return {"entries": 1 << bits} if config.weights is WeightKind.CODEBOOK else {"weight_bits": bits}


def _is_set(config: QuantConfig, name: str) -> bool:
    """Whether a rule sets the width of layer `name`."""
    (option,) = _options(config.of(name), 1)
    return config.sets(name, option)


def _widths(config: QuantConfig, name: str) -> dict[int, dict[str, Any]]:
    """Bits that the weights of layer `name` may have, rising, and their options; one where a rule sets the width."""
    chosen = config.of(name)
    codebook = chosen.weights is WeightKind.CODEBOOK
    if _is_set(config, name):
        return {(chosen.entries - 1).bit_length() if codebook else chosen.weight_bits: {}}
    low, high = 2 if chosen.weights is WeightKind.POWERS else 1, 8 if codebook else 16
    first, last = (min(max(bits, low), high) for bits in (config.least_bits, config.most_bits))
    return {bits: _options(chosen, bits) for bits in range(first, last + 1)}
