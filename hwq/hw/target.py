"""Target: how large and how fast hardware is asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwq.errors import BadInput
from hwq.hw.fold import Fold
from hwq.hw.folding_file import read_folding
from hwq.hw.solve import DEFAULT_MULTIPLIERS, for_cycles, for_multipliers
from hwq.ir.program import Program


@dataclass(frozen=True, slots=True)
class Target:
    """How large and how fast the hardware is to be: at most one of the fields.

    `cycles` a frame, `multipliers` of all MAC arrays together, or a folding file.  By default the fewest cycles that
    `DEFAULT_MULTIPLIERS` multipliers allow.
    """

    cycles: int | None = None
    multipliers: int | None = None
    folding: Path | None = None

    @staticmethod
    def for_rate(fps: float, mhz: float) -> Target:
        """The cycles that a frame may take at `fps` frames a second and a clock of `mhz` MHz."""
        if not (0 < fps < 1e12 and 0 < mhz < 1e6):
            raise BadInput(f"--fps {fps} --clock {mhz}: expected positive numbers.")
        return Target(cycles=max(1, int(mhz * 1e6 / fps)))

    def __post_init__(self) -> None:
        given = [name for name in ("cycles", "multipliers", "folding") if getattr(self, name) is not None]
        if len(given) > 1:
            raise BadInput(f"{' and '.join(given)} were given, expected one of them. Leave the others out.")

    def folds(self, program: Program) -> dict[str, Fold]:
        """The folding of every operation."""
        if self.cycles is not None:
            return for_cycles(program, self.cycles)
        if self.folding is not None:
            return read_folding(self.folding, program)
        return for_multipliers(program, DEFAULT_MULTIPLIERS if self.multipliers is None else self.multipliers)
