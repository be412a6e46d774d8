"""What the user decides about quantisation: for the whole network, and for layers by name pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from hwq.arith import Rounding
from hwq.errors import BadInput
from hwq.ir.names import MAX_PORTABLE
from hwq.quant.rounding import Solver


class ScaleKind(Enum):
    """What scales may be, and so what the hardware multiplies accumulators by.

    POW2: powers of two; shifts.  EXACT: weight scales have a mantissa of few bits and activations powers of two; a few
    adders and shifts.  FIXED: any real; a 16-bit multiplier and a shift.
    """

    POW2 = "pow2"
    EXACT = "exact"
    FIXED = "fixed"


class PortScales(Enum):
    """Scales of the model's inputs and outputs, which only the host sees: FREE ones cost no hardware."""

    FREE = "free"
    POW2 = "pow2"


class RangeMethod(Enum):
    """How the range of a tensor is chosen from calibration data.

    MAX: all values.  AVERAGE: the moving average of the batches' extremes.  PERCENTILE: most values.  ENTROPY: least
    Kullback-Leibler divergence.  MSE: least squared error of the tensor.  OUTPUT: least squared error of the
    network's outputs, to first order.
    """

    MAX = "max"
    AVERAGE = "average"
    PERCENTILE = "percentile"
    ENTROPY = "entropy"
    MSE = "mse"
    OUTPUT = "output"


class WeightKind(Enum):
    """UNIFORM: plain integers.  CODEBOOK: entries of a table.  POWERS: sums of at most two powers of two."""

    UNIFORM = "uniform"
    CODEBOOK = "codebook"
    POWERS = "powers"


class ZeroPoints(Enum):
    """Which tensors with both signs get a zero point; tensors that are never negative are unsigned without one.

    INPUTS: those of the model, at no cost: a zero point is folded into the bias and the padding value of what reads
    it.  PORTS: its outputs as well; the host takes it off, as it multiplies by the scale.  ALL: every tensor.
    """

    NONE = "none"
    INPUTS = "inputs"
    PORTS = "ports"
    ALL = "all"


class BiasCorrection(Enum):
    """Which mean error is taken out of the biases.

    ANALYTIC: that of the rounded weights on the float network's mean input.  MEASURED: that of the integers.
    """

    NONE = "none"
    ANALYTIC = "analytic"
    MEASURED = "measured"


class Head(Enum):
    """What becomes of a Softmax or nothing at the end: logits leave the hardware, or their argmax does."""

    LOGITS = "logits"
    ARGMAX = "argmax"


class Cost(Enum):
    """What mixed precision saves: bits of weight memory, or multiplier work (see `mixed`)."""

    ROM = "rom"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class LayerConfig:
    """Options that may differ from layer to layer.

    `weight_bits` is 1 (bipolar: -1 and 1) to 16; of a codebook or of sums of powers it is the width of their values.
    `entries` and `shared_table` belong to codebooks, `terms` to sums of powers, `mantissa_bits` to exact scales: 0
    lets the quantiser choose.  `act_bits` and `range` are those of the layer's output.
    """

    weight_bits: int = 8
    act_bits: int = 8
    weights: WeightKind = WeightKind.UNIFORM
    entries: int = 16
    shared_table: bool = True
    terms: int = 2
    mantissa_bits: int = 3
    per_channel: bool = True
    range: RangeMethod = RangeMethod.OUTPUT
    percentile: float = 99.99
    solver: Solver = Solver.DESCENT
    bias_correction: BiasCorrection = BiasCorrection.MEASURED

    def check(self) -> None:
        """Refuse values out of range."""
        low = 1 if self.weights is WeightKind.UNIFORM else 2
        _check("weight-bits", self.weight_bits, low, 16)
        _check("act-bits", self.act_bits, 2, 16)
        _check("entries", self.entries, 2, 256)
        _check("terms", self.terms, 1, 2)
        _check("mantissa-bits", self.mantissa_bits, 0, 8)
        if not 50.0 < self.percentile <= 100.0:
            raise BadInput(f"--percentile: {self.percentile}, expected more than 50 and at most 100.")


BUDGETS = ("average_bits", "rom_bits", "work", "min_sqnr")
"""Options of which one asks for mixed precision."""
LAYER_OPTIONS = tuple(field.name for field in fields(LayerConfig))


@dataclass(frozen=True, slots=True)
class LayerRule:
    """Options for the layers whose names match `match` (a shell pattern, as in fnmatch)."""

    match: str
    options: tuple[tuple[str, Any], ...]

    def __post_init__(self) -> None:
        if len(self.match) > MAX_PORTABLE:
            raise BadInput(
                f"layer '{self.match:.60}...': {len(self.match)} characters, expected at most {MAX_PORTABLE}."
            )

    def check(self, known: tuple[str, ...]) -> None:
        """Refuse an option that is not among `known`."""
        unknown = [name for name, _ in self.options if name not in known]
        if unknown:
            raise BadInput(f"layer '{self.match}': option {unknown[0]} is unknown, expected one of {', '.join(known)}.")


def options_of(rules: Sequence[LayerRule], name: str) -> dict[str, Any]:
    """What rules set for the layer called `name`; later ones win."""
    options: dict[str, Any] = {}
    for rule in rules:
        if fnmatchcase(name, rule.match):
            options |= dict(rule.options)
    return options


def check_matches(rules: Sequence[LayerRule], names: Sequence[str]) -> None:
    """Refuse a rule that matches none of `names`."""
    for rule in rules:
        if not any(fnmatchcase(name, rule.match) for name in names):
            raise BadInput(f"layer '{rule.match}': no layer has such a name, expected one of {', '.join(names)}.")


@dataclass(frozen=True, slots=True)
class QuantConfig(LayerConfig):
    """All options of `hwq quantize`; `output_bits` (default: `act_bits`) is the width of the model's outputs.

    Of `rules`, a later one wins.  At most one of `average_bits`, `rom_bits`, `work` and `min_sqnr` (dB) is given: a
    budget, or a floor, under which `mixed` chooses `least_bits` to `most_bits` for each layer whose width no rule sets.
    """

    output_bits: int | None = None
    scale: ScaleKind = ScaleKind.POW2
    port_scales: PortScales = PortScales.FREE
    zero_points: ZeroPoints = ZeroPoints.PORTS
    rounding: Rounding = Rounding.HALF_UP
    equalise: bool = True
    absorb: bool = False
    search: bool = False
    slim: bool = True
    head: Head = Head.LOGITS
    average_bits: float | None = None
    rom_bits: int | None = None
    work: int | None = None
    min_sqnr: float | None = None
    cost: Cost = Cost.ROM
    least_bits: int = 2
    most_bits: int = 8
    rules: tuple[LayerRule, ...] = ()

    def __post_init__(self) -> None:
        self.check()
        if self.output_bits is not None:
            _check("output-bits", self.output_bits, 2, 16)
        _check("most-bits", self.most_bits, 1, 16)
        _check("least-bits", self.least_bits, 1, self.most_bits)
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) > 1:
            names = " and ".join(f"--{name.replace('_', '-')}" for name in given)
            raise BadInput(f"{names}: {len(given)} were given, expected one of them. Leave the others out.")
        for rule in self.rules:
            rule.check(LAYER_OPTIONS)
            replace(self._plain(), **dict(rule.options)).check()

    def of(self, name: str) -> LayerConfig:
        """The options of the layer called `name`."""
        return replace(self._plain(), **options_of(self.rules, name))

    def sets(self, name: str, option: str) -> bool:
        """Whether a rule sets `option` for the layer called `name`."""
        return any(option in dict(rule.options) and fnmatchcase(name, rule.match) for rule in self.rules)

    @property
    def mixed(self) -> bool:
        """Whether widths are to be chosen under a budget."""
        return any(getattr(self, name) is not None for name in BUDGETS)

    def check_rules(self, names: list[str]) -> None:
        """Refuse a rule that matches none of `names`."""
        check_matches(self.rules, names)

    def with_rule(self, match: str, **options: Any) -> QuantConfig:
        """The same with one more rule."""
        return replace(self, rules=(*self.rules, LayerRule(match, tuple(options.items()))))

    def describe(self) -> dict[str, Any]:
        """Plain values, for the record in a program and for a file."""
        plain = {field.name: _plain(getattr(self, field.name)) for field in fields(self) if field.name != "rules"}
        rules = [{"match": rule.match, **{name: _plain(value) for name, value in rule.options}} for rule in self.rules]
        return plain | ({"layer": rules} if rules else {})

    def _plain(self) -> LayerConfig:
        return LayerConfig(**{name: getattr(self, name) for name in LAYER_OPTIONS})


class Effort(Enum):
    """Recipes: FAST rounds weights by GPTQ, GOOD adds equalisation and descent, BEST absorbs biases and searches."""

    FAST = "fast"
    GOOD = "good"
    BEST = "best"

    def config(self, **options: Any) -> QuantConfig:
        """The recipe, with `options` in place of its own."""
        return QuantConfig(**{**_RECIPES[self], **options})


_RECIPES: dict[Effort, dict[str, Any]] = {
    Effort.FAST: {"solver": Solver.GPTQ, "range": RangeMethod.MSE, "equalise": False},
    Effort.GOOD: {},
    Effort.BEST: {"absorb": True, "search": True},
}


def _plain(value: Any) -> Any:
    return value.name.lower() if isinstance(value, Enum) else value


def _check(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise BadInput(f"--{option}: {value}, expected {low} to {high}.")
