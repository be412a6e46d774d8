"""Which case comes next: from a good file, or from one that has reached new lines of hwq."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import recipes
from recipes import Case
from sandbox import Outcome

FROM_CORPUS = 0.5
"""Share of cases that go on from one that has found something new."""


class Guide:
    """Draws cases; the same seed and the same outcomes give the same cases."""

    def __init__(self, seed: int, root: Path, seeds: dict[str, list[str]], kinds: Sequence[str]) -> None:
        self._seed, self._root, self._seeds, self._kinds = seed, root, seeds, kinds
        self._corpus: dict[str, list[Case]] = defaultdict(list)
        self._accepted: dict[str, list[Case]] = defaultdict(list)
        self.lines: set[tuple[str, int]] = set()
        self._next = 0

    def draw(self, count: int) -> list[Case]:
        """The next cases."""
        cases = []
        for number in range(self._next, self._next + count):
            rng = Random(f"{self._seed} {number}")
            case = recipes.draw(rng, number, self._seeds, self._kinds, self._root)
            corpus = self._corpus[case.kind]
            good = self._accepted[case.kind]
            if corpus and rng.random() < FROM_CORPUS:
                case = replace(rng.choice(good if good and rng.random() < 0.6 else corpus), number=number)
            cases.append(recipes.grow(rng, case))
        self._next += count
        return cases

    def learn(self, case: Case, outcome: Outcome) -> None:
        """Keep a case that has reached new lines."""
        new = set(outcome.lines) - self.lines
        if new:
            self.lines |= new
            self._corpus[case.kind].append(case)
            if outcome.codes and outcome.codes[-1][1] in ("0", "tool"):
                self._accepted[case.kind].append(case)

    @property
    def corpus(self) -> int:
        """How many cases were kept."""
        return sum(map(len, self._corpus.values()))
