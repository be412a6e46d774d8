"""Tests of mutants, each in a process forked from one that has imported what it needs; no file is changed.

Where the change is within functions, the fork comes from a process that has collected the tests already, and puts the
changed code into the functions that are there.  Any other change, and any mutant that survives, meets tests that are
imported after it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

OPTIONS = ("-q", "-x", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist")
MEMORY = 8 << 30


KILLED, SURVIVED, UNTRIED = b"k", b"s", b"u"


class How(Enum):
    """Which processes tests of a mutant run in."""

    USUAL = "usual"
    QUICK = "quick"
    """Only that with the tests collected before: changes outside of functions are not tried."""
    FRESH = "fresh"
    """Only those where tests are imported after the mutant."""


@dataclass(frozen=True)
class Suite:
    """The tests of one file, and how long a processor may work on them.

    Tests that have one of `names` in theirs come first; those with one of `each`, which are over many operations, have
    to have one.
    """

    path: Path
    tests: Sequence[str]
    seconds: int
    names: Sequence[str]
    each: Sequence[str]

    @property
    def module(self) -> str:
        """The dotted name that the file is imported by."""
        return ".".join(self.path.with_suffix("").parts)

    def ordered(self, items: Iterable[pytest.Item]) -> list[pytest.Item]:
        """The tests that run, in their order."""
        own: list[pytest.Item] = []
        others: list[pytest.Item] = []
        for item in items:
            if any(name in item.nodeid for name in self.names):
                own.append(item)
            elif not any(part in item.nodeid for part in self.each):
                others.append(item)
        return own + others

    def fresh_killed(self, source: str) -> bool:
        """Whether tests that are imported after the changed file fail."""
        return self._forked(lambda: self._fresh(source))

    def _fresh(self, source: str) -> int:
        sys.meta_path.insert(0, _Changed(self.module, source, self.path))
        return int(pytest.main([*OPTIONS, *self.tests], plugins=[_Order(self)]))

    def _forked(self, tests: Callable[[], int]) -> bool:
        """Whether tests fail, in a process of their own; one that takes too long fails."""

        def limited() -> int:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (self.seconds, self.seconds))
            return tests()

        return os.waitpid(_fork(limited), 0)[1] != 0

    def in_place(self, source: str | None, session: pytest.Session) -> bytes:
        """What becomes of a change within functions, or of none."""
        before = self.path.read_text(encoding="utf-8")
        functions = changed_functions(sys.modules[self.module], before, before if source is None else source)
        if functions is None:
            return UNTRIED

        def tests() -> int:
            for function, code in functions:
                function.__code__ = code
            for item in self.ordered(session.items):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    return 1
            return 0

        return KILLED if self._forked(tests) else SURVIVED


class _Order:
    def __init__(self, suite: Suite) -> None:
        self.suite = suite

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = self.suite.ordered(items)


class _Host:
    """Instead of running the tests, tries every mutant with them."""

    def __init__(self, trials: Sequence[tuple[Suite, str]], how: How, said: Callable[[bytes], object]) -> None:
        self.trials, self.how, self.said = trials, how, said

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        last = None
        for suite, source in self.trials:
            if suite is not last and suite.in_place(None, session) == KILLED:
                break
            last = suite
            self.said(UNTRIED if self.how is How.FRESH else suite.in_place(source, session))
        return True


def survive(trials: Sequence[tuple[Suite, str]], how: How) -> Iterator[bool | None]:
    """Whether each text of a file survives; None for one that was not tried.  All suites have the same tests."""

    def host() -> int:
        plugin = _Host(trials, how, lambda fate: os.write(end, fate))
        pytest.main([*OPTIONS, *trials[0][0].tests], plugins=[plugin])
        return 0

    read, end = os.pipe()
    pid = _fork(host)
    os.close(end)
    for suite, source in trials:
        fate = os.read(read, 1)
        if not fate:
            raise SystemExit(f"{suite.path}: its tests fail without a mutation")
        if how is How.QUICK:
            yield None if fate == UNTRIED else fate == SURVIVED
        else:
            yield fate != KILLED and not suite.fresh_killed(source)
    os.close(read)
    os.waitpid(pid, 0)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from a text, and writes no byte code."""

    def __init__(self, name: str, source: str, path: Path) -> None:
        self.name, self.source, self.path = name, source, path

    def find_spec(
        self, name: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        spec = importlib.util.spec_from_loader(name, self, origin=str(self.path))
        assert spec is not None
        spec.has_location = True
        return spec

    def get_source(self, name: str) -> str:
        return self.source


def changed_functions(module: ModuleType, before: str, after: str) -> list[tuple[FunctionType, CodeType]] | None:
    """Functions of `module` with their code of `after`; None where more than functions changes."""
    found: list[tuple[FunctionType, CodeType]] = []

    def within(old: CodeType, new: CodeType, holder: object) -> bool:
        olds, news = ([c for c in code.co_consts if isinstance(c, CodeType)] for code in (old, new))
        if [c.co_name for c in olds] != [c.co_name for c in news] or _plain(old) != _plain(new):
            return False
        for a, b in zip(olds, news, strict=True):
            if a == b:
                continue
            value = vars(holder).get(a.co_name)
            value = value.fget if isinstance(value, property) else value
            if isinstance(value, type):
                if not within(a, b, value):
                    return False
            elif isinstance(value, FunctionType) and value.__code__.co_freevars == b.co_freevars:
                found.append((value, b))
            else:
                return False
        return True

    old, new = (compile(text, str(module.__file__), "exec", dont_inherit=True) for text in (before, after))
    return found if within(old, new, module) else None


def _plain(code: CodeType) -> tuple[object, ...]:
    """What a module or a class does beside making its functions."""
    constants = [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]
    return code.co_code, code.co_names, constants


def _fork(work: Callable[[], int]) -> int:
    """The process that does `work`, in silence, and ends with its result."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        code = work()
    finally:
        os._exit(code)
