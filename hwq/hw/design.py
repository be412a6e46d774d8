"""Design: one way to build a network, with what it costs, how fast and how exact it is; and which are the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hwq.hw.resources import Resources


@dataclass(frozen=True, slots=True)
class Design:
    """One design, or with `why` the reason that there is none.

    `taken` is an estimate, `area` the largest share that it is of any part of the device, the one that binds; `db` is
    the signal to quantisation noise of the outputs on calibration data, `score` the share of right answers on samples
    with labels, where there are such.  `best` is False where another design on the same device at the same clock is at
    least as fast, as exact (by `score`, else by `db`) and as small, and better in one of these; of equals the one of
    the highest `db` counts, then that of the fewest bits.
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
    score: float | None = None
    why: str = ""
    best: bool = False


def judged(designs: Sequence[Design]) -> list[Design]:
    """`designs` with `best` set; of those that are the same, as sizes may be, for the first."""
    return [
        replace(one, best=one not in designs[:place] and _is_best(one, designs)) for place, one in enumerate(designs)
    ]


def _is_best(one: Design, designs: Sequence[Design]) -> bool:
    """Whether no other design of the same device at the same clock beats `one`."""
    rivals = (other for other in designs if (other.device, other.clock, other.why) == (one.device, one.clock, ""))
    return not one.why and not any(_beats(other, one) for other in rivals)


def _beats(a: Design, b: Design) -> bool:
    """Whether `a` is at least as good in all and better in one; of two that are equally good the more exact is."""
    better, worse = _merits(a), _merits(b)
    if better == worse:
        return (a.db, -a.average) > (b.db, -b.average)
    return all(x >= y for x, y in zip(better, worse, strict=True))


def _merits(one: Design) -> tuple[float, ...]:
    """What is good about a design: the more the better."""
    return one.fps, one.db if one.score is None else one.score, -one.area
