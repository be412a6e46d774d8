"""Options in a file: everything comes back, and what is wrong is told in one line."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from hwq.errors import BadInput
from hwq.quant.config import LAYER_OPTIONS, LayerRule, QuantConfig, WeightKind
from hwq.quant.config_file import read_options, write_options

HINTS = get_type_hints(QuantConfig)
OPTIONS = [field.name for field in fields(QuantConfig) if field.name != "rules"]
DEFAULT = QuantConfig()


def read(text: str, folder: Path) -> dict[str, Any]:
    path = folder / "options.toml"
    path.write_text(text, "utf-8")
    return read_options(path)


def others(name: str) -> list[Any]:
    """Legal values of an option beside its default."""
    kind = next(kind for kind in (*get_args(HINTS[name]), HINTS[name]) if kind is not type(None))
    if issubclass(kind, Enum):
        return [value for value in kind if value != getattr(DEFAULT, name)]
    if kind is bool:
        return [not getattr(DEFAULT, name)]
    if kind is float:
        return [99.0, 100.0, 51.23456789]
    limits = {"entries": [2, 256], "terms": [1], "mantissa_bits": [0, 8], "least_bits": [1, 8], "most_bits": [2, 16]}
    return limits.get(name, [3, 16])


@pytest.mark.parametrize("name", OPTIONS)
def test_every_value_comes_back(name: str, tmp_path: Path) -> None:
    for value in others(name):
        config = replace(DEFAULT, **{name: value})
        options = read(write_options(config), tmp_path)
        assert QuantConfig(**options) == config
        assert type(options[name]) is type(value)
        if name in LAYER_OPTIONS:
            ruled = DEFAULT.with_rule("a*[1-3]?", **{name: value}).with_rule('odd "name" ä', **{name: value})
            assert QuantConfig(**read(write_options(ruled), tmp_path)) == ruled


def test_the_default_comes_back(tmp_path: Path) -> None:
    text = write_options(DEFAULT)
    assert QuantConfig(**read(text, tmp_path)) == DEFAULT
    assert all(f"{name} = " in text for name in OPTIONS if getattr(DEFAULT, name) is not None)


def test_only_what_is_named(tmp_path: Path) -> None:
    text = 'weight_bits = 4\npercentile = 99\n\n[[layer]]\nmatch = "a"\nweights = "powers"\nterms = 1\n'
    rule = LayerRule("a", (("weights", WeightKind.POWERS), ("terms", 1)))
    assert read(text, tmp_path) == {"weight_bits": 4, "percentile": 99.0, "rules": (rule,)}
    assert read("", tmp_path) == {}
    assert read('[[layer]]\nmatch = "a"\n', tmp_path) == {"rules": (LayerRule("a", ()),)}


def test_rules_keep_their_order(tmp_path: Path) -> None:
    text = "".join(
        f'[[layer]]\nmatch = "{name}"\nact_bits = {bits}\n' for name, bits in (("b*", 3), ("a", 4), ("*", 5))
    )
    config = QuantConfig(**read(text, tmp_path))
    assert [rule.match for rule in config.rules] == ["b*", "a", "*"] and config.of("a").act_bits == 5


WRONG = {
    "not TOML": ("weight_bits = = 4", "expected a TOML file"),
    "twice": ("weight_bits = 4\nweight_bits = 4", "expected a TOML file"),
    "unknown": ("weightbits = 4", "options: option weightbits is unknown, expected one of absorb|act_bits"),
    "rules": ("rules = []", "option rules is unknown"),
    "text for a number": ('weight_bits = "4"', "weight_bits is '4', expected a value of type int"),
    "real for a number": ("weight_bits = 4.0", "weight_bits is 4.0, expected a value of type int"),
    "more than a real": (f"min_sqnr = 1{'0' * 400}", r"min_sqnr is 10{60,}, expected a value of type float"),
    "truth for a number": ("output_bits = true", "output_bits is True, expected a value of type int"),
    "number for truth": ("search = 1", "search is 1, expected a value of type bool"),
    "list": ("percentile = [99]", r"percentile is \[99\], expected a value of type float"),
    "no such choice": ('scale = "pow3"', "scale is 'pow3', expected one of pow2, exact, fixed"),
    "upper case": ('solver = "GPTQ"', "solver is 'GPTQ', expected one of nearest, gpfq, gptq, descent"),
    "number for a choice": ("rounding = 1", "rounding is 1, expected one of floor, half_up"),
    "table for an option": ("[scale]\nkind = 3", "scale is {'kind': 3}, expected one of pow2"),
    "layer is no table": ("layer = 3", r"layer is 3, expected tables \[\[layer\]\]"),
    "layer is one table": ('[layer]\nmatch = "a"', r"expected tables \[\[layer\]\]"),
    "no match": ("[[layer]]\nweight_bits = 4", "each with a `match`"),
    "match is no text": ("[[layer]]\nmatch = 3\nweight_bits = 4", "match"),
    "option of the network": ('[[layer]]\nmatch = "a"\nscale = "pow2"', "layer 'a': option scale is unknown"),
    "wrong type in a layer": (
        '[[layer]]\nmatch = "a"\nact_bits = "x"',
        "act_bits is 'x', expected a value of type int",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused(name: str, tmp_path: Path) -> None:
    text, message = WRONG[name]
    with pytest.raises(BadInput, match=message) as caught:
        read(text, tmp_path)
    assert "options.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "layer = [" + "[" * 90 + "]" * 90 + "]", "x" * 9999 + " = 1"])
def test_long_and_deep_texts_make_no_long_message(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read(text, tmp_path)
    assert "options.toml" in str(caught.value) and len(str(caught.value)) < 1500


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "options.toml"
    path.write_bytes(b"weight_bits = \xff")
    with pytest.raises(BadInput, match="expected a TOML file"):
        read_options(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing\.toml"):
        read_options(tmp_path / "missing.toml")


def test_a_pattern_is_no_book(tmp_path: Path) -> None:
    text = f'[[layer]]\nmatch = "{"[" * 100_000}"\nact_bits = 4'
    with pytest.raises(BadInput, match=r"layer '\[{60}\.\.\.': 100000 characters, expected at most 4096"):
        read(text, tmp_path)


@pytest.mark.parametrize("text", ["weight_bits = 17", '[[layer]]\nmatch = "a"\nact_bits = 1', "percentile = nan"])
def test_limits_hold_for_files(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--\S+: \S+, expected"):
        QuantConfig(**read(text, tmp_path))
