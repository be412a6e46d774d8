"""Adder graphs: exact for any weights, aware of the values of each sum, sharing what is common, cut into stages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwq.arith import IntArray, int_range
from hwq.hw.adder_graph import AdderGraph, Output, pipelined
from hwq.hw.adders import based, solve

RNG = np.random.default_rng(7)
MATRICES = {
    "zeros": np.zeros((3, 4), np.int64),
    "one": np.array([[1]]),
    "minus_one": np.array([[-1]]),
    "powers": np.array([[1, -2, 64], [128, 4, -32768]]),
    "negative": -RNG.integers(1, 128, (5, 6)),
    "alike": np.repeat(RNG.integers(-128, 128, (1, 7)), 4, axis=0),
    "opposed": np.outer([1, -1, 2, -4], RNG.integers(-128, 128, 6)),
    "zero_row": np.array([[0, 0], [3, -5], [0, 0]]),
    "repeated_digits": np.array([[0b10101010101010101, 0b1010101, -0b101010101]]),
} | {f"{bits}_bits": RNG.integers(*int_range(bits, True), (8, 9), endpoint=True) for bits in range(1, 17)}


def _inputs(values: tuple[int, int], count: int) -> IntArray:
    """Random inputs, and those at either end of what they can be."""
    rows = RNG.integers(*values, (40, count), endpoint=True)
    return np.concatenate([rows, RNG.choice(values, (40, count))])


def _everything(graph: AdderGraph) -> AdderGraph:
    """`graph` with all of its nodes as outputs."""
    return replace(graph, outputs=tuple(Output(place, 0, False) for place in range(len(graph.nodes))))


@pytest.mark.parametrize("values", [(0, 255), (-128, 127), (0, 1), (-32768, 32767)])
@pytest.mark.parametrize("label", MATRICES)
def test_products_are_exact(label: str, values: tuple[int, int]) -> None:
    weights = MATRICES[label]
    count = len(weights)
    x = _inputs(values, weights.shape[1])
    for start in (0, 1, -1, 1000, -77):
        graph = solve(weights, values, [1] * count, [start] * count)
        assert np.array_equal(graph.evaluate(x), x @ weights.T + start)


@pytest.mark.parametrize("dropped", [0, 1, 7, 20])
@pytest.mark.parametrize("factors", [(1, 1, 1), (1, 2, 64), (3, 40, 65_535), (0, 5, 0), (1 << 15, 1, 7)])
def test_factors_and_dropped_bits(factors: tuple[int, ...], dropped: int) -> None:
    """All rows depend on each other here, so a factor of one must not reach another."""
    row = RNG.integers(-128, 128, 12)
    weights = np.stack([row, row + (RNG.random(12) < 0.1), -row])
    assert based(weights)
    starts = RNG.integers(-5000, 5000, 3)
    x = _inputs((-128, 127), 12)
    graph = solve(weights, (-128, 127), factors, starts.tolist(), dropped)
    want = (x @ weights.T) * np.array(factors) + starts
    assert np.array_equal(graph.evaluate(x) >> dropped, want >> dropped)


@pytest.mark.parametrize("values", [(0, 255), (-128, 127)])
def test_every_sum_has_its_exact_interval(values: tuple[int, int]) -> None:
    """The ends of each node's interval are met by the inputs that its factors ask for."""
    graph = _everything(solve(MATRICES["8_bits"], values, [1] * 8, [37] * 8))
    at_zero = graph.evaluate(np.zeros((1, graph.inputs), np.int64))
    factors = (graph.evaluate(np.eye(graph.inputs, dtype=np.int64)) - at_zero).T
    low, high = values
    ends = [
        graph.evaluate(np.where(factors > 0, a, b))[range(len(factors)), range(len(factors))]
        for a, b in ((low, high), (high, low))
    ]
    assert [(node.low, node.high) for node in graph.nodes] == list(zip(*(end.tolist() for end in ends), strict=True))


def test_what_is_common_is_built_once() -> None:
    row = RNG.integers(-128, 128, 16)
    once = solve(row[None], (0, 255), [1], [3])
    for again in (row, -row):
        twice = solve(np.stack([row, again]), (0, 255), [1, 1], [3, 3])
        assert twice.adder_bits <= once.adder_bits + once.width


def test_bits_of_adders() -> None:
    """Side by side costs nothing, bits below the upper operand neither; a sum that comes out negative is turned."""
    costs = {
        weight: solve(np.array([weight]), (0, 15), [1], [0]).adder_bits
        for weight in ((1, 16), (1, 8), (1, 1), (1, -1), (16, -1))
    }
    assert costs == {(1, 16): 0, (1, 8): 5, (1, 1): 5, (1, -1): 5, (16, -1): 5 + 9}


def test_the_same_weights_give_the_same_graph() -> None:
    weights = RNG.integers(-128, 128, (12, 20))
    first, second = (solve(weights.copy(), (0, 255), [1] * 12, [5] * 12) for _ in range(2))
    assert first == second


def test_fewer_bits_than_digits_added_one_by_one() -> None:
    """Sharing is worth something: at random, an adder for each digit would take two and a half times the adders."""
    weights = RNG.integers(-127, 128, (32, 32))
    graph = solve(weights, (0, 255), [1] * 32, [0] * 32)
    ones = sum(bin(abs(w) ^ 3 * abs(w)).count("1") for w in weights.ravel().tolist()) - 32
    assert sum(node.is_sum for node in graph.nodes) < 0.5 * ones


@pytest.mark.parametrize("step", [1, 2, 3, 5, 50])
def test_stages(step: int) -> None:
    """No stage has more than `step` adders one behind the other, and operands are made before they are read."""
    graph = solve(RNG.integers(-128, 128, (6, 20)), (0, 255), [1] * 6, [9] * 6)
    pipeline = pipelined(graph, step)
    assert pipeline.stages == -(-graph.levels // step)
    chain = [0] * len(graph.nodes)
    for place, node in enumerate(graph.nodes):
        if node.is_sum:
            stage = pipeline.made[place]
            chain[place] = 1 + max(chain[o] if pipeline.made[o] == stage else 0 for o in (node.a, node.b))
            assert all(pipeline.made[operand] <= stage <= pipeline.read[operand] for operand in (node.a, node.b))
    assert max(chain) == pipeline.step <= step
    assert all(pipeline.made[out.node] <= pipeline.read[out.node] == pipeline.stages - 1 for out in graph.outputs)
    kept = sum(graph.nodes[place].width * count for place, count in pipeline.kept())
    assert pipeline.register_bits == kept and (kept > 0) == (pipeline.stages > 1)
