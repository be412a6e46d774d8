"""Mixed precision: bits for the weights of each layer, so that a budget is kept or a floor of exactness is met.

Costs and effects of all widths are those of `widths`, the choice among them is exact (see `allocate`), and what is
chosen is judged by the integers that leave the network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwq.errors import BadInput
from hwq.quant.calibration import Calibration
from hwq.quant.config import Cost, QuantConfig
from hwq.quant.errors import decibel
from hwq.quant.observers import Survey
from hwq.quant.pipeline import Draft, best
from hwq.quant.progress import Progress
from hwq.quant.widths import Bits, Table, measure_table, with_bits

ROUNDS = 6
"""Sets of widths that are tried at most to come close to a floor."""
CLOSE = 1.05
"""A floor counts as just met when the noise allowed is at most so many times what was measured."""

Make = Callable[[QuantConfig], Draft]


def within_budget(data: Calibration, seen: Survey, config: QuantConfig, make: Make, progress: Progress) -> Draft:
    """The draft by `make` whose weights have the bits that the budget or the floor in `config` leads to.

    Raises
    ------
    BadInput
        When no widths keep the budget, or the widest miss the floor.
    """
    table = measure_table(data, seen, config, progress)
    if config.min_sqnr is not None:
        return _above_floor(table, config, make)
    return _below_budget(table, config, make)


def _below_budget(table: Table, config: QuantConfig, make: Make) -> Draft:
    """The chosen widths, or the same width everywhere where that turns out better: estimates may be wrong."""
    if config.average_bits is not None:
        name, kind, given = "average-bits", config.cost, config.average_bits
        budget, least = given * table.units(kind), table.least(kind) / table.units(kind)
    elif config.rom_bits is not None:
        name, kind, given = "rom-bits", Cost.ROM, config.rom_bits
        budget, least = given, table.least(kind)
    else:
        name, kind, given = "work", Cost.WORK, config.work or 0
        budget, least = given, table.least(kind)
    chosen = table.within(kind, budget)
    if chosen is None:
        raise BadInput(
            f"--{name}: {given:g}, but the narrowest weights need {least:g}. Ask for more, or lower --least-bits."
        )
    drafts = [make(with_bits(config, chosen))]
    even = [bits for _, bits in table.even() if table.cost(kind, bits) <= budget]
    if even and even[-1] != chosen:
        drafts.append(make(with_bits(config, even[-1])))
    return best(*drafts)


def _above_floor(table: Table, config: QuantConfig, make: Make) -> Draft:
    """The cheapest draft found whose measured noise is low enough."""
    allowed = 10.0 ** (-(config.min_sqnr or 0.0) / 10.0)
    known: dict[tuple[int, ...], tuple[int, Draft]] = {}

    def draft_of(bits: Bits) -> Draft:
        key = tuple(bits.values())
        if key not in known:
            known[key] = table.cost(config.cost, bits), make(with_bits(config, bits))
        return known[key][1]

    _seek(table, config.cost, allowed, draft_of)
    met = [pair for pair in known.values() if pair[1].noise <= allowed]
    if not met:
        widest = draft_of(table.widest())
        if widest.noise <= allowed:
            return widest
        raise BadInput(
            f"--min-sqnr: {config.min_sqnr:g} dB, but the widest weights reach {decibel(1.0, widest.noise):.1f} dB. "
            "Ask for less, or raise --most-bits, --act-bits or --output-bits."
        )
    cost, found = min(met, key=lambda pair: pair[0])
    # One width for all may do as well for less where estimates are wrong.
    for _, bits in reversed(table.even()):
        if table.cost(config.cost, bits) < cost:
            even = draft_of(bits)
            if even.noise > allowed:
                break
            found = even
    return found


def _seek(table: Table, kind: Cost, allowed: float, draft_of: Callable[[Bits], Draft]) -> None:
    """Make drafts whose noise comes close to `allowed` from both sides.

    The estimate is off by a factor that changes little from one set of widths to the next, so the noise that is asked
    of it is corrected by what was measured; where that leads back, by halves.
    """
    target, tight, loose = allowed, 0.0, np.inf
    for _ in range(ROUNDS):
        bits = table.below(kind, target) or table.widest()
        noise = draft_of(bits).noise
        if noise <= allowed <= CLOSE * noise:
            return
        tight, loose = (max(tight, target), loose) if noise <= allowed else (tight, min(loose, target))
        if loose <= CLOSE * tight:
            return
        target = table.noise(bits) * allowed / max(noise, 1e-300)
        if not tight < target < loose:
            target = float(np.sqrt(tight * loose)) if loose < np.inf else 2.0 * tight
