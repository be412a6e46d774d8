"""No signal is lost, not even one that arrives in a finaliser."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest

from hwq.cli import interrupts
from hwq.cli.session import Session


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hook = sys.unraisablehook
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.unraisablehook = hook
    interrupts._arrived.clear()


class _Ends:
    """Receives a signal while it is finalised."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)], ids=["int", "term"]
)
def test_a_signal_in_a_finaliser(
    number: signal.Signals, expected: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.install()
    session = Session(json=False, verbose=False)
    session.progress("Before")
    thing = _Ends(number)
    del thing
    assert capsys.readouterr().err == "", "nothing is printed of what Python dropped"
    with pytest.raises(expected):
        session.progress("After")


@pytest.mark.parametrize("error", [AttributeError, ValueError, OSError])
def test_an_object_that_a_signal_left_half_made(error: type[Exception], capsys: pytest.CaptureFixture[str]) -> None:
    class Half:
        def __init__(self) -> None:
            signal.raise_signal(signal.SIGINT)

        def __del__(self) -> None:
            raise error("was never made")

    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.install()
    try:
        Half()
    except KeyboardInterrupt as end:
        end.__traceback__ = None
    assert capsys.readouterr().err == ""


def test_a_signal_elsewhere_is_raised_at_once() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.install()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_ignored_interrupt_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.install()
    signal.raise_signal(signal.SIGINT)
    interrupts.heed()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_other_errors_of_finalisers_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    class Fails:
        def __del__(self) -> None:
            raise ValueError("told")

    interrupts.install()
    thing = Fails()
    del thing
    assert "ValueError: told" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"])
def test_a_signal_that_a_library_made_something_else_of(number: signal.Signals, code: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.install()
    session = Session(json=False, verbose=False)

    def fail() -> None:
        try:
            signal.raise_signal(number)
        except BaseException:
            raise RuntimeError("a callback failed") from None

    try:
        with session:
            fail()
    except SystemExit as end:
        session.exit_code = int(str(end.code))
    assert session.exit_code == code
