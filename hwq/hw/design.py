"""Design: one way to build a network, with what it costs, how fast and how exact it is; and which are the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hwq.hw.resources import Resources


@dataclass(frozen=True, slots=True)
class Design:
    """One design, or with `why` the reason that there is none.

    `taken` is an estimate, `area` the largest share that it is of any part of the device, the one that binds; `db` is
    the signal to quantisation noise of the outputs on calibration data.  `best` is False where another design on the
    same device at the same clock is at least as fast, as exact and as small, and better in one of these.
    """

    program: str
    bits: dict[str, int]
    average: float
    db: float
    device: str
    clock: float
    multipliers: int = 0
    cycles: int = 0
    fps: float = 0.0
    taken: Resources = field(default_factory=Resources)
    area: float = 0.0
    why: str = ""
    best: bool = False


def judged(designs: Sequence[Design]) -> list[Design]:
    """`designs` with `best` set."""
    return [replace(one, best=_is_best(one, designs)) for one in designs]


def _is_best(one: Design, designs: Sequence[Design]) -> bool:
    """Whether no other design of the same device at the same clock beats `one`."""
    rivals = (other for other in designs if (other.device, other.clock, other.why) == (one.device, one.clock, ""))
    return not one.why and not any(_beats(_merits(other), _merits(one)) for other in rivals)


def _merits(one: Design) -> tuple[float, ...]:
    """What is good about a design: the more the better."""
    return one.fps, one.db, -one.area


def _beats(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))
