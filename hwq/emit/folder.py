"""Output folders: written beside their place and moved there whole, so that nothing half-written is ever seen."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hwq.errors import BadInput
from hwq.ir.temporary import MARK, alone_in, exchange, leftovers, new_beside, remove_leftovers

MARKER = "hwq-build.json"
"""A folder that holds this file was made by hwq and may be replaced by it."""
ASIDE = "hwq-old"
"""Marks a folder that is set aside while another one takes its place."""
ATTEMPTS = 100
"""How often a folder is moved to a place where others move folders at the same time."""


_SOURCE = re.compile(r"[A-Za-z]\w*\.sv", re.ASCII)


def sources_in(build: Path, *parts: str) -> list[Path]:
    """The SystemVerilog files in these folders of a build, in the order of names.

    Raises
    ------
    BadInput
        When one has a name that a tool's script would not take for a name: builds come from elsewhere, too.
    """
    found = [path for part in parts for path in sorted((build / part).glob("*.sv"))]
    for path in found:
        if not _SOURCE.fullmatch(path.name):
            raise BadInput(f"{path}: hwq gives no file such a name, expected letters, digits and '_'. Remove it.")
    return found


def rtl_in(build: Path) -> list[Path]:
    """The RTL of a build, as `sources_in`; refuse a folder that has none."""
    found = sources_in(build, "rtl")
    if not found:
        raise BadInput(f"{build}: holds no rtl/*.sv, expected a folder made by `hwq generate`. Generate it again.")
    return found


def check_target(target: Path, marker: str = MARKER) -> None:
    """Refuse a target that is a file, that holds something but no file `marker`, or that cannot be written."""
    _check_replaceable(target, marker)
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise BadInput(
            f"{target}: {parent} cannot be written ({error.strerror}), expected one that can. Choose another output."
        ) from None


@contextmanager
def new_folder(target: Path, marker: str = MARKER) -> Iterator[Path]:
    """A temporary folder that becomes `target` when the block ends well and vanishes when it does not.

    A folder with a file `marker` is replaced.

    Raises
    ------
    BadInput
        When the target cannot be used, or the disk is full.
    """
    check_target(target, marker)
    target = target.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _tidy(target)
        with new_beside(target, folder=True) as scratch:
            scratch.chmod(0o755)
            yield scratch
            _move(scratch, target, marker)
    except OSError as error:
        raise BadInput(
            f"{target}: cannot be written ({error.strerror}). Choose another output or free the disk."
        ) from None


def _check_replaceable(target: Path, marker: str) -> None:
    """Refuse what may not be replaced; while somebody else replaces it, look again."""
    while True:
        try:
            seen = os.lstat(target)
            names = os.listdir(target) if stat.S_ISDIR(seen.st_mode) else None
            same = os.path.samestat(seen, os.lstat(target))
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.lexists(target):
                return
            continue
        if names is None:
            raise BadInput(f"{target}: is not a folder, expected a folder or nothing. Choose another output.")
        if not names or marker in names:
            return
        if same:
            raise BadInput(
                f"{target}: exists and was not made by hwq, expected an empty or new folder. Choose another output."
            )


def _tidy(target: Path) -> None:
    """Remove what killed processes have left; a folder that one of them had set aside returns to its place."""
    with alone_in(target.parent):
        for path in leftovers(target, ASIDE):
            if not target.exists() and any(path.iterdir()):
                os.rename(path, target)
        for mark in (MARK, ASIDE):
            remove_leftovers(target, mark)


def _move(scratch: Path, target: Path, marker: str) -> None:
    """Put `scratch` in the place of `target`, in one step where the system can.

    Other processes may do the same at the same time: they wait for one another, and the folder is that of the last one.
    """
    with alone_in(target.parent):
        for attempt in range(ATTEMPTS):
            _check_replaceable(target, marker)
            try:
                if not target.exists():
                    os.rename(scratch, target)
                elif not exchange(scratch, target):
                    _move_in_steps(scratch, target)
                return
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY) or attempt == ATTEMPTS - 1:
                    raise


def _move_in_steps(scratch: Path, target: Path) -> None:
    """The old folder is set aside first and removed last."""
    with new_beside(target, folder=True, mark=ASIDE) as aside:
        os.rename(target, aside)
        try:
            os.rename(scratch, target)
        except OSError:
            os.rename(aside, target)
            raise
