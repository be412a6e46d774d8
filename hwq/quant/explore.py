"""Explore: what a network loses as its weights get fewer bits, with widths by layer and with one width for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hwq.errors import BadInput
from hwq.frontend import graph as fg
from hwq.quant.config import BUDGETS, Cost, QuantConfig
from hwq.quant.errors import decibel
from hwq.quant.progress import Progress, silent
from hwq.quant.quantize import Samples, drafted, survey
from hwq.quant.widths import Bits, Table, measure_table, with_bits

EXACT_DB = 3000.0
"""Stands for the ratio of outputs without an error, which have none."""


@dataclass(frozen=True, slots=True)
class Point:
    """A set of widths: `bits` of each layer, costs, and signal to noise of the outputs on calibration data in dB.

    `average` is the cost of a weight in bits, or of a one-bit product.  `best` is False where another point is at most
    as expensive and more exact, by measurement where there is one.
    """

    average: float
    bits: Bits
    rom_bits: int
    work: int
    even: bool
    predicted_db: float
    measured_db: float | None = None
    best: bool = True

    @property
    def db(self) -> float:
        """Measured, else predicted."""
        return self.predicted_db if self.measured_db is None else self.measured_db


@dataclass(frozen=True, slots=True)
class Front:
    """Points of a network by rising cost of kind `cost`."""

    network: str
    cost: Cost
    points: tuple[Point, ...]


def explore(
    graph: fg.FloatGraph,
    samples: Samples,
    config: QuantConfig,
    averages: Sequence[float],
    measure: bool,
    progress: Progress,
) -> Front:
    """Widths of least predicted noise for each average in `averages`, and each width for all layers.

    Parameters
    ----------
    graph, samples, config
        As for `quantize`; `config` has no budget of its own.
    averages
        Bits of a weight, over weights or over multiplications as `config.cost` says.
    measure
        Make the program of each point and measure its noise.

    Raises
    ------
    BadInput
        As `quantize`, when there are no averages, or when none can be kept.
    """
    if not averages:
        raise BadInput("explore: no averages were given, expected at least one. Say which are of interest.")
    if config.mixed:
        given = next(name for name in BUDGETS if getattr(config, name) is not None)
        raise BadInput(f"explore: {given} was given, expected no budget: it tries many. Leave it out.")
    asking = replace(config, average_bits=float(config.most_bits))
    few, seen = survey(graph, samples, asking, progress)
    table = measure_table(few, seen, asking, progress)
    least = table.least(config.cost) / table.units(config.cost)
    if max(averages) < least:
        raise BadInput(
            f"explore: averages of up to {max(averages):g} bits asked for, but the narrowest weights need {least:g}. "
            "Ask for more, or lower --least-bits."
        )
    points = list(_points(table, config.cost, averages))
    for number, point in enumerate(points if measure else []):
        progress(f"Measuring point {number + 1} of {len(points)}", number / len(points))
        noise = drafted(few, seen, with_bits(config, point.bits), silent).noise
        points[number] = replace(point, measured_db=_ratio(noise))
    points.sort(key=lambda point: (point.average, -point.db, point.even))
    return Front(graph.name, config.cost, tuple(_judged(points)))


def _points(table: Table, kind: Cost, averages: Sequence[float]) -> Iterator[Point]:
    """Each set of widths once."""
    seen: list[Bits] = []
    for _, bits in table.even():
        if bits not in seen:
            seen.append(bits)
            yield _point(table, kind, bits, even=True)
    for average in averages:
        chosen = table.within(kind, average * table.units(kind))
        if chosen is not None and chosen not in seen:
            seen.append(chosen)
            yield _point(table, kind, chosen, even=False)


def _point(table: Table, kind: Cost, bits: Bits, even: bool) -> Point:
    rom, work = table.cost(Cost.ROM, bits), table.cost(Cost.WORK, bits)
    average = table.cost(kind, bits) / table.units(kind)
    return Point(average, bits, rom, work, even, _ratio(table.noise(bits)))


def _ratio(noise: float) -> float:
    """Signal to noise in dB, for a noise that is a share of the signal's energy."""
    found = decibel(1.0, noise)
    return EXACT_DB if found is None else found


def _judged(points: Sequence[Point]) -> Iterator[Point]:
    """The points, by rising cost, with `best` set."""
    highest = float("-inf")
    for point in points:
        yield replace(point, best=point.db > highest)
        highest = max(highest, point.db)
