"""Allocation: one choice for each layer, of least noise within a budget or of least cost below a noise.

This is the multiple-choice knapsack (Kellerer, Pferschy and Pisinger, "Knapsack Problems", 2004, chapter 11), solved
exactly as an integer program by HiGHS (Huangfu and Hall, "Parallelizing the dual revised simplex method", 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

SCALE = 1e3
"""What the optimal noise is in the units in which it is solved: far above the absolute tolerances of the solver."""
SLACK = 1e-9
"""Share by which the sum of noises may be above its bound, for rounding."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to store the weights of a layer: its width, what it costs, and the noise that it leaves."""

    bits: int
    cost: int
    noise: float


Layers = Sequence[Sequence[Choice]]


def least_noise(layers: Layers, budget: int) -> list[Choice] | None:
    """One choice for each layer whose costs add up to at most `budget`, of least total noise; None if none does."""
    kept = [undominated(choices) for choices in layers]
    if sum(choices[0].cost for choices in kept) > budget:
        return None
    unit = gcd(*(choice.cost for choice in _flat(kept))) or 1
    # Scaled at first by any solution and then by the optimum, so that differences near it are never lost.
    found = [choices[0] for choices in kept]
    for _ in range(2):
        total = sum(choice.noise for choice in found) or 1.0
        kept = [[choice for choice in choices if choice.noise <= total] for choices in kept]
        noise = [choice.noise * SCALE / total for choice in _flat(kept)]
        # Costs are whole units: half a unit more admits nothing more and keeps tolerances away from the bound.
        found = _solve(kept, noise, [choice.cost // unit for choice in _flat(kept)], budget // unit + 0.5)
    return found


def least_cost(layers: Layers, noise: float) -> list[Choice] | None:
    """One choice for each layer whose noises add up to at most `noise`, of least total cost; None if none does."""
    kept = [undominated(choices) for choices in layers]
    if sum(choices[-1].noise for choices in kept) > noise * (1.0 + SLACK):
        return None
    # A choice that is over the bound alone is out, which also keeps the coefficients near one.
    bound = noise - sum(choices[-1].noise for choices in kept)
    kept = [[c for c in choices if c.noise - choices[-1].noise <= bound + noise * SLACK] for choices in kept]
    unit = gcd(*(choice.cost for choice in _flat(kept))) or 1
    shares = [choice.noise / max(noise, 1e-300) for choice in _flat(kept)]
    return _solve(kept, [choice.cost // unit for choice in _flat(kept)], shares, 1.0 + SLACK)


def undominated(choices: Sequence[Choice]) -> list[Choice]:
    """The choices that no other beats in both cost and noise: costs rise, noises fall."""
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda one: (one.cost, one.noise)):
        if not kept or choice.noise < kept[-1].noise:
            kept.append(choice)
    return kept


def _flat(layers: Layers) -> list[Choice]:
    return [choice for choices in layers for choice in choices]


def _solve(layers: Layers, price: Sequence[float], load: Sequence[float], limit: float) -> list[Choice]:
    """Minimise the sum of `price` with one choice a layer and the sum of `load` within `limit`."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # takes as long to load as all else of a command

    choices = _flat(layers)
    if not choices:
        return []
    owner = np.repeat(np.arange(len(layers)), [len(group) for group in layers])
    once = (owner == np.arange(len(layers))[:, None]).astype(np.float64)
    found = milp(
        np.array(price, np.float64),
        integrality=np.ones(len(choices)),
        bounds=Bounds(0.0, 1.0),
        constraints=[LinearConstraint(once, 1.0, 1.0), LinearConstraint(np.array([load]), -np.inf, limit)],
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise RuntimeError(f"HiGHS: {found.message}")
    return [max(zip(found.x[owner == k], group, strict=True), key=_taken)[1] for k, group in enumerate(layers)]


def _taken(pair: tuple[float, Choice]) -> float:
    return float(pair[0])
