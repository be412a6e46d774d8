"""Mutation test of hwq's Python: arithmetic, operations and the packing of memory words.

Run from the repository:  .venv/bin/python proof/mutation/python.py [--deep] [--module hwq/arith.py] [--quick | --fresh]

Fails where a mutant survives that `python_survivors.toml` does not explain, or where a line of that file explains
none.  Results are kept in build/mutation; a mutant is tried again when its file or its tests have changed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import itertools
import json
import os
import re
import signal
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["CI"] = "1"  # random tests with the seed of CI

from mutants import Mutant, mutants  # noqa: E402
from trials import How, Suite, survive  # noqa: E402

HERE = Path(__file__).parent
CACHE = Path("build/mutation")


@dataclass
class Target:
    """A file to mutate, its mutants, and which of those that have been tried survive."""

    suite: Suite
    found: list[Mutant]
    survives: dict[str, bool]

    @property
    def path(self) -> Path:
        """The file."""
        return self.suite.path

    @cached_property
    def digest(self) -> str:
        """Of all that the fate of a mutant depends on, the rest of hwq aside."""
        helpers = [*sorted(Path("tests").glob("*.py")), HERE / "mutants.py", HERE / "trials.py"]
        read = [self.path, *map(Path, self.suite.tests), *helpers]
        return hashlib.sha256(b"".join(path.read_bytes() for path in read)).hexdigest()

    @property
    def store(self) -> Path:
        """Where results are kept: the digest, then a line for each mutant."""
        return CACHE / f"{self.path.as_posix().replace('/', '.')}.jsonl"

    def recall(self, again: bool) -> None:
        """Read what is known: all results of the same files, or with `again` which mutants were killed."""
        lines = [json.loads(line) for line in self.store.read_text().splitlines()] if self.store.is_file() else [""]
        same = lines[0] == self.digest
        self.survives = {key: survived for key, survived in lines[1:] if same or (again and not survived)}
        CACHE.mkdir(parents=True, exist_ok=True)
        self.store.write_text("".join(json.dumps(line) + "\n" for line in (self.digest, *self.survives.items())))

    def note(self, mutant: Mutant, survived: bool) -> None:
        """Keep a result."""
        self.survives[mutant.key] = survived
        with self.store.open("a") as log:
            log.write(json.dumps((mutant.key, survived)) + "\n")


def targets(config: Mapping[str, Any], modules: Sequence[str], deep: bool) -> Iterator[Target]:
    """The files of the configuration, each once, or those of `modules`."""
    seen = set()
    for entry in config["files"]:
        for path in sorted(path for pattern in entry["paths"] for path in Path().glob(pattern)):
            if path in seen or path.name == "__init__.py":
                continue
            seen.add(path)
            if not modules or path.as_posix() in modules:
                every = deep or entry.get("every", False)
                found = mutants(path.read_text(encoding="utf-8"), None if every else config["near"])
                wanted = [mutant for mutant in found if every or mutant.was not in config["skip"]]
                names = entry.get("names", [path.stem])
                yield Target(Suite(path, entry["tests"], entry["seconds"], names, config["each"]), wanted, {})


def attempt(group: Sequence[Target], how: How) -> None:
    """Try the mutants of files that have the same tests."""
    waiting = [(target, mutant) for target in group for mutant in target.found if mutant.key not in target.survives]
    if waiting:
        trials = [(target.suite, mutant.source) for target, mutant in waiting]
        for (target, mutant), survived in zip(waiting, survive(trials, how), strict=True):
            if survived is not None:
                target.note(mutant, survived)


@dataclass(frozen=True)
class Reason:
    """Why mutants survive, as `python_survivors.toml` has it."""

    files: list[str]
    reason: str
    was: str = ""
    now: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()

    def explains(self, mutant: Mutant) -> bool:
        """Whether it is about this mutant of one of its files."""
        if mutant.was == self.was and mutant.now in self.now:
            return True
        return any(
            mutant.now == mutant.was[: found.start()] + new + mutant.was[found.end() :]
            for old, new in self.parts
            for found in re.finditer(re.escape(old), mutant.was)
        )


def reasons(path: Path) -> list[Reason]:
    """Those of a file."""
    entries = tomllib.loads((HERE / "python_survivors.toml").read_text(encoding="utf-8"))["survivors"]
    return [Reason(**entry) for entry in entries if path.as_posix() in entry["files"]]


def main() -> int:
    """Print a table of the files, and the survivors that have no reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deep", action="store_true", help="replace each binary operator by every other one")
    parser.add_argument("--module", action="append", default=[], help="only this file; may be repeated")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--fresh", dest="how", action="store_const", const=How.FRESH, help="import tests after each mutant"
    )
    how.add_argument("--quick", dest="how", action="store_const", const=How.QUICK, help="only changes of functions")
    parser.set_defaults(how=How.USUAL)
    parser.add_argument("--again", action="store_true", help="try survivors alone again, after a change of tests")
    options = parser.parse_args()
    config = tomllib.loads((HERE / "python.toml").read_text())
    sys.path[:0] = ["tests"]
    for name in config["preload"]:
        importlib.import_module(name)
    found = list(targets(config, options.module, options.deep))
    for target in found:
        target.recall(options.again)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):  # what has been tried is reported, and kept
        for _, group in itertools.groupby(found, key=lambda target: target.suite.tests):
            attempt(list(group), options.how)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    untried = sum(mutant.key not in target.survives for target in found for mutant in target.found)
    print("| file | mutants | killed | equivalent | survivors | score |\n|---|---|---|---|---|---|")
    wrong = sum([report(target) for target in found])
    print(f"{untried} mutants were not tried" if untried else "all mutants were tried")
    return 1 if wrong or untried else 0


def report(target: Target) -> int:
    """Print a row and what is wrong; return how much is."""
    tried = [mutant for mutant in target.found if mutant.key in target.survives]
    alive = [mutant for mutant in tried if target.survives[mutant.key]]
    known = reasons(target.path)
    left = [mutant for mutant in alive if not any(reason.explains(mutant) for reason in known)]
    stale = [
        reason
        for reason in known
        if not reason.parts
        and len(tried) == len(target.found)
        and any(map(reason.explains, tried))
        and not any(map(reason.explains, alive))
    ]
    killed, equal = len(tried) - len(alive), len(alive) - len(left)
    score = 100 * killed / max(1, killed + len(left))
    print(f"| {target.path} | {len(tried)} | {killed} | {equal} | {len(left)} | {score:.1f} % |")
    for mutant in left:
        print(f"  {target.path}:{mutant.line}: {mutant.was}\n      -> {mutant.now}")
    for reason in stale:
        print(f"  {target.path}: explained, but killed: {reason.was}")
    return len(left) + len(stale)


if __name__ == "__main__":
    sys.exit(main())
