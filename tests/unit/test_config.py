"""Options: limits, rules for layers by name, and recipes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from hwq.errors import BadInput
from hwq.quant.config import (
    LAYER_OPTIONS,
    BiasCorrection,
    Effort,
    LayerConfig,
    LayerRule,
    QuantConfig,
    RangeMethod,
    ScaleKind,
    WeightKind,
)
from hwq.quant.rounding import Solver

LIMITS: dict[str, tuple[int, int]] = {
    "weight_bits": (1, 16), "act_bits": (2, 16), "output_bits": (2, 16), "entries": (2, 256), "terms": (1, 2),
    "mantissa_bits": (0, 8),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    """Both ends are accepted, what lies beyond is refused with the option's name and its limits."""
    low, high = LIMITS[name]
    for good in (low, high):
        QuantConfig(**{name: good})  # type: ignore[arg-type]
    for bad in (low - 1, high + 1, -100):
        message = f"--{name.replace('_', '-')}: {bad}, expected {low} to {high}"
        with pytest.raises(BadInput, match=message):
            QuantConfig(**{name: bad})  # type: ignore[arg-type]
        if name in LAYER_OPTIONS:
            with pytest.raises(BadInput, match=message):
                QuantConfig().with_rule("*", **{name: bad})


@pytest.mark.parametrize("kind", [WeightKind.CODEBOOK, WeightKind.POWERS])
def test_bipolar_weights_are_plain(kind: WeightKind) -> None:
    """Tables and sums of powers need a sign and a value; a rule may bring the two together."""
    with pytest.raises(BadInput, match="--weight-bits: 1, expected 2 to 16"):
        QuantConfig(weight_bits=1, weights=kind)
    with pytest.raises(BadInput, match="--weight-bits: 1, expected 2 to 16"):
        QuantConfig(weights=kind).with_rule("a", weight_bits=1)
    QuantConfig(weights=kind).with_rule("a", weight_bits=1, weights=WeightKind.UNIFORM)


@pytest.mark.parametrize("percent", [50.0, 100.1, -1.0, float("nan"), float("inf")])
def test_refused_percentile(percent: float) -> None:
    with pytest.raises(BadInput, match="--percentile"):
        QuantConfig(percentile=percent)


def test_a_later_rule_wins() -> None:
    config = (
        QuantConfig(weight_bits=6)
        .with_rule("conv_*", weight_bits=4, act_bits=5)
        .with_rule("*_1", weight_bits=2)
        .with_rule("conv_2", solver=Solver.NEAREST)
    )
    assert [config.of(name).weight_bits for name in ("conv_0", "conv_1", "fc_1", "fc")] == [4, 2, 2, 6]
    assert [config.of(name).act_bits for name in ("conv_1", "fc_1")] == [5, 8]
    assert config.of("conv_2").solver is Solver.NEAREST and config.of("conv_1").solver is Solver.DESCENT
    assert type(config.of("fc")) is LayerConfig and config.of("conv_2").weight_bits == 4


@pytest.mark.parametrize(("match", "names"), [("Conv*", ""), ("conv_?", "conv_1"), ("conv[_]1*", "conv_1 conv_10")])
def test_patterns(match: str, names: str) -> None:
    """As in a shell, and upper case counts."""
    config = QuantConfig().with_rule(match, weight_bits=3)
    every = ["conv_1", "conv_10", "in", "fc"]
    assert [name for name in every if config.of(name).weight_bits == 3] == names.split()
    if names:
        config.check_rules(every)
    else:
        with pytest.raises(
            BadInput, match=r"layer 'Conv\*': no layer has such a name, expected one of conv_1, conv_10"
        ):
            config.check_rules(every)


@pytest.mark.parametrize("name", ["scale", "head", "output_bits", "search", "rules", "weightbits"])
def test_unknown_options_of_a_layer(name: str) -> None:
    """Options of the whole network are none of a layer."""
    with pytest.raises(BadInput, match=f"layer 'a': option {name} is unknown, expected one of weight_bits, act_bits"):
        QuantConfig(rules=(LayerRule("a", ((name, 1),)),))


def test_describe_names_every_option_in_plain_values() -> None:
    config = QuantConfig(output_bits=9).with_rule("a*", range=RangeMethod.MSE, weight_bits=3).with_rule("b", terms=1)
    told = config.describe()
    assert set(told) == {field.name for field in fields(QuantConfig)} - {"rules"} | {"layer"}
    assert told["scale"] == "pow2" and told["rounding"] == "half_up" and told["output_bits"] == 9
    assert told["layer"] == [{"match": "a*", "range": "mse", "weight_bits": 3}, {"match": "b", "terms": 1}]
    assert "layer" not in QuantConfig().describe()
    plain: tuple[type, ...] = (str, int, float, bool, type(None))
    assert all(isinstance(value, plain) for name, value in told.items() if name != "layer")


@pytest.mark.parametrize("effort", list(Effort))
def test_recipes(effort: Effort) -> None:
    """What is asked for wins over a recipe."""
    config = effort.config()
    assert config.search == config.absorb == (effort is Effort.BEST)
    assert config.equalise == (effort is not Effort.FAST) == (config.solver is Solver.DESCENT)
    other: dict[str, Any] = {"solver": Solver.NEAREST, "search": effort is not Effort.BEST, "scale": ScaleKind.EXACT}
    asked = effort.config(**other, bias_correction=BiasCorrection.NONE)
    assert all(getattr(asked, name) == value for name, value in other.items())
    assert asked.equalise == config.equalise


def test_good_is_the_default() -> None:
    assert Effort.GOOD.config() == QuantConfig()
