"""Resources: what a part of a design takes of a device."""

from __future__ import annotations

from dataclasses import dataclass

NOUNS = {"luts": "LUTs", "registers": "registers", "dsps": "multiplier blocks", "rams": "block RAMs"}
"""The fields of `Resources` in words."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Look-up tables (those used as memory included), registers, multiplier blocks, block RAMs.

    Blocks are counted as the vendor counts them, and in halves where a family has halves (9 x 9 multipliers of Gowin;
    see `Family.ram_halves`).
    """

    luts: float = 0.0
    registers: float = 0.0
    dsps: float = 0
    rams: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        """The two together."""
        return Resources(
            self.luts + other.luts, self.registers + other.registers, self.dsps + other.dsps, self.rams + other.rams
        )

    def share(self, whole: Resources) -> dict[str, float]:
        """The share of `whole` that each field is; fields of which there is nothing are left out."""
        pairs = {name: (getattr(self, name), getattr(whole, name)) for name in NOUNS}
        return {name: used / there for name, (used, there) in pairs.items() if there}

    def __sub__(self, other: Resources) -> Resources:
        """What is left of this one without the other."""
        return Resources(
            self.luts - other.luts, self.registers - other.registers, self.dsps - other.dsps, self.rams - other.rams
        )
