"""Mutation test of hwq's Python: arithmetic, operations and the packing of memory words.

Run from the repository:  .venv/bin/python proof/mutation/python.py [--deep] [--module hwq/arith.py] [--quick | --fresh]

Fails where a mutant survives that `python_survivors.toml` does not explain, or where a line of that file explains
none.  Results are kept in build/mutation; a mutant is tried again when its file or its tests have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["CI"] = "1"  # random tests with the seed of CI

from mutants import Mutant, mutants  # noqa: E402
from trials import How, Suite  # noqa: E402

HERE = Path(__file__).parent
CACHE = Path("build/mutation")


@dataclass(frozen=True)
class Target:
    """A file to mutate, by every operator or by the near ones, and its tests."""

    suite: Suite
    every: bool

    @property
    def path(self) -> Path:
        """The file."""
        return self.suite.path

    @property
    def digest(self) -> str:
        """Of all that the fate of a mutant depends on, the rest of hwq aside."""
        read = [
            self.path,
            *map(Path, self.suite.tests),
            *sorted(Path("tests").glob("*.py")),
            *sorted(HERE.glob("*.py")),
        ]
        return hashlib.sha256(b"".join(path.read_bytes() for path in read)).hexdigest()


def targets(config: Mapping[str, Any]) -> Iterator[Target]:
    """The files of the configuration, each once."""
    seen = set()
    for entry in config["files"]:
        for path in sorted(path for pattern in entry["paths"] for path in Path().glob(pattern)):
            if path not in seen and path.name != "__init__.py":
                seen.add(path)
                names = entry.get("names", [path.stem])
                suite = Suite(path, entry["tests"], entry["seconds"], names, config["each"])
                yield Target(suite, entry.get("every", False))


def fates(target: Target, found: list[Mutant], options: argparse.Namespace) -> dict[str, bool]:
    """Whether each mutant survives; results are added to the file of the target as they come."""
    store = CACHE / f"{target.path.as_posix().replace('/', '.')}.jsonl"
    lines = [json.loads(line) for line in store.read_text().splitlines()] if store.is_file() else [""]
    same = lines[0] == target.digest
    known = {key: survived for key, survived in lines[1:] if same or (options.again and not survived)}
    waiting = [mutant for mutant in found if mutant.key not in known]
    CACHE.mkdir(parents=True, exist_ok=True)
    with store.open("w") as log:
        log.writelines(json.dumps(line) + "\n" for line in (target.digest, *known.items()))
        log.flush()
        keys = iter(waiting)

        def said(survived: bool | None) -> None:
            key = next(keys).key
            if survived is not None:
                known[key] = survived
                log.write(json.dumps((key, survived)) + "\n")
                log.flush()

        if waiting:
            target.suite.survive([mutant.source for mutant in waiting], options.how, said)
    return known


def explained(path: Path) -> dict[str, str]:
    """Survivors of a file that are known, with their reasons."""
    entries = tomllib.loads((HERE / "python_survivors.toml").read_text()).get("survivors", [])
    return {
        f"{entry['was']} -> {now}": entry["reason"]
        for entry in entries
        if fnmatch(path.as_posix(), entry["file"])
        for now in entry["now"]
    }


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
    bad = 0
    print("| file | mutants | killed | equivalent | survivors | score |\n|---|---|---|---|---|---|")
    for target in targets(config):
        if options.module and target.path.as_posix() not in options.module:
            continue
        every = options.deep or target.every
        found = [
            mutant
            for mutant in mutants(target.path.read_text(), None if every else config["near"])
            if every or mutant.was not in config["skip"]
        ]
        survives = fates(target, found, options)
        found = [mutant for mutant in found if mutant.key in survives]
        alive = [mutant for mutant in found if survives[mutant.key]]
        reasons = explained(target.path)
        left = [mutant for mutant in alive if mutant.key not in reasons]
        killed = len(found) - len(alive)
        stale = reasons.keys() & {mutant.key for mutant in found} - {mutant.key for mutant in alive}
        score = 100 * killed / max(1, killed + len(left))
        print(f"| {target.path} | {len(found)} | {killed} | {len(alive) - len(left)} | {len(left)} | {score:.1f} % |")
        for mutant in left:
            print(f"  {target.path}:{mutant.line}: {mutant.was}\n      -> {mutant.now}")
        for key in stale:
            print(f"  {target.path}: explained, but killed: {key}")
        bad += len(left) + len(stale)
        sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
