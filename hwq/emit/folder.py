"""Output folders: written beside their place and moved there whole, so that nothing half-written is ever seen."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hwq.errors import BadInput

MARKER = "hwq-build.json"
"""A folder that holds this file was made by hwq and may be replaced by it."""


def check_target(target: Path, marker: str = MARKER) -> None:
    """Refuse a target that is a file, that holds something but no file `marker`, or that cannot be written."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BadInput(f"{target}: is not a folder, expected a folder or nothing. Choose another output.")
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise BadInput(
            f"{target}: exists and was not made by hwq, expected an empty or new folder. Choose another output."
        )
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
    scratch: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        scratch.chmod(0o755)
        yield scratch
        _swap(scratch, target)
    except OSError as error:
        raise BadInput(
            f"{target}: cannot be written ({error.strerror}). Choose another output or free the disk."
        ) from None
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _swap(scratch: Path, target: Path) -> None:
    """Put `scratch` in the place of `target`; the old folder is set aside first and removed last."""
    if not target.exists():
        os.rename(scratch, target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    os.rename(target, aside / "old")
    try:
        os.rename(scratch, target)
    except OSError:
        os.rename(aside / "old", target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
