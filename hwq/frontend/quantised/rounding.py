"""Rounding: how hardware makes the integers of a quantiser, exactly where it can, else with a proved bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwq.arith import signed_bits
from hwq.frontend import graph as fg
from hwq.frontend.node import Refusal
from hwq.frontend.quantised.fit import GAINS, Fit, Levels, fit, gains_for, levels_of, nearest
from hwq.frontend.quantised.layers import Quantise
from hwq.frontend.quantised.made import Made
from hwq.frontend.quantised.quantiser import Quantiser, Rule, check_data, codes_of, type_of
from hwq.frontend.quantised.steps import Start
from hwq.frontend.quantised.sums import LinearSums, OneSums, Rounded, Sums
from hwq.frontend.quantised.values import Data
from hwq.ir.program import MAX_WIDE_BITS
from hwq.ops import Table, Threshold
from hwq.ops.lookup import MAX_INDEX_BITS
from hwq.ops.threshold import MAX_THRESHOLDS

FEW = 15
"""Comparators for each lane that are worth their area where no multiplier and shift gives the same integers."""
MAX_LEVELS = 1 << 24
"""Places of levels, channels times integers, that are looked for in one layer."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How a layer stands to the model.

    `exact`: for every sum that can occur it has the integer of the model.  Else `values` sums have another one, and
    what is rounded lies `deviation` steps of the result off at most.  `order` tells that the model itself sums in
    floats that round, so that its integers depend on the order of its sums: they are judged by real arithmetic.
    """

    exact: bool
    deviation: float = 0.0
    values: int = 0
    order: bool = False


class Rounds:
    """Makes the operations of quantisers; `quality` tells of each how it stands to the model."""

    def __init__(self, graph: fg.FloatGraph, made: Made) -> None:
        self._graph, self._made = graph, made
        self.quality: dict[str, Quality] = {}

    def rounded(self, layer: Quantise, data: Data) -> Data:
        """The integers of `layer`, a quantiser of `data`.

        Raises
        ------
        Refusal
            When hardware cannot make them.
        """
        if isinstance(layer.rule, Quantiser) and layer.rule.scale.size != 1:
            raise Refusal(f"{layer.rule.scale.size} scales for data, expected one")
        check_data(codes_of(layer.rule))
        source = data.source
        made = self._of_integers(layer, data, source) if isinstance(source, str) else self._of_sums(layer, data, source)
        return Data(made, Start.of_data(1, 0, 1.0))

    def _of_integers(self, layer: Quantise, data: Data, source: str) -> str:
        """Integers of the integers of a tensor: the same ones, rescaled ones, or those of a table."""
        if data.varies or layer.rule.varies:
            return self._of_sums(layer, data, self._each_channel(layer, source))
        low, high = self._made.types[source].range
        first, last = self._made.intervals[source]
        every = np.arange(low, high + 1)
        y = layer.rule.integers(data.real(every[:, None])).ravel()
        within = slice(first - low, last - low + 1)
        if np.array_equal(y[within], every[within]):
            return source
        if (np.diff(y[within]) >= 0).all():
            sums = OneSums.of(layer.name, layer.source, source, (first, last))
            levels = self._levels(layer, data, sums)
            found = self._exact(layer, data, sums, levels)
            if found is not None:
                return self._emit(layer, data, sums, levels, found)
        if self._made.types[source].bits > MAX_INDEX_BITS:
            return self._of_sums(layer, data, self._each_channel(layer, source))
        bits, signed = type_of(codes_of(layer.rule))
        table = Table(
            name=layer.name, inputs=(source,), entries=y, step=0, fraction=0, low=low, bits=bits, signed=signed
        )  # fmt: skip
        self.quality[layer.name] = Quality(exact=True)
        return self._made.add(table, layer.source)

    def _each_channel(self, layer: Quantise, source: str) -> LinearSums:
        """A tensor as sums that have a sign and a multiplier for each channel."""
        channels = self._channels(layer)
        ones = np.ones((channels, 1, 1, 1))
        conv = fg.Conv(
            name=layer.name, inputs=(source,), source=layer.source, weight=ones, bias=np.zeros(channels),
            groups=channels,
        )  # fmt: skip
        return LinearSums.of(conv, source, self._made.intervals[source], ones.astype(np.int64), 0)

    def _of_sums(self, layer: Quantise, data: Data, sums: Sums) -> str:
        """An operation that rounds its sums; or thresholds behind it; or the nearest that it can do."""
        levels = self._levels(layer, data, sums)
        found = self._exact(layer, data, sums, levels)
        if found is not None:
            return self._emit(layer, data, sums, levels, found)
        count = levels.reached.shape[1]
        bits = max(2, signed_bits(sums.interval) + bool(levels.down.any()))
        is_line = data.line is not None and quantiser_step(layer.rule) is not None
        most = MAX_THRESHOLDS if data.start.is_exact or not is_line else FEW
        if bits <= MAX_WIDE_BITS and count <= most:
            return self._thresholds(layer, sums, levels, bits)
        if not is_line:
            raise Refusal(
                f"has {count} thresholds over sums of {bits} bits, expected at most {MAX_THRESHOLDS} and "
                f"{MAX_WIDE_BITS} bits. Use fewer bits"
            )
        return self._emit(layer, data, sums, levels, self._nearest(layer, data, sums, levels))

    def _levels(self, layer: Quantise, data: Data, sums: Sums) -> Levels:
        """Where the integers of `layer` change."""
        count = self._channels(layer) if len(sums.low) > 1 or data.varies or layer.rule.varies else 1
        low, high = np.broadcast_to(sums.low, count), np.broadcast_to(sums.high, count)
        way = np.broadcast_to(data.direction, count)
        if (abs(way) == 2).any():
            channel = int((abs(way) == 2).argmax())
            raise Refusal(f"channel {channel} rises and falls with its sums, expected one of both")
        down = way < 0
        if down.any() and not sums.has_weights:
            raise Refusal("falls where the integers before it grow, expected that of layers alone. Negate it there")
        least, most = codes_of(layer.rule)
        if (most - least) * count > MAX_LEVELS:
            raise Refusal(f"has {most - least} levels in each of {count} channels, expected fewer. Use fewer bits")
        signs = np.where(down, -1, 1)
        return levels_of(
            lambda sums: layer.rule.integers(data.real(sums * signs)),
            np.where(down, -high, low), np.where(down, -low, high), down,
        )  # fmt: skip

    def _exact(self, layer: Quantise, data: Data, sums: Sums, levels: Levels) -> Fit | None:
        """A requantisation with exactly the integers of the model, if there is one."""
        if data.line is None and levels.reached.size:
            return None
        ratios = _ratios(layer, data, levels)
        gains = gains_for(ratios, sums.most_gain) if sums.has_weights else GAINS[:1]
        found = fit(levels, ratios, zeros_of(layer.rule), gains, len(sums.low) == 1, sums.only_shifts)
        return None if found is None or (not sums.has_bias and found.bias.any()) else found

    def _nearest(self, layer: Quantise, data: Data, sums: Sums, levels: Levels) -> Fit:
        """The requantisation that is next to the model's."""
        assert data.line is not None
        zero, own = zeros_of(layer.rule)[0], getattr(layer.rule, "zero_point", 0)
        offsets = np.broadcast_to(data.line[1] / (quantiser_step(layer.rule) or 1.0) + own, len(levels.low))
        shared = len(sums.low) == 1
        found = nearest(levels, _ratios(layer, data, levels), offsets, zero, shared, sums.most_gain)
        if not sums.has_bias and found.bias.any():
            raise Refusal("adds a constant to a product of tensors, expected none. Quantise the product before")
        return found

    def _emit(self, layer: Quantise, data: Data, sums: Sums, levels: Levels, found: Fit) -> str:
        """The operation with the requantisation that was found."""
        if sums.name != layer.name:
            self._made.claim(sums)
        channels = self._channels(layer)
        bias, gain, down = (np.broadcast_to(array, channels) for array in (found.bias, found.gain, levels.down))
        bits, signed = type_of(codes_of(layer.rule))
        op = sums.op(layer.name, Rounded(bias.copy(), gain, down, found.requant, bits, signed))
        order = not data.start.is_exact
        deviation = found.deviation + sums.apart * float(_ratios(layer, data, levels).max())
        self.quality[layer.name] = Quality(found.is_exact and not order, deviation, found.values, order)
        return self._made.add(op, sums.label)

    def _thresholds(self, layer: Quantise, sums: Sums, levels: Levels, bits: int) -> str:
        """Sums as they stand, compared with each level."""
        if isinstance(sums, OneSums):
            source = sums.source
        else:
            name = sums.name if sums.name != layer.name else self._made.inner_name(f"{layer.name}_sums")
            self._made.claim(sums)
            down = np.broadcast_to(levels.down, self._channels(layer))
            source = self._made.add(sums.op(name, Rounded.not_at_all(down, bits)), sums.label)
        rows = levels.reached[:1] if (levels.reached == levels.reached[0]).all() else levels.reached
        width, signed = type_of(codes_of(layer.rule))
        op = Threshold(name=layer.name, inputs=(source,), thresholds=rows, low=levels.first, bits=width, signed=signed)
        self.quality[layer.name] = Quality(exact=True)
        return self._made.add(op, layer.source)

    def _channels(self, layer: fg.Layer) -> int:
        return self._graph.shapes[layer.name][0]


def _ratios(layer: Quantise, data: Data, levels: Levels) -> np.ndarray:
    """Steps of the result in a sum, by channel."""
    step, slope = quantiser_step(layer.rule), (data.line or (np.ones(1), np.ones(1)))[0]
    if step is None:
        return _spacing(levels)
    ratios = np.broadcast_to(abs(slope) / step, len(levels.low)).astype(np.float64)
    ratios[ratios == 0] = ratios.max() or 1.0
    return ratios


def quantiser_step(rule: Rule) -> float | None:
    """Real distance of two integers; None where it is not the same everywhere."""
    return float(rule.scale.ravel()[0]) if isinstance(rule, Quantiser) and not rule.bipolar else None


def zeros_of(rule: Rule) -> tuple[int, ...]:
    """Zero points that a requantisation may have, the one of the rule first where its type holds it."""
    zero, (bits, _) = rule.zero_point if isinstance(rule, Quantiser) else 0, type_of(codes_of(rule))
    return (zero, 0) if zero and -(1 << bits) <= zero < 1 << bits else (0,)


def _spacing(levels: Levels) -> np.ndarray:
    """Integers for each sum, from the first level to the last of each channel."""
    count = levels.reached.shape[1]
    apart = levels.reached[:, -1] - levels.reached[:, 0] if count else np.zeros(len(levels.low))
    return np.where(apart > 0, (count - 1) / np.maximum(apart, 1), 1.0)
