"""Working memory: where each inner tensor lies, so that those that are never needed at once share their bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALIGN = 4
"""Each tensor begins at a multiple of this many bytes."""


@dataclass(frozen=True, slots=True)
class Life:
    """Bytes that are needed from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int

    def meets(self, other: Life) -> bool:
        """Whether there is a step that needs both."""
        return self.first <= other.last and other.first <= self.last


def place(lives: Mapping[str, Life]) -> dict[str, int]:
    """The first byte of each, by name, in one memory that is as small as this finds.

    The largest is placed first, each as low as those that are placed leave room for: the order "greedy by size" of
    Pisarchyk and Lee, *Efficient Memory Management for Deep Neural Net Inference*, 2020.

    Examples
    --------
    >>> place({"a": Life(10, 0, 1), "b": Life(6, 1, 2), "c": Life(8, 2, 3)})
    {'a': 0, 'c': 0, 'b': 12}
    """
    placed: dict[str, int] = {}
    for name, life in sorted(lives.items(), key=lambda item: -item[1].size):
        start = 0
        for other in sorted((n for n in placed if lives[n].meets(life)), key=placed.__getitem__):
            if start + life.size <= placed[other]:
                break
            start = max(start, _aligned(placed[other] + lives[other].size))
        placed[name] = start
    return placed


def needed(lives: Mapping[str, Life], placed: Mapping[str, int]) -> int:
    """Bytes of the memory."""
    return _aligned(max((placed[name] + life.size for name, life in lives.items()), default=0))


def _aligned(size: int) -> int:
    return -(-size // ALIGN) * ALIGN
