"""Signals that end a command: raised where they arrive and, should that be lost, at the next step.

Python drops an exception that is raised in a finaliser, and a signal may arrive there.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

TERMINATED = 143
_arrived: list[int] = []


def install() -> None:
    """Take interrupts (Ctrl-C) and SIGTERM; an ignored interrupt stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _arrive)
    sys.unraisablehook = _dropped


def heed() -> None:
    """End here if a signal has arrived.

    Raises
    ------
    KeyboardInterrupt, SystemExit
        As when it arrived, so that temporary files are removed on the way out.
    """
    if _arrived:
        _end(_arrived[0])


def instead_of(error: BaseException) -> BaseException:
    """The signal's own exception where one has arrived: on its way through a library it may become another."""
    if not _arrived:
        return error
    return SystemExit(TERMINATED) if _arrived[0] == signal.SIGTERM else KeyboardInterrupt()


def _arrive(number: int, _frame: FrameType | None) -> NoReturn:
    _arrived.append(number)
    _end(number)


def _end(number: int) -> NoReturn:
    if number == signal.SIGTERM:
        raise SystemExit(TERMINATED)
    raise KeyboardInterrupt


def _dropped(lost: sys.UnraisableHookArgs) -> None:
    """Say nothing once a signal has arrived: `heed` raises it again, and finalisers meet objects it left half made."""
    if not _arrived:
        sys.__unraisablehook__(lost)
