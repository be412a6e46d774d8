"""Builds that are kept by content: the same sources, options and tools are compiled once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from hwq.errors import BadInput
from hwq.ir.temporary import new_beside, remove_leftovers


def cache_folder() -> Path:
    """Return the folder of finished builds: ``$HWQ_CACHE``, or ``hwq`` in the user's cache folder."""
    if chosen := os.environ.get("HWQ_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "hwq")


def content_key(sources: Sequence[Path], options: Mapping[str, object]) -> str:
    """Return 32 hexadecimal digits that stand for all that a build depends on.

    Parameters
    ----------
    sources
        Files by name and content, in order; their folders do not matter.
    options
        Anything else, as JSON values: tool version, flags, parameters. The Python environment's folder
        is always part of the key, since what is built may link to libraries in it.
    """
    digest = hashlib.sha256(json.dumps([sys.prefix, options], sort_keys=True).encode())
    for source in sources:
        content = source.read_bytes()
        digest.update(f"\n{source.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def cached_build(root: Path, name: str, build: Callable[[Path], None]) -> tuple[Path, bool]:
    """Return the folder of a finished build, building it when it is not there.

    The build happens in a temporary folder beside its place and is moved there in one step: nobody sees
    half a build, and of two processes that build the same at the same time the later one throws its own away.

    Parameters
    ----------
    root
        Folder of finished builds; it is created.
    name
        Name of this build's folder in it; it contains the content's key.
    build
        Fills the empty folder that it is given, or raises; then nothing is kept. What it leaves must work
        after a move.

    Returns
    -------
    tuple of Path and bool
        The folder, and whether it was there already.

    Raises
    ------
    BadInput
        When `root` cannot be written.
    """
    final = root / name
    if final.is_dir():
        return final, True
    with ExitStack() as stack:
        try:
            root.mkdir(parents=True, exist_ok=True)
            remove_leftovers(final)
            scratch = stack.enter_context(new_beside(final, folder=True))
        except OSError as error:
            raise BadInput(
                f"{root}: cannot hold builds ({error.strerror}). Set HWQ_CACHE to a folder that can be written."
            ) from None
        build(scratch)
        try:
            scratch.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    return final, False
