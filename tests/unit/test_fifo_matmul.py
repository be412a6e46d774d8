"""FIFOs in front of matrix products, which want a whole head of one input before they deliver the first pixel."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import checked
from fork_nets import ONE, SAME
from nets import add, conv, matmul, program, rescale, tensor
from test_fifo import _fifos, _plan, _with_depth

from hwq.hw.fifo import LATENCY, Branches
from hwq.ir.program import Program

HEADS, ROWS, CHANNELS = 2, 6, 4
X = tensor(HEADS, ROWS, CHANNELS)
SQUARE = tensor(1, 6, 6)


def _scores() -> Program:
    """Query and key of one tensor, each through a convolution."""
    ops = [conv(X, CHANNELS, ONE, name="q"), conv(X, CHANNELS, ONE, name="k"), matmul(X, X, sources=("q", "k"))]
    return program(ops, {"a": X})


def _skewed(deep: str) -> Program:
    """One of both comes straight from the fork, the other through three layers."""
    layers = [conv(X, CHANNELS, SAME, name="c0"), rescale(X, name="c1", source="c0")]
    layers.append(conv(X, CHANNELS, ONE, name="c2", source="c1"))
    sources = ("c2", "a") if deep == "a" else ("a", "c2")
    return program([*layers, matmul(X, X, sources=sources)], {"a": X})


def _self() -> Program:
    """A tensor times itself, once at the input and once behind a layer."""
    ops = [conv(X, CHANNELS, ONE, name="c"), matmul(X, X, sources=("c", "c"))]
    return program(ops, {"a": X})


def _input_itself() -> Program:
    return program([matmul(X, X, sources=("a", "a"))], {"a": X})


def _attention() -> Program:
    """Scores times values, and the input added."""
    x = SQUARE
    ops = [
        conv(x, 6, ONE, name="q"),
        conv(x, 6, ONE, name="k"),
        conv(x, 6, ONE, name="v"),
        matmul(x, x, name="scores", sources=("q", "k")),
        rescale(x, name="weights", source="scores"),
        matmul(x, x, name="values", sources=("weights", "v")),
        add(x, x, sources=("a", "values")),
    ]
    return program(ops, {"a": x})


def _inputs() -> Program:
    """No common fork."""
    return program([matmul(X, X)], {"a": X, "b": X})


PROGRAMS = {
    "scores": _scores(),
    "deep-a": _skewed("a"),
    "deep-b": _skewed("b"),
    "self": _self(),
    "input": _input_itself(),
    "attention": _attention(),
    "inputs": _inputs(),
}


@pytest.mark.icarus
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("name", PROGRAMS)
def test_full_rate_at_the_computed_depth(name: str, width: int, tmp_path: Path) -> None:
    result = checked(_plan(PROGRAMS[name], width), tmp_path / "build", samples=10)
    assert result.passed, result.trouble
    assert result.cycles_per_frame == pytest.approx(result.cycles_formula, rel=0.02, abs=2)


@pytest.mark.icarus
@pytest.mark.parametrize("name", PROGRAMS)
def test_no_deadlock_under_stalls(name: str, tmp_path: Path) -> None:
    result = checked(_plan(PROGRAMS[name], 2), tmp_path / "build", samples=4, stall=0.6)
    assert result.passed, result.trouble


@pytest.mark.icarus
def test_both_sides_of_the_bound(tmp_path: Path) -> None:
    """Three rows sit in the join, a beat in the fork: without these alone it runs, with one less it deadlocks."""
    x = tensor(1, 12, 4)
    plan = _plan(program([matmul(x, x, sources=("a", "a"))], {"a": x}), 2)
    (computed,) = _fifos(plan)
    head, inside = 24, 7
    assert computed > head
    for depth in (head, head - inside):
        assert _with_depth(plan, depth, tmp_path / str(depth)).passed
    stuck = _with_depth(plan, head - inside - 1, tmp_path / "stuck")
    assert not stuck.passed
    assert any(line.startswith("HWQ_DEADLOCK") for line in stuck.trouble)


def test_depths_by_hand() -> None:
    """Pixels that wait for a head of the other input, and a row (also a head) or what the other's layers hold."""
    head = ROWS * CHANNELS
    depths = {name: Branches(p).depths(p.ops[-1], 1) for name, p in PROGRAMS.items()}
    # What comes from layers of one tap, which store no rows, waits for the pipelines of the other input.
    assert depths["scores"] == (head + max(head, LATENCY), CHANNELS + LATENCY)
    assert depths["self"] == depths["input"] == (head + head, 0)
    assert depths["inputs"] == (0, 0)
    # 3 x 3: pixel (0, 1) needs pixel (1, 2), the eighth, so the layer is 7 pixels late, and 12 at the end of the head.
    assert depths["deep-b"] == ((12 + 1) * CHANNELS + 3 * LATENCY, 0)
    # Its pixel (0, 5) needs pixel (1, 5): all of the second head is there before the last row of the first product.
    assert depths["deep-a"] == (0, head + 3 * LATENCY)


def test_depths_of_attention() -> None:
    """A frame is one head: of the scores none leaves before all keys have come, and so have all values then."""
    p = PROGRAMS["attention"]
    frame, row = SQUARE.pixels * SQUARE.channels, SQUARE.shape[1] * SQUARE.channels
    scores, values, out = (Branches(p).depths(op, 1) for op in p.ops if len(op.inputs) > 1)
    assert scores == (frame + max(row, LATENCY), SQUARE.channels + max(row, LATENCY))
    assert values == (SQUARE.channels + max(row, LATENCY), SQUARE.channels + 4 * LATENCY)
    assert out == (frame + 6 * LATENCY, 0)


def test_work_does_not_make_an_input_wait() -> None:
    """A product takes its rows when it begins with them: how long it works on them changes no depth at its inputs."""
    p = PROGRAMS["self"]
    folds = _plan(p, 1).folds
    assert Branches(p, folds).depths(p.ops[-1], 1) == Branches(p).depths(p.ops[-1], 1)
