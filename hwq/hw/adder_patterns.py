"""Patterns of signed digits that rows of weights have in common: each becomes a node of an adder graph.

Weights are sums of signed digits, canonical ones, of which no two stand side by side.  A pattern is two digits of two
nodes at some distance, alike or opposed in sign.  The one that saves most becomes a node, whose digits take the place
of both wherever they occur, until no pattern occurs twice.  (Hosangadi, Fallah and Kastner 2005; here a pattern is
worth its occurrences times the bits in which its nodes overlap, as in Sun et al. 2025.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from hwq.arith import IntArray
from hwq.hw.adder_graph import Builder

Pattern = tuple[int, int, int, bool]
"""Nodes a and b, how far b is shifted more than a, and whether their signs differ."""


@dataclass(frozen=True, slots=True)
class Term:
    """`sign * node * 2^shift`."""

    node: int
    shift: int
    sign: int


def digits(value: int) -> Iterator[tuple[int, int]]:
    """The signed digits of a number, (place, 1 or -1) each, the fewest that there can be.

    Examples
    --------
    >>> list(digits(7)), list(digits(-10))
    ([(0, -1), (3, 1)], [(1, -1), (3, -1)])
    """
    place = 0
    while value:
        if value & 1:
            sign = 2 - (value & 3)
            yield place, sign
            value -= sign
        value >>= 1
        place += 1


def digit_counts(values: IntArray) -> IntArray:
    """How many signed digits each number has: the bits in which it differs from three times itself.

    Examples
    --------
    >>> digit_counts(np.array([7, -10, 0])).tolist()
    [2, 2, 0]
    """
    once = np.abs(values)
    bits: IntArray = once ^ (3 * once)
    counts = np.zeros_like(bits)
    while bits.any():
        counts += bits & 1
        bits = bits >> 1
    return counts


def shared(build: Builder, weights: IntArray) -> list[list[Term]]:
    """The terms of each row of `weights @ x`, what rows have in common made nodes of `build`."""
    rows = _Rows(weights)
    heap: list[tuple[int, Pattern, int]] = []

    def offer(pattern: Pattern) -> None:
        count = rows.counts[pattern]
        if count > 1:
            heap.append((-count * _overlap(build, pattern), pattern, count))

    for pattern in rows.counts:
        offer(pattern)
    heapify(heap)
    while heap:
        _, pattern, count = heappop(heap)
        now = rows.counts[pattern]
        if now != count:
            if 1 < now < count:
                heappush(heap, (-now * _overlap(build, pattern), pattern, now))
            continue
        places = rows.places(pattern)
        if len(places) < 2:
            continue
        node = build.sum(*pattern)
        for fresh in rows.replace(pattern, places, node):
            number = rows.counts[fresh]
            if number > 1:
                heappush(heap, (-number * _overlap(build, fresh), fresh, number))
    return rows.terms()


def _overlap(build: Builder, pattern: Pattern) -> int:
    """Bits in which the two nodes of a pattern overlap, at least 1."""
    a, b, shift, _ = pattern
    return max(1, min(build.widths[a] - shift, build.widths[b]))


class _Rows:
    """The digits of each row, by node and place, and how often each pattern occurs in all."""

    def __init__(self, weights: IntArray) -> None:
        self.counts: dict[Pattern, int] = {}
        self._rows: list[dict[int, dict[int, int]]] = []
        self._homes: dict[int, set[int]] = {}
        for number, row in enumerate(weights.tolist()):
            self._rows.append({})
            for node, weight in enumerate(row):
                for place, sign in digits(weight):
                    self._put(number, node, place, sign)

    def terms(self) -> list[list[Term]]:
        """What each row is the sum of."""
        return [
            [Term(node, place, sign) for node, found in sorted(row.items()) for place, sign in sorted(found.items())]
            for row in self._rows
        ]

    def places(self, pattern: Pattern) -> list[tuple[int, int, int]]:
        """Where a pattern occurs, no digit twice: rows, places and signs of its first digits."""
        a, b, shift, minus = pattern
        found: list[tuple[int, int, int]] = []
        for number in sorted(self._homes[a] & self._homes[b]):
            first, second = self._rows[number][a], self._rows[number][b]
            used: set[int] = set()
            for place, sign in sorted(first.items()):
                if second.get(place + shift) == (-sign if minus else sign) and not (a == b and place in used):
                    used.add(place + shift)
                    found.append((number, place, sign))
        return found

    def replace(self, pattern: Pattern, places: list[tuple[int, int, int]], node: int) -> list[Pattern]:
        """Put digits of `node` in place of a pattern; returns the patterns that occur more often now."""
        a, b, shift, _ = pattern
        fresh: dict[Pattern, None] = {}
        for number, place, sign in places:
            self._drop(number, a, place)
            self._drop(number, b, place + shift)
            while self._rows[number].get(node, {}).get(place) == sign:
                self._drop(number, node, place)
                place += 1
            if place in self._rows[number].get(node, {}):
                self._drop(number, node, place)
            else:
                fresh |= dict.fromkeys(self._put(number, node, place, sign))
        return list(fresh)

    def _put(self, number: int, node: int, place: int, sign: int) -> list[Pattern]:
        patterns = self._patterns(number, node, place, sign)
        for pattern in patterns:
            self.counts[pattern] = self.counts.get(pattern, 0) + 1
        self._rows[number].setdefault(node, {})[place] = sign
        self._homes.setdefault(node, set()).add(number)
        return patterns

    def _drop(self, number: int, node: int, place: int) -> None:
        row = self._rows[number]
        sign = row[node].pop(place)
        if not row[node]:
            del row[node]
            self._homes[node].discard(number)
        for pattern in self._patterns(number, node, place, sign):
            self.counts[pattern] -= 1

    def _patterns(self, number: int, node: int, place: int, sign: int) -> list[Pattern]:
        """Those of a digit with each digit of its row."""
        return [
            (node, other, at - place, its != sign)
            if at > place or (at == place and other > node)
            else (other, node, place - at, its != sign)
            for other, found in self._rows[number].items()
            for at, its in found.items()
        ]
