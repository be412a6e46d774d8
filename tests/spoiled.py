"""Copies of builds with a fault in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


def spoiled(build: Path, target: Path, file: str, change: Callable[[str], str]) -> Path:
    """A copy of a build in which `change` was made to the text of one file."""
    shutil.copytree(build, target)
    path = target / file
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    return target


def flipped(number: int, bit: int) -> Callable[[str], str]:
    """Flip one bit of one word of a memory file."""

    def change(text: str) -> str:
        words = text.split()
        words[number] = f"{int(words[number], 16) ^ 1 << bit:0{len(words[number])}x}"
        return "\n".join(words) + "\n"

    return change


def unknown(text: str) -> str:
    """Make the first word of a memory file unknown."""
    words = text.split()
    return "\n".join(["x" * len(words[0]), *words[1:]]) + "\n"
