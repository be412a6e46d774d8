"""Advice: where more bits would help most, given what each part of a network adds to the error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hwq.frontend import graph as fg
from hwq.quant.config import LayerConfig, QuantConfig, WeightKind

MOST_BITS = 16
MOST_ENTRIES = 256

Parts = tuple[float | None, float | None]
"""What comes from the weights of a layer, and from rounding its output; None where there is no such thing."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`option` of `layer` should become `value`.

    `share` (0 to 1) of the predicted output error comes from its `weights`, or else from rounding its values.
    `sqnr_db` is the signal-to-noise ratio of the outputs when the advice was followed, None without an error.
    """

    layer: str
    weights: bool
    share: float
    option: str
    value: int
    sqnr_db: float | None = None

    def __str__(self) -> str:
        what = {
            "entries": f"a codebook of {self.value} entries",
            "terms": f"{self.value} powers of two in a weight",
        }.get(self.option, f"{self.value} bits")
        cause = "its weights; give it" if self.weights else "rounding its values; give them"
        return f"{self.layer}: {100.0 * self.share:.0f} % of the output error comes from {cause} {what}."

    @property
    def toml(self) -> str:
        """The same as a line of a file for `--config`."""
        if self.option == "output_bits":
            return f"output_bits = {self.value}"
        return f'layer = [{{match = "{self.layer}", {self.option} = {self.value}}}]'

    def followed(self, config: QuantConfig) -> QuantConfig:
        """`config` with the option that is advised."""
        if self.option == "output_bits":
            return replace(config, output_bits=self.value)
        return config.with_rule(self.layer, **{self.option: self.value})


def advices(graph: fg.FloatGraph, shares: Mapping[str, Parts], config: QuantConfig) -> list[Advice]:
    """The next finer option of every part of a network, the part with the largest share first."""
    found = []
    for name, pair in shares.items():
        steps = _finer_weights(config.of(name)), _finer_output(graph, name, config)
        for weights, share, step in zip((True, False), pair, steps, strict=True):
            if share and step:
                found.append(Advice(name, weights, share, *step))
    return sorted(found, key=lambda one: -one.share)


def _finer_weights(config: LayerConfig) -> tuple[str, int] | None:
    if config.weights is WeightKind.CODEBOOK and config.entries < min(MOST_ENTRIES, (1 << config.weight_bits) - 1):
        return "entries", min(2 * config.entries, MOST_ENTRIES)
    if config.weights is WeightKind.POWERS and config.terms == 1:
        return "terms", 2
    return ("weight_bits", config.weight_bits + 1) if config.weight_bits < MOST_BITS else None


def _finer_output(graph: fg.FloatGraph, name: str, config: QuantConfig) -> tuple[str, int] | None:
    last = graph.is_output(name) and not graph.consumers(name)
    if last and config.output_bits is not None:
        return ("output_bits", config.output_bits + 1) if config.output_bits < MOST_BITS else None
    bits = config.of(name).act_bits
    return ("act_bits", bits + 1) if bits < MOST_BITS else None
