"""Writing files so that a reader sees the old content or the new one, never half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hwq.errors import BadInput


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` by way of a temporary file in the same folder.

    Raises
    ------
    BadInput
        When the folder is missing or read-only, the path is a folder, or the disk is full.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise BadInput(
            f"{path}: cannot be written ({error.strerror}). Choose another output or free the disk."
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
