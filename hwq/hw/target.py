"""Target: how large and how fast hardware is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hwq.errors import BadInput
from hwq.hw.budget import Budget
from hwq.hw.device import Device
from hwq.hw.fit import fit
from hwq.hw.folding_file import read_folding
from hwq.hw.plan import Plan, make_plan
from hwq.hw.solve import DEFAULT_MULTIPLIERS, for_cycles, for_multipliers
from hwq.ir.program import Program


@dataclass(frozen=True, slots=True)
class Target:
    """How large and how fast the hardware is to be.

    At most one of `cycles` a frame, `multipliers` of all MAC arrays together, and a folding file.  A `device` says what
    the whole design may take, but for what `limits` says (see `Budget`).  Of all that is allowed the fewest cycles are
    taken, or if they are given the smallest design; without anything `DEFAULT_MULTIPLIERS` multipliers are allowed.
    Without `sharing` every layer has an engine of its own.
    """

    cycles: int | None = None
    multipliers: int | None = None
    folding: Path | None = None
    device: Device | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    sharing: bool = True

    def __post_init__(self) -> None:
        given = [name for name in ("cycles", "multipliers", "folding") if getattr(self, name) is not None]
        if len(given) > 1 and (self.device is None or self.folding is not None):
            raise BadInput(f"{' and '.join(given)} were given, expected one of them. Leave the others out.")
        if self.limits and self.device is None:
            raise BadInput("--budget was given without a device, expected one. Add --device.")

    def plan(self, program: Program) -> Plan:
        """The plan of `program`, with the folding that this asks for."""
        if self.folding is not None:
            return make_plan(program, read_folding(self.folding, program), self.device)
        if self.device is not None and self.device.family.lut_inputs:
            return fit(program, Budget.of(self.device, self.limits), self.cycles, self.multipliers)
        if self.cycles is not None:
            return make_plan(program, for_cycles(program, self.cycles), self.device)
        multipliers = DEFAULT_MULTIPLIERS if self.multipliers is None else self.multipliers
        solved = for_multipliers(program, multipliers, self.sharing)
        return make_plan(program, solved.folds, self.device, solved.bound)


def cycles_for(fps: float, mhz: float) -> int:
    """The cycles that a frame may take at `fps` frames a second and a clock of `mhz` MHz."""
    if not (0 < fps < 1e12 and 0 < mhz < 1e6):
        raise BadInput(f"--fps {fps} --clock {mhz}: expected positive numbers.")
    return max(1, int(mhz * 1e6 / fps))
