"""The three ways in which hwq refuses, each with the exit code that the command line returns."""

from __future__ import annotations

from collections.abc import Sequence


class HwqError(Exception):
    """Base of every error that hwq raises on purpose; its text is shown to the user as it stands."""

    exit_code = 2


class CheckFailed(HwqError):
    """A comparison that must be equal is not: the hardware or a file disagrees with the simulator."""

    exit_code = 1


class BadInput(HwqError):
    """The user's model, data, options or folder cannot be used."""

    exit_code = 2


class ToolMissing(HwqError):
    """A simulator or compiler is not installed."""

    exit_code = 3


def refuse_all(refusals: Sequence[str]) -> None:
    """Raise one `BadInput` that lists every refusal, one a line; do nothing when there is none.

    Parameters
    ----------
    refusals
        Messages of the form ``who: what was found, what was expected. What to do.``

    Raises
    ------
    BadInput
        When `refusals` is not empty.
    """
    if refusals:
        raise BadInput("\n".join(refusals))
