"""Plans of gathers against the index itself: lanes, blocks, addresses, and what must be in and may be given back."""

from __future__ import annotations

import time

import numpy as np
import pytest
from cases_gather import bordered, gathers, long_gathers, nearest, positions, shuffled
from nets import gather, program, tensor

from hwq.arith import IntArray
from hwq.errors import BadInput
from hwq.hw.fold import ceil_div, fold_of_lanes, lane_choices, lanes_fit
from hwq.hw.folding_file import parse_folding
from hwq.hw.gather_plan import GatherPlan, crop_masks, gather_plan, pixels_taken
from hwq.hw.plan import make_plan
from hwq.ir.types import TensorType
from hwq.ops import Gather

CASES = {name: (x, op) for name, x, op in gathers()} | {f"long-{name}": (x, op) for name, x, op in long_gathers()}
each_case = pytest.mark.parametrize(("x", "op"), CASES.values(), ids=CASES.keys())


def _moves_together(op: Gather, channels: int, lanes: int) -> bool:
    """Whether each output beat comes lane by lane from one input beat, or is padding, by looking at every element."""
    for pixel in op.index.reshape(-1, op.index.shape[2]).tolist():
        for start in range(0, len(pixel), lanes):
            beat = pixel[start : start + lanes]
            first = beat[0]
            if first < 0 and any(n >= 0 for n in beat):
                return False
            if first >= 0 and (
                first % channels % lanes
                or beat != list(range(first, first + len(beat)))
                or beat[-1] // channels != first // channels
            ):
                return False
    return True


def _sources(op: Gather, x: TensorType, lanes: int) -> list[int]:
    """The input beat of each output beat."""
    per_pixel = ceil_div(x.channels, lanes)
    firsts = [n for pixel in op.index.reshape(-1, op.index.shape[2]).tolist() for n in pixel[::lanes]]
    return [-1 if n < 0 else n // x.channels * per_pixel + n % x.channels // lanes for n in firsts]


def _walk(plan: GatherPlan) -> list[list[int]]:
    """The beats of each step of a block as the hardware reads them."""
    return [
        [-1 if a_pad or b_pad else int(a + b) for b, b_pad in zip(plan.beat_source, plan.beat_pad, strict=True)]
        for a, a_pad in zip(plan.step_source, plan.step_pad, strict=True)
    ]


@each_case
def test_lanes(x: TensorType, op: Gather) -> None:
    """Exactly the lane counts that keep beats whole may be asked for, and all those that are offered are such."""
    y = op.result(x)
    fit = [lanes for lanes in range(1, x.channels + 1) if lanes_fit(op, lanes, (x,), y)]
    assert fit == [lanes for lanes in range(1, x.channels + 1) if _moves_together(op, x.channels, lanes)]
    assert set(lane_choices(op, (x,), y)) <= set(fit)


@each_case
def test_plan_reads_the_index(x: TensorType, op: Gather) -> None:
    for lanes in lane_choices(op, (x,), op.result(x)):
        sources = _sources(op, x, lanes)
        beats_in = x.pixels * ceil_div(x.channels, lanes)
        if op.keeps_order:
            steps, beats = crop_masks(op, x, lanes)
            block = [bool(s and t) for s in steps for t in beats]
            assert [n for n in range(beats_in) if block[n % len(block)]] == sources
            continue
        plan = gather_plan(op, x, lanes)
        block = _walk(plan)
        flat = [n for step in block for n in step]
        blocks = beats_in // plan.beats_in
        assert [-1 if n < 0 else n + b * plan.beats_in for b in range(blocks) for n in flat] == sources
        for s in range(plan.steps):
            before, after = [[n for step in part for n in step if n >= 0] for part in (block[: s + 1], block[s + 1 :])]
            assert plan.need[s] == max([n + 1 for n in before], default=1)
            kept = plan.lead if s == 0 else int(plan.released[s - 1])
            assert plan.ring >= plan.need[s] - kept
            assert plan.released[s] <= min(after, default=plan.beats_in + plan.lead)
        assert plan.take.min() >= 0 and plan.release.min() >= 0
        assert plan.take.sum() == plan.release.sum() == plan.beats_in


@each_case
def test_pixels_taken(x: TensorType, op: Gather) -> None:
    """Never falling, at least what the data need, at most the frame."""
    y = op.result(x)
    least = op.pixels_needed(0, x)
    for lanes in lane_choices(op, (x,), y):
        taken = pixels_taken(op, x, y, lanes)
        assert taken.shape == least.shape == (y.pixels,)
        assert (taken >= least).all() and (np.diff(taken) >= 0).all() and taken[-1] <= x.pixels
        if op.keeps_order:
            assert np.array_equal(taken, least)


IMAGE = tensor(32, 48, 6)
AT = positions(IMAGE)
SHAPES: dict[str, tuple[IntArray, int, tuple[int, int], float]] = {
    "shuffle": (shuffled(IMAGE, 3), 6, (3, 2), 12),
    "columns": (nearest(IMAGE, 32, 96), 1, (1, 2), 2),
    "rows": (nearest(IMAGE, 64, 48), 48, (2, 48), 96),
    "mirrored rows": (AT[:, ::-1], 48, (1, 48), 96),
    "upside down": (AT[::-1], 32 * 48, (32, 48), 2 * 32 * 48),
    "transposed": (AT.transpose(1, 0, 2), 32 * 48, (48, 32), 2 * 32 * 48),
    "reflect": (bordered(IMAGE, (2, 2, 2, 2), "reflect"), 32 * 48, (36, 52), 6 * 48),
}
"""Index, input beats of a block, steps and beats, and the most beats of the ring, but for a row and latencies."""


@pytest.mark.parametrize(("index", "beats_in", "steps", "ring"), SHAPES.values(), ids=SHAPES.keys())
def test_blocks_of_known_orders(index: IntArray, beats_in: int, steps: tuple[int, int], ring: float) -> None:
    op = gather(index)
    lanes = lane_choices(op, (IMAGE,), op.result(IMAGE))[-1]
    plan = gather_plan(op, IMAGE, lanes)
    assert plan.beats_in == beats_in and plan.steps * plan.beats == steps[0] * steps[1]
    assert plan.ring <= ring + 10
    assert plan.rom_bits() <= (steps[0] + steps[1]) * 64
    built = make_plan(program([op], {"a": IMAGE}), {"y": fold_of_lanes(lanes, op.result(IMAGE))})
    assert built.buffer_bits == plan.ring * lanes * IMAGE.bits
    assert built.rom_bits == plan.rom_bits()


def test_crop_stores_nothing() -> None:
    p = program([gather(AT[3:-3, 4:-4, :4])], {"a": IMAGE})
    built = make_plan(p, {"y": fold_of_lanes(6, p.types["y"])})
    assert built.buffer_bits == 0 and built.rom_bits == 32 + 48
    assert built.outputs[0].lanes == 4


def test_large_index_is_planned_at_once() -> None:
    """A whole image of random positions: a second or two, not minutes."""
    x = tensor(120, 160, 8)
    op = gather(np.random.default_rng(1).permutation(x.pixels * x.channels).reshape(x.shape))
    start = time.monotonic()
    plan = gather_plan(op, x, 1)
    assert time.monotonic() - start < 20
    assert plan.beats_in == x.pixels * x.channels


def test_lanes_that_do_not_fit_are_refused() -> None:
    """Six channels in halves that change places: 3 lanes or 1, not 2 or 6."""
    p = program([gather(np.roll(AT, 3, axis=2))], {"a": IMAGE})
    for lanes in (2, 6):
        with pytest.raises(BadInput, match=f"lanes is {lanes}, expected one of 1, 3"):
            parse_folding({"y": {"lanes": lanes}}, p, "x")
