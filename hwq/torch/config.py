"""What the user decides about training: widths, scales and how they are learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from hwq.errors import BadInput
from hwq.quant.config import LayerRule, ScaleKind, options_of

LAYER_OPTIONS = ("weight_bits", "act_bits", "per_channel", "clusters")
"""Options that a rule may set for some layers."""
LIMITS = {
    "weight_bits": (1, 8), "act_bits": (1, 8), "input_bits": (2, 8), "output_bits": (2, 16), "clusters": (0, 256),
}  # fmt: skip
"""Least and most of each number."""


class Method(Enum):
    """How scales are learned.

    TQT: the logarithm of the largest value, Jain et al., "Trained Quantization Thresholds for Accurate and Efficient
    Fixed-Point Inference", MLSys 2020.  LSQ: the scale itself, its gradient divided by sqrt(values * levels), Esser et
    al., "Learned Step Size Quantization", ICLR 2020; here as a multiple of the one that it began with.
    """

    TQT = "tqt"
    LSQ = "lsq"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All options of `prepare`.

    `weight_bits` is 1 (bipolar: -1 and 1) to 8; 2 bits are ternary.  `act_bits` of a layer's output is 1 (only behind
    a ReLU of a convolution or linear layer) to 8.  `scale` is POW2 or FIXED: any real, so that the hardware multiplies
    by 16 bits and shifts.  `clusters` above 0 gives the weights of a layer a table of so many trained values.  Of
    `rules`, a later one wins; they may set `weight_bits`, `act_bits`, `per_channel` and `clusters`.
    """

    weight_bits: int = 8
    act_bits: int = 8
    input_bits: int = 8
    output_bits: int = 8
    scale: ScaleKind = ScaleKind.POW2
    method: Method = Method.TQT
    per_channel: bool = True
    clusters: int = 0
    rules: tuple[LayerRule, ...] = ()

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise BadInput(f"{name}: {value!r}, expected a whole number from {low} to {high}.")
        if self.clusters == 1:
            raise BadInput("clusters: 1, expected 0 for none, or 2 to 256.")
        if self.clusters and self.weight_bits < 2:
            raise BadInput("clusters: weights have 1 bit, expected 2 or more. They have two values already.")
        if self.scale not in (ScaleKind.POW2, ScaleKind.FIXED):
            raise BadInput(f"scale: {self.scale}, expected ScaleKind.POW2 or ScaleKind.FIXED.")
        if not isinstance(self.method, Method):
            raise BadInput(f"method: {self.method!r}, expected Method.TQT or Method.LSQ.")
        for rule in self.rules:
            rule.check(LAYER_OPTIONS)
            replace(self, rules=(), **dict(rule.options))

    def of(self, name: str) -> TrainConfig:
        """The options of the layer called `name`."""
        return replace(self, rules=(), **options_of(self.rules, name))

    def with_rule(self, match: str, **options: Any) -> TrainConfig:
        """The same with one more rule."""
        return replace(self, rules=(*self.rules, LayerRule(match, tuple(options.items()))))
