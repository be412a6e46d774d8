"""Choosing one of several for each of many, within limits on what all take together: an integer program for HiGHS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

SECONDS = 20.0
"""Time for one problem; the best choice that is known then is taken."""


def choose(
    costs: Sequence[NDArray[np.float64]],
    amounts: Sequence[NDArray[np.float64]],
    room: NDArray[np.float64],
    whole: bool = True,
) -> list[int] | None:
    """The index that each takes, so that the sum of `costs` is least, or None where nothing fits.

    Parameters
    ----------
    costs
        For each choice that is to be made, one number for each of its options.
    amounts
        For each choice (kinds, options): what an option takes of each kind.
    room
        (kinds,) what all may take together; inf where there is no limit.
    whole
        False lets options be taken in part, which tells what no whole choice can do.
    """
    if not costs:
        return []
    if (room < 0).any():
        return None
    sizes = [len(each) for each in costs]
    count = sum(sizes)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    one_each = csr_array((np.ones(count), (owner, np.arange(count))), (len(sizes), count))
    constraints = [LinearConstraint(one_each, 1, 1)]
    limited = np.isfinite(room)
    if limited.any():
        constraints.append(LinearConstraint(np.hstack(amounts)[limited], -np.inf, room[limited]))
    found = milp(
        np.concatenate(costs),
        integrality=np.full(count, int(whole)),
        bounds=Bounds(0, 1),
        constraints=constraints,
        options={"time_limit": SECONDS, "mip_rel_gap": 0.0},
    )
    if found.x is None:
        return None
    return [int(part.argmax()) for part in np.split(found.x, np.cumsum(sizes)[:-1])]
