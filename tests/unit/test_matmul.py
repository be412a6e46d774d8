"""Matrix products: bounds, refusals, pixels, foldings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nets import matmul, program, tensor

from hwq.arith import Interval, Requant, Rounding
from hwq.errors import BadInput
from hwq.hw.fold import Fold, cycles
from hwq.hw.folding_file import parse_folding
from hwq.hw.options import options
from hwq.hw.plan import make_plan
from hwq.hw.work import mac_count
from hwq.ir.types import TensorType
from hwq.ops import MatMul
from hwq.sim import simulate_fast, simulate_plain

A, B = tensor(2, 3, 10), tensor(2, 7, 10)


@pytest.mark.parametrize("zeros", [(0, 0), (-128, 127), (5, -9)])
@pytest.mark.parametrize("intervals", [((-128, 127), (-128, 127)), ((3, 17), (-9, -2)), ((-5, 0), (100, 101))])
def test_bounds_are_attained(zeros: tuple[int, int], intervals: tuple[Interval, Interval]) -> None:
    """Constant inputs at the ends give the least and the greatest accumulator, and the same for the output."""
    op = matmul(A, B, zeros=zeros, scale="three")
    pairs = [(np.full((1, *A.shape), u), np.full((1, *B.shape), v)) for u in intervals[0] for v in intervals[1]]
    for evaluate, bound in ((op.accumulate, op.accumulator(*intervals)), (op.evaluate, op.bound(*intervals))):
        found = [int(value) for pair in pairs for value in evaluate(*pair).ravel()]
        assert (min(found), max(found)) == bound
    assert max(abs(v) for v in op.accumulator(*intervals)) <= op.partial_sum(*intervals)


REFUSED: dict[str, tuple[TensorType, dict[str, Any], str]] = {
    "heads": (tensor(3, 7, 10), {}, "expected equal heights"),
    "channels": (tensor(2, 7, 9), {}, "expected 10 channels"),
    "other channels": (B, {"channels": 9}, "expected 9 channels"),
    "zero point": (B, {"zeros": (0, 128)}, "zero point 128 is outside of s8"),
    "multipliers": (B, {"requant": Requant((1,) * 7, 0, Rounding.FLOOR, 0, 0, 1)}, "matmul has one multiplier"),
    "clamp": (B, {"bits": 4}, "clamp .* is outside of s4"),
}


@pytest.mark.parametrize(("b", "changes", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(b: TensorType, changes: dict[str, Any], text: str) -> None:
    op = replace(matmul(A, B), **changes)
    with pytest.raises(ValueError, match=text):
        op.result(A, b)
    with pytest.raises(BadInput, match=rf"y \(matmul\): .*{text}"):
        program([op], {"a": A, "b": b})


def test_pixels_needed() -> None:
    """Of a one more for each output pixel, of b another head after each three."""
    op = matmul(A, B)
    assert op.pixels_needed(0, A, B).tolist() == [1, 2, 3, 4, 5, 6]
    assert op.pixels_needed(1, A, B).tolist() == [7, 7, 7, 14, 14, 14]


def test_cycles_by_hand() -> None:
    """Rows of a x output folds x input groups; loading b, or delivering, where that is more."""
    op, y = matmul(A, B), tensor(2, 3, 7)
    assert cycles(op, Fold(1, 1, 1, 1), (A, B), y) == 6 * 7 * 10
    assert cycles(op, Fold(4, 1, 3, 4), (A, B), y) == 6 * 3 * 3
    assert cycles(op, Fold(5, 7, 7, 5), (A, B), y) == 14 * 2
    assert cycles(op, Fold(10, 2, 2, 10), (A, B), y) == 6 * 4
    assert mac_count(program([op], {"a": A, "b": B})) == 2 * 3 * 7 * 10


def test_all_multipliers_busy() -> None:
    p = program([matmul(A, B)], {"a": A, "b": B})
    plan = make_plan(p, {"y": Fold(5, 1, 1, 5)})
    assert (plan.multipliers, plan.interval, plan.utilisation) == (5, 84, 1.0)
    assert {o.fold.multipliers for o in options(p, p.ops[0])} >= {1, 2, 10}


ENTRIES: dict[str, tuple[dict[str, Any], str]] = {
    "parallel": ({"pe": 2, "simd": 2, "rq": 1, "window": "parallel"}, "window is 'parallel', expected serial"),
    "pe": ({"pe": 8, "simd": 2, "rq": 1}, "pe is 8, expected 1 to 7"),
    "simd": ({"pe": 2, "simd": 11, "rq": 1}, "simd is 11, expected 1 to 10"),
    "rq": ({"pe": 7, "simd": 5, "rq": 1}, "expected a divisor of pe = 7 that is at least pe / 2"),
}


@pytest.mark.parametrize(("entry", "text"), ENTRIES.values(), ids=ENTRIES.keys())
def test_folding_refusals(entry: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        parse_folding({"y": entry}, program([matmul(A, B)], {"a": A, "b": B}), "x")


def test_folding_without_a_window() -> None:
    p = program([matmul(A, B)], {"a": A, "b": B})
    entry = {"pe": 4, "simd": 3, "rq": 2}
    expected = {"y": Fold(3, 2, 4, 3)}
    for found in (entry, {**entry, "window": "serial"}):
        assert parse_folding({"y": found}, p, "x") == expected


def test_fast_simulator_is_exact_at_the_edge_of_floats() -> None:
    """Accumulators just within and just beyond what float32 and float64 hold."""
    for k, bits in ((256, 8), (257, 8), (7, 16)):
        a = b = tensor(1, 3, k, bits=bits, signed=False)
        p = program([matmul(a, b, zeros=((1 << bits) - 1, 0), bits=16)], {"a": a, "b": b})
        top = (1 << bits) - 1
        x = np.random.default_rng(k).choice([0, 1, top - 1, top], (4, 1, 3, k))
        inputs = {"a": x, "b": top - x}
        assert isinstance(p.ops[0], MatMul)
        assert np.array_equal(simulate_fast(p, inputs)["y"], simulate_plain(p, inputs)["y"])
