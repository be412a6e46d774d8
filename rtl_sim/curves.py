"""What the tests of table modules share: entries made of a seed, their memory file, and the function they stand for."""

import math
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

from engine import Params, act_range


def entries(case: Params) -> list[int]:
    """Entries that reach both ends of ENTRY_W bits and never differ by more than DELTA_W bits hold."""
    source = random.Random(case["IN_W"] + case["STEP"])
    low, high = act_range(case["ENTRY_W"], 1)
    count = (1 << (case["IN_W"] - case["STEP"])) + (case["STEP"] > 0)
    if not case["STEP"]:
        return [source.choice([low, high, source.randint(low, high)]) for _ in range(count)]
    fall, rise = act_range(case["DELTA_W"], 1)
    found = [source.choice([low, high])]
    while len(found) < count:
        change = source.choice([fall, rise, source.randint(fall, rise)])
        found.append(min(max(found[-1] + change, low), high))
    return found


def write(case: dict[str, Any], folder: Path) -> None:
    """The memory file: an entry a word, above it what the next one is more."""
    found, lines = entries(case), []
    for here, after in zip(found, found[1:] if case["STEP"] else found, strict=False):
        word = here & ((1 << case["ENTRY_W"]) - 1)
        if case["STEP"]:
            word |= ((after - here) & ((1 << case["DELTA_W"]) - 1)) << case["ENTRY_W"]
        lines.append(f"{word:x}\n")
    (folder / case["FILE"]).write_text("".join(lines), encoding="ascii")


def value(x: int, table: list[int], case: Params) -> int:
    """Rule F1 on one value, in exact fractions."""
    place = Fraction(x - act_range(case["IN_W"], case["IN_SIGNED"])[0], 1 << case["STEP"])
    index = math.floor(place)
    exact = Fraction(table[index])
    if place != index:
        exact += (table[index + 1] - table[index]) * (place - index)
    low, high = act_range(case["OUT_W"], case["OUT_SIGNED"])
    return min(max(math.floor(exact / (1 << case["FRACTION"]) + Fraction(1, 2)), low), high)
