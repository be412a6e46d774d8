r"""Coverage points of Verilator: what a run wrote, summed over instances and parameters.

A coverage file has a line for each point, ``C '\x01key\x02value..' count``. Keys used here: `f` file, `t` kind
(``line``, ``branch``, ``toggle``), `S` the source lines that the point stands for, as in ``3-5,8``, and `o`, of a
toggle ``signal[bit]:0->1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_POINT = re.compile(r"C '(.*)' (\d+)$")


@dataclass(slots=True)
class Points:
    """What ran in each file: lines, and toggles of single bits; each maps to whether it ever happened."""

    lines: dict[str, dict[int, bool]] = field(default_factory=dict)
    toggles: dict[str, dict[str, bool]] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Add the points of a coverage file; only those of modules of hwq."""
        with path.open("r", encoding="utf-8", errors="replace") as file:
            for text in file:
                match = _POINT.match(text)
                if match:
                    self._add(_keys(match.group(1)), match.group(2) != "0")

    def _add(self, keys: dict[str, str], hit: bool) -> None:
        name = Path(keys["f"]).name
        if not name.startswith("hwq_"):
            return
        if keys["t"] == "toggle":
            _note(self.toggles.setdefault(name, {}), [keys["o"]], hit)
        else:
            _note(self.lines.setdefault(name, {}), _numbers(keys.get("S", "")), hit)

    def as_json(self) -> dict[str, object]:
        """Everything, for `merge`."""
        return {"lines": self.lines, "toggles": self.toggles}

    def merge(self, value: dict[str, dict[str, dict[str, bool]]]) -> None:
        """Add what `as_json` gave, once it has been through a file."""
        for name, numbers in value["lines"].items():
            for number, hit in numbers.items():
                _note(self.lines.setdefault(name, {}), [int(number)], hit)
        for name, signals in value["toggles"].items():
            for signal, hit in signals.items():
                _note(self.toggles.setdefault(name, {}), [signal], hit)


def _note(table: dict[Any, bool], items: Iterable[Any], hit: bool) -> None:
    for item in items:
        table[item] = table.get(item, False) or hit


def _keys(text: str) -> dict[str, str]:
    return dict(part.split("\x02", 1) for part in text.split("\x01") if "\x02" in part)


def _numbers(text: str) -> Iterator[int]:
    """The numbers of ``3-5,8``."""
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
