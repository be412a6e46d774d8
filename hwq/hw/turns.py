"""Turns: when pixels are done that are made in an engine which layers share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwq.arith import IntArray
from hwq.hw.sharing import joint
from hwq.ir.op import Op
from hwq.ops import Linear

SHARE = 1
"""Cycles more to an array that layers share."""
FINE = 16
"""Parts of pixels in a frame that are looked at one by one; with as many pixels those as a whole."""
SLACK = 1e-6
"""What sums of parts may be off by."""


def in_turn(own: IntArray, others: Sequence[IntArray], work: int, interval: int) -> IntArray:
    """When pixels are done that could be at the times `own`, where others of the same work want the engine too.

    Theirs of the frames behind this one count as well, which come as closely as they can while those of all layers are
    no more than frames are apart, `interval`.  Where a frame is a few pixels they take turns in parts of pixels, as the
    engine does beat by beat.
    """
    parts = max(1, min(work, FINE // len(own)))
    share = work / parts
    queues = [_parts(own - work, share, parts)]
    for times in others:
        apart = max(int(times[-1] - times[0]) + work, interval // (len(others) + 1))
        first = max(0, int(own[0] - work - times[-1]) // apart)
        frames = np.arange(first, first + len(others) + 3)[:, None] * apart
        queues.append(_parts((times - work + frames).ravel(), share, parts))
    place, served = [0] * len(queues), [0.0] * len(queues)
    made: list[float] = []
    now = 0.0
    while len(made) < len(queues[0]):
        waiting = [which for which, queue in enumerate(queues) if place[which] < len(queue)]
        now = max(now, min(queues[which][place[which]] for which in waiting))
        turn = min((which for which in waiting if queues[which][place[which]] <= now), key=served.__getitem__)
        place[turn] += 1
        now = served[turn] = now + share
        if turn == 0:
            made.append(now)
    return np.ceil(np.array(made[parts - 1 :: parts]) - SLACK).astype(np.int64)


def _parts(starts: IntArray, share: float, parts: int) -> list[float]:
    """When each of so many parts of pixels that begin at `starts` could begin."""
    found: list[float] = (starts[:, None] + share * np.arange(parts)).ravel().tolist()
    return found


def detour(layers: Sequence[Linear], op: Op) -> int:
    """Cycles more through an engine that `layers` share: to it, and through a requantiser that `op` alone lacks."""
    requant = joint(layers)
    assert requant is not None and isinstance(op, Linear)
    return SHARE + (2 if op.requant.is_shift and not requant.is_shift else 0)
