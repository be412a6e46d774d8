"""What a run of a flow found, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwq.hw.resources import Resources


@dataclass(frozen=True, slots=True)
class Figures:
    """A column of the table: what a design takes, or what a device has; None is not known or does not apply.

    `area` is in the unit of the liberty file, as a rule square micrometres; `fmax` in MHz, `slack` in ns.
    """

    luts: float | None = None
    registers: float | None = None
    dsps: float | None = None
    rams: float | None = None
    cells: int | None = None
    area: float | None = None
    fmax: float | None = None
    slack: float | None = None

    @staticmethod
    def of(resources: Resources) -> Figures:
        """The figures of parts of a device."""
        return Figures(resources.luts, resources.registers, resources.dsps, resources.rams)


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The slowest path between registers, in ns: where it begins and ends, and what each layer adds to it.

    `start` and `end` are names inside the network; `layers` are empty where the tool tells no delay of each part.
    """

    delay: float
    start: str
    end: str
    start_layer: str
    end_layer: str
    logic: float | None = None
    routing: float | None = None
    layers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Synthesis:
    """The result for one device; columns that were not made are None.

    `trouble` says what does not fit, and `others` are cells that belong to no row.  `folder` holds scripts and results,
    `bitstream` is a file in it, and `by_hand` are commands for tools that hwq does not run.
    """

    device: str
    title: str
    family: str
    clock: float
    folder: str
    available: Figures | None
    estimate: Figures | None
    synthesis: Figures | None
    place_and_route: Figures | None
    critical_path: CriticalPath | None
    bitstream: str | None
    others: Mapping[str, int]
    scripts: tuple[str, ...]
    by_hand: tuple[str, ...]
    trouble: tuple[str, ...]
    seconds: Mapping[str, float]

    @property
    def last(self) -> Figures | None:
        """The figures of the last step that was made."""
        return self.place_and_route or self.synthesis

    @property
    def clock_met(self) -> bool | None:
        """Whether the clock that was asked for is reached; None where no tool has said."""
        return None if self.last is None or self.last.fmax is None else self.last.fmax >= self.clock
