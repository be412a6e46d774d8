"""A finding with as few changes as it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from recipes import Case
from workers import Pool

TRIES = 40


def shrink(case: Case, key: tuple[str, str], root: Path, scratch: Path) -> Case:
    """Leave out steps, one at a time, for as long as the same thing is found; a hang is not tried again."""
    if key[0] == "hang" or len(case.steps) < 2:
        return case
    pool, tries, place = Pool(root, scratch, 1, guided=False), 0, 0
    while place < len(case.steps) and tries < TRIES:
        fewer = replace(case, steps=case.steps[:place] + case.steps[place + 1 :])
        ((_, outcome),) = pool.run([fewer])
        tries += 1
        if key in {(what, where) for what, where, _ in outcome.findings}:
            case = fewer
        else:
            place += 1
    pool.stop()
    return case
