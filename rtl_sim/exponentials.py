"""What the tests of softmax and of its exponentials share: a table, its memory file, and the line between entries."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from engine import rounded
from streams import pack


def entries(case: Mapping[str, Any]) -> list[int]:
    """ENTRIES values that begin with `first` and are halved every `halving` steps of the input."""
    return [int(case["first"] * 0.5 ** ((i << case["STEP"]) / case["halving"])) for i in range(case["ENTRIES"])]


def exponential(table: list[int], step: int, below: int) -> int:
    """The table at `below` / 2^step, rounded half up between its entries; beyond its end the last one."""
    place = Fraction(below, 1 << step)
    index = min(int(place), len(table) - 1)
    follower = table[min(index + 1, len(table) - 1)]
    return rounded(table[index] + (follower - table[index]) * (place - int(place)), 1)


def write_table(case: Mapping[str, Any], folder: Path) -> None:
    """The memory file of `entries`, with the differences where there are lines between them."""
    table = entries(case)
    words = [pack([e, e - after], 16) for e, after in zip(table, [*table[1:], table[-1]], strict=True)]
    lines = [f"{word:x}\n" for word in (words if case["STEP"] else table)]
    (folder / case["FILE"]).write_text("".join(lines), encoding="ascii")
