"""Products of a constant matrix and a vector by shifts and adders: the solver.

A row of weights may be made from that of another output, to which it is near.  Sums are made of patterns that rows have
in common (`hwq.hw.adder_patterns`); a tree adds what is left of a row, and a constant with it, at the least bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from hwq.arith import IntArray, Interval
from hwq.hw.adder_graph import AdderGraph, Builder, Node, Output, adder_bits
from hwq.hw.adder_patterns import Term, digit_counts, digits, shared

BASE_COST = 6
"""Digits that the adder is worth which makes a row from that of another output."""


def solve(
    weights: IntArray, values: Interval, factors: Sequence[int], starts: Sequence[int], dropped: int = 0
) -> AdderGraph:
    """The graph of `factors[m] * (weights[m] @ x) + starts[m]`, for elements of x in the interval `values`.

    Parameters
    ----------
    weights
        (M, K).
    factors
        M numbers, 0 or more.
    dropped
        Low bits that whoever reads the outputs drops: all that matters is the quotient by 2^dropped, rounded down.

    Examples
    --------
    >>> graph = solve(np.array([[3, 5], [-3, 7]]), (0, 255), (1, 1), (0, 9))
    >>> graph.evaluate(np.array([[10, 1]])).tolist()
    [[35, -14]]
    """
    build = Builder(weights.shape[1], values)
    bases = based(weights)
    rest = weights.copy()
    for row, (base, sign) in bases.items():
        rest[row] -= sign * weights[base]
    terms = shared(build, rest)
    made: dict[int, tuple[Term, int]] = {}
    outputs: dict[int, Output] = {}
    for row in sorted(range(len(weights)), key=lambda row: (row in bases, row)):
        own, extra = terms[row], 0
        if row in bases:
            base, sign = bases[row]
            whole, extra = made[base][0], sign * made[base][1]
            own = [*own, Term(whole.node, whole.shift, sign * whole.sign)]
        factor, start = factors[row], starts[row]
        power = factor.bit_length() - 1
        if factor == 1 << max(0, power) and (power <= dropped or start % factor == 0):
            last, more = _plus(build, own, (start >> power) - extra, max(0, dropped - power))
            made[row] = last, extra + more
        else:
            whole, power = _sum(build, own), 0
            made[row] = whole, extra
            scaled = [Term(whole.node, whole.shift + place, whole.sign * sign) for place, sign in digits(factor)]
            last, _ = _plus(build, scaled, start - factor * extra, dropped)
        outputs[row] = Output(last.node, last.shift + power, last.sign < 0)
    return build.finished([outputs[row] for row in range(len(weights))])


def based(weights: IntArray) -> dict[int, tuple[int, int]]:
    """Rows that are made from others, which are not: for each the other row and a sign.

    `weights[row] - sign * weights[other]` has so many fewer digits that the adder pays.
    """
    own = digit_counts(weights).sum(1)
    best = {row: (int(count), -1, 0) for row, count in enumerate(own)}
    found: dict[int, tuple[int, int]] = {}
    while best:
        row = min(best, key=lambda row: (best[row][0], row))
        _, base, sign = best.pop(row)
        if sign:
            found[row] = base, sign
            continue
        others = np.array(list(best), np.int64)
        for sign in (1, -1):
            counts = digit_counts(weights[others] - sign * weights[row]).sum(1) + BASE_COST
            for other, count in zip(others.tolist(), counts.tolist(), strict=True):
                best[other] = min(best[other], (count, row, sign), key=lambda choice: choice[0])
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a sum that is not built yet: a leaf, or two parts joined; `node` knows its values but for operands."""

    node: Node
    shift: int
    sign: int
    leaf: int
    parts: tuple[_Part, _Part] | None = None


def _joined(p: _Part, q: _Part) -> _Part:
    a, b = sorted((p, q), key=lambda part: (part.shift, -part.sign))
    shift, minus = b.shift - a.shift, a.sign != b.sign
    low, high = (-b.node.high, -b.node.low) if minus else (b.node.low, b.node.high)
    node = Node(
        a.node.low + (low << shift), a.node.high + (high << shift), max(a.node.depth, b.node.depth) + 1, -1, -1, shift,
        minus,
    )  # fmt: skip
    return _Part(node, a.shift, a.sign, -1, (a, b))


def _planned(leaves: Sequence[_Part]) -> _Part:
    """All leaves joined, always the two whose adder has the fewest bits."""
    alive: dict[int, _Part] = {}
    heap: list[tuple[int, int, int, int, int]] = []
    for number, leaf in enumerate(leaves):
        _offer(heap, alive, number, leaf)
    number = len(leaves)
    while len(alive) > 1:
        *_, i, j = heappop(heap)
        if i in alive and j in alive:
            _offer(heap, alive, number, _joined(alive.pop(i), alive.pop(j)))
            number += 1
    return alive.popitem()[1]


def _offer(heap: list[tuple[int, int, int, int, int]], alive: dict[int, _Part], number: int, part: _Part) -> None:
    """Add a part, and what it would be joined with each other one."""
    for other, second in alive.items():
        both = _joined(part, second)
        assert both.parts is not None
        a, b = both.parts
        bits = adder_bits(a.node, b.node, both.node)
        heappush(heap, (bits, both.node.depth, both.node.width + both.shift, other, number))
    alive[number] = part


def _built(build: Builder, part: _Part, constant: int) -> int:
    """The node of `part`; its leaf without a node is the constant."""
    if part.parts is None:
        return build.constant(constant) if part.leaf < 0 else part.leaf
    a, b = (_built(build, each, constant) for each in part.parts)
    return build.sum(a, b, part.node.shift, part.node.minus)


def _sum(build: Builder, terms: Sequence[Term]) -> Term:
    """The sum of `terms`."""
    if not terms:
        return Term(build.constant(0), 0, 1)
    whole = _planned([_Part(build.nodes[t.node], t.shift, t.sign, t.node) for t in terms])
    return Term(_built(build, whole, 0), whole.shift, whole.sign)


def _plus(build: Builder, terms: Sequence[Term], constant: int, dropped: int) -> tuple[Term, int]:
    """The sum of `terms` and a constant, and the constant that was added in its place.

    It is less by what is below all terms and is dropped.  Where the sum comes out negative it is more by the sum's
    unit, so that the node with all bits inverted is `terms + constant`.
    """
    if not terms:
        return Term(build.constant(constant), 0, 1), constant
    unit = min(t.shift for t in terms)
    constant = constant >> min(unit, dropped) << min(unit, dropped)
    if not constant:
        found = _sum(build, terms)
        if found.sign > 0:
            return found, 0
        less = build.sum(found.node, build.constant(1), 0, True)
        return Term(less, found.shift, -1), 1 << found.shift
    unit = min(unit, (constant & -constant).bit_length() - 1)
    value = constant >> unit
    leaves = [_Part(build.nodes[t.node], t.shift, t.sign, t.node) for t in terms]
    whole = _planned([*leaves, _Part(Node(value, value), unit, 1, -1)])
    value += whole.sign < 0
    return Term(_built(build, whole, value), whole.shift, whole.sign), value << unit
