"""Options in a TOML file: what `QuantConfig` holds, layers by name pattern.

weight_bits = 4

[[layer]]
match = "conv_1*"
weight_bits = 8
"""

from __future__ import annotations

import sys
import tomllib
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import tomli_w

from hwq.errors import BadInput
from hwq.quant.config import LAYER_OPTIONS, LayerRule, QuantConfig


def read_options(path: Path) -> dict[str, Any]:
    """Arguments for `QuantConfig` from a file; options that it does not name are left out.

    Raises
    ------
    BadInput
        When the file is no TOML, or holds an unknown option or value.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: {error!s:.200}, expected a TOML file as `--write-config` prints.") from None
    layers = tables.pop("layer", [])
    if not isinstance(layers, list) or not all(isinstance(table, dict) and "match" in table for table in layers):
        raise BadInput(f"{path}: layer is {layers!r:.80}, expected tables [[layer]], each with a `match`.")
    rules = []
    for table in layers:
        match = table.pop("match")
        if not isinstance(match, str):
            raise BadInput(f"{path}: match is {match!r:.80}, expected a pattern in quotes.")
        unknown = sorted(set(table) - set(LAYER_OPTIONS))
        if unknown:
            raise _unknown(path, f"layer {match!r:.80}", unknown[0], LAYER_OPTIONS)
        rules.append(LayerRule(match, tuple((name, _value(path, name, value)) for name, value in table.items())))
    options = {name: _value(path, name, value) for name, value in tables.items()}
    return options | ({"rules": tuple(rules)} if rules else {})


def write_options(config: QuantConfig) -> str:
    """The text of a file that says all of `config`."""
    return tomli_w.dumps({name: value for name, value in config.describe().items() if value is not None})


def _value(path: Path, name: str, value: Any) -> Any:
    hints = get_type_hints(QuantConfig)
    if name not in hints or name == "rules":
        raise _unknown(path, "options", name, tuple(sorted(set(hints) - {"rules"})))
    kinds = [kind for kind in get_args(hints[name]) or (hints[name],) if kind is not type(None)]
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, Enum):
        names = [item.name.lower() for item in kind]
        if not isinstance(value, str) or value not in names:
            raise BadInput(f"{path}: {name} is {value!r:.80}, expected one of {', '.join(names)}.")
        return kind[value.upper()]
    if kind is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if type(value) is not kind:
        raise BadInput(f"{path}: {name} is {value!r:.80}, expected a value of type {kind.__name__}.")
    return value


def _unknown(path: Path, where: str, name: str, known: tuple[str, ...]) -> BadInput:
    return BadInput(f"{path}: {where}: option {name:.80} is unknown, expected one of {', '.join(known)}.")
