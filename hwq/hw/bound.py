"""Bound: how far a folding is from the best there could be, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """No design within the budget takes fewer than `least` cycles a frame; `binds` says what a faster one lacks."""

    least: int
    binds: str
