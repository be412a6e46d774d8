"""How hardware gathers: which lanes move together, the smallest repeating block, and its addresses in two small ROMs.

A frame is so many equal blocks.  A block reads `beats_in` beats and makes `steps` times `beats` ones; beat t of step s
is the input beat ``step_source[s] + beat_source[t]`` of the block, or padding.  Most orders split so: rows and columns
of an image that is transposed, turned, stretched, mirrored at its border, or cut into tiles.  An order that does not
is one step, or has steps of one beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from hwq.arith import IntArray
from hwq.hw.fold import ceil_div
from hwq.ir.types import TensorType
from hwq.ops import Gather

Mask = NDArray[np.bool_]
LATENCY = 4
"""Cycles from a beat in until it may be read, and from the read that gives a beat back until another may be there."""


@dataclass(frozen=True, slots=True, eq=False)
class GatherPlan:
    """One block, in beats.

    Step s begins when the block's first `need[s]` beats are in; after it the first `released[s]` ones are given back,
    which may be some of the next block: a block's first `lead` beats are never read.  `step_pad` and `beat_pad` tell
    which beats are padding; sources are 0 there.  A `ring` of so many beats is enough for full rate.
    """

    beats_in: int
    step_source: IntArray
    beat_source: IntArray
    step_pad: Mask
    beat_pad: Mask
    need: IntArray
    released: IntArray
    lead: int
    ring: int

    @property
    def steps(self) -> int:
        """Steps of a block."""
        return len(self.step_source)

    @property
    def beats(self) -> int:
        """Beats of a step."""
        return len(self.beat_source)

    @property
    def address_bits(self) -> int:
        """Bits of an address in the ring."""
        return max(1, (self.ring - 1).bit_length())

    @property
    def take(self) -> IntArray:
        """Beats that each step needs beyond those that the step before needed."""
        return np.diff(self.need, prepend=self.need[-1] - self.beats_in)

    @property
    def release(self) -> IntArray:
        """Beats that are given back after each step."""
        return np.diff(self.released, prepend=self.lead)

    def rom_bits(self) -> int:
        """Bits of the two address ROMs."""
        counters = int(self.take.max()).bit_length() + int(self.release.max()).bit_length()
        return self.beats * (self.address_bits + 1) + self.steps * (self.address_bits + 1 + counters)


@lru_cache(maxsize=64)
def gather_plan(op: Gather, x: TensorType, lanes: int) -> GatherPlan:
    """The plan of fewest memory bits for beats of `lanes` elements."""
    source, beats_in = _block(_beat_sources(op, x, lanes), x.pixels * ceil_div(x.channels, lanes))
    plans = (_split(source, beats_in, beats) for beats in _divisors(len(source)))
    width = lanes * x.bits
    return min((p for p in plans if p is not None), key=lambda p: (p.ring * width + p.rom_bits(), p.steps))


@lru_cache(maxsize=64)
def crop_masks(op: Gather, x: TensorType, lanes: int) -> tuple[Mask, Mask]:
    """For a gather that keeps order: beat t of step s stays where both masks, of the steps and of the beats, say so."""
    source, beats_in = _block(_beat_sources(op, x, lanes), x.pixels * ceil_div(x.channels, lanes))
    keep = np.zeros(beats_in, np.bool_)
    keep[source] = True
    found: list[tuple[Mask, Mask]] = []
    for beats in _divisors(beats_in):
        grid = keep.reshape(-1, beats)
        steps: Mask = np.any(grid, axis=1)
        within: Mask = np.any(grid, axis=0)
        if np.array_equal(grid, steps[:, None] & within):
            found.append((steps, within))
    return min(found, key=lambda masks: len(masks[0]) + len(masks[1]))


def pixels_taken(op: Gather, x: TensorType, y: TensorType, lanes: int) -> IntArray:
    """Input pixels that must be in before each output pixel leaves, as built for `lanes` lanes."""
    per_pixel = ceil_div(x.channels, lanes)
    last = np.arange(1, y.pixels + 1) * ceil_div(y.channels, lanes) - 1
    if op.keeps_order:
        return np.asarray(_beat_sources(op, x, lanes)[last] // per_pixel + 1, np.int64)
    plan = gather_plan(op, x, lanes)
    block, inside = np.divmod(last, plan.steps * plan.beats)
    return np.asarray(-(-(block * plan.beats_in + plan.need[inside // plan.beats]) // per_pixel), np.int64)


def _beat_sources(op: Gather, x: TensorType, lanes: int) -> IntArray:
    """The input beat of each output beat, -1 for padding."""
    first = op.index[..., ::lanes].ravel()
    pixel, channel = np.divmod(first, x.channels)
    return np.where(first < 0, -1, pixel * ceil_div(x.channels, lanes) + channel // lanes)


def _block(source: IntArray, beats_in: int) -> tuple[IntArray, int]:
    """The sources of the smallest block that, repeated, makes the frame, and the input beats of a block."""
    for blocks in reversed(_divisors(int(np.gcd(len(source), beats_in)))):
        size = beats_in // blocks
        grid = source.reshape(blocks, -1)
        first = grid[0]
        if first.max() < size and np.array_equal(
            grid, np.where(first < 0, -1, first + size * np.arange(blocks)[:, None])
        ):
            return first, size
    raise AssertionError("the whole frame is a block")


def _split(source: IntArray, beats_in: int, beats: int) -> GatherPlan | None:
    """The block in steps of `beats` beats, or None where its sources are no sums of a step's and a beat's part."""
    grid = source.reshape(-1, beats)
    live = grid >= 0
    rows: Mask = np.any(live, axis=1)
    columns: Mask = np.any(live, axis=0)
    if not np.array_equal(live, rows[:, None] & columns):
        return None
    row, column = int(rows.argmax()), int(columns.argmax())
    step = np.where(rows, grid[:, column], 0)
    beat = np.where(columns, grid[row] - grid[row, column], 0)
    if not np.array_equal(np.where(live, step[:, None] + beat, -1), grid):
        return None
    need = np.maximum(np.maximum.accumulate(grid.max(1) + 1), 1)
    first = np.where(live, grid, beats_in).min(1)
    lead = int(first.min()) % beats_in
    released = np.append(np.minimum.accumulate(first[::-1])[::-1][1:], beats_in + lead)
    ring = _ring(beats_in, need, np.append(lead, released[:-1]))
    return GatherPlan(beats_in, step, beat, ~rows, ~columns, need, released, lead, ring)


def _ring(beats_in: int, need: IntArray, kept: IntArray) -> int:
    """Beats of the ring with which blocks follow each other at full rate.

    Of three blocks that come and go at an even rate, each step waits for its input and for the step before it alone:
    the ring holds what has come until a step has ended, from beat `kept` of the step on.  Times are in units in which
    a beat comes in `steps` and a step takes `beats_in`.
    """
    steps = len(need)
    start = np.repeat(np.arange(3) * beats_in, steps)
    before = np.arange(3 * steps) * beats_in
    ready = (start + np.tile(need, 3)) * steps
    end = np.maximum.accumulate(ready - before) + before + beats_in
    held = end // steps - start - np.tile(kept, 3)
    return int(held.max()) + LATENCY


def _divisors(number: int) -> list[int]:
    """All divisors, rising."""
    small = [n for n in range(1, isqrt(number) + 1) if number % n == 0]
    return sorted({*small, *(number // n for n in small)})
