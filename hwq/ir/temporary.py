"""Files and folders that are written beside their place, and what is left of them when a process is killed.

Whoever writes one holds a lock on it, which ends with the process, whatever ends that. So one without a lock is left
over, and the next to write the same target removes it. Where a file system has no locks, nothing is removed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = "hwq"
_HERE = -100
_EXCHANGE = 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EOPNOTSUPP)


@contextmanager
def new_beside(target: Path, folder: bool = False, mark: str = MARK) -> Iterator[Path]:
    """A new file or folder beside `target`; what is at its path when the block ends is removed.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    path, handle = _claimed(target, folder, mark)
    try:
        yield path
    finally:
        _remove(path)
        os.close(handle)


def target_of(name: str, mark: str = MARK) -> str | None:
    """The name of the target beside which `new_beside` made a file or folder; None for other names.

    Examples
    --------
    >>> target_of(".net.hwq.hwq-a8_x0k2m"), target_of(".net.hwq.hwq-old-a8_x0k2m"), target_of("net.hwq")
    ('net.hwq', None, None)
    """
    found = re.fullmatch(rf"\.(.+)\.{mark}-[a-z0-9_]{{8}}", name)
    return found[1] if found else None


def leftovers(target: Path, mark: str = MARK) -> Iterator[Path]:
    """What processes that were killed have left beside `target`; each is locked until the next one is asked for."""
    try:
        found = [entry.path for entry in os.scandir(target.parent) if target_of(entry.name, mark) == target.name]
    except OSError:
        return
    for path in sorted(found):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(path)
        except OSError:
            pass  # Somebody is writing it, or nobody can tell.
        finally:
            os.close(handle)


def remove_leftovers(target: Path, mark: str = MARK) -> None:
    """Remove what processes that were killed have left beside `target`."""
    for path in leftovers(target, mark):
        _remove(path)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread is in such a block for `folder`; not where a file system has no locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot.

    Raises
    ------
    OSError
        When one of them is not there, or may not be renamed.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    if renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code))


def _claimed(target: Path, folder: bool, mark: str) -> tuple[Path, int]:
    """Make a file or folder and lock it; another one when somebody took it for a leftover in between."""
    while True:
        prefix = f".{target.name}.{mark}-"
        if folder:
            name = tempfile.mkdtemp(prefix=prefix, dir=target.parent)
            try:
                handle = os.open(name, os.O_RDONLY)
            except FileNotFoundError:
                continue
        else:
            handle, name = tempfile.mkstemp(prefix=prefix, dir=target.parent)
        with suppress(OSError):  # Some network file systems have no locks.
            fcntl.flock(handle, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(name), os.fstat(handle)):
                return Path(name), handle
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
