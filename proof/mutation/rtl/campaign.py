"""Mutation of the RTL library: which mutants of templates/rtl are noticed by which killers.

    python proof/mutation/rtl/campaign.py                     a sample of 3 % of all modules
    python proof/mutation/rtl/campaign.py --share 1           all mutants; two hours or more
    python proof/mutation/rtl/campaign.py hwq_fifo hwq_dwc --share 1

Results are kept in build/mutation/rtl/results and made again where a module has changed, so that a run that was stopped
goes on where it was. Mutants of all modules take turns in an order given by a hash: whatever part has been tried is a
fair sample.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue

from killers import FOLDER, MORE_RUNS, RUNS, Killer, Run, chosen, known_marks, normalised, prepared
from operators import RTL, Mutant, library
from programs import pool

from hwq.errors import CheckFailed

FIRST = 2
"""Killers that run before their code is compared with that of the library, as most mutants do not come further."""
RESULTS = FOLDER / "results"
FAST = Path("/dev/shm") if Path("/dev/shm").is_dir() else FOLDER


@dataclass
class Result:
    """What became of a mutant.

    `status` is killed; survived; same, if it compiles to the code of the library in every killer; invalid, if it does
    not compile; equivalent, if it is proved equal.  `killer` noticed a killed one, by `how`; the others were tried on
    the killers of `tried`, differ in code in those of `differs`, and do not compile in those of `broken`.
    """

    status: str = "new"
    killer: str = ""
    how: str = ""
    tried: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Bench:
    """All killers, generated when first needed, and a working folder for each of several threads."""

    def __init__(self, work: Path, runs: tuple[Run, ...] = RUNS) -> None:
        self.runs = runs
        self.pool, self.work, self.marks = pool(), work, known_marks()
        self.labels = chosen()
        texts = b"".join(path.read_bytes() for path in sorted(RTL.glob("*.sv")))
        self.kept = FOLDER / f"code-{hashlib.sha256(texts).hexdigest()[:16]}.json"
        self.library: dict[str, str] = json.loads(self.kept.read_text()) if self.kept.is_file() else {}
        work.mkdir(parents=True, exist_ok=True)

    def killer(self, label: str, work: Path) -> Killer:
        """A killer, generated again where its templates have changed."""
        return Killer(label, prepared(label, self.pool[label]), work, self.marks.get(label, ()))

    def code(self, killer: Killer) -> str:
        """What the library itself compiles to."""
        if killer.label not in self.library:
            program = killer.compile({}, "library.vvp")
            assert program is not None, f"{killer.label}: the library does not compile"
            self.library[killer.label] = hashlib.sha256(normalised(program).encode()).hexdigest()
        return self.library[killer.label]

    def is_same(self, program: Path, killer: Killer) -> bool:
        """Whether the mutant compiles to the code of the library."""
        return hashlib.sha256(normalised(program).encode()).hexdigest() == self.code(killer)

    def attempt(self, mutant: Mutant, killer: Killer, source: Path, result: Result) -> bool:
        """Try one killer; True when it notices the mutant."""
        result.tried.append(killer.label)
        try:
            program = killer.compile({mutant.module: source})
        except CheckFailed as endless:
            result.status, result.killer, result.how = "killed", killer.label, str(endless)
            return True
        if program is None:
            result.broken.append(killer.label)
            return False
        if len(result.tried) > FIRST and self.is_same(program, killer):
            return False
        run = self.runs[0]
        found = killer.complaint(program, run)
        if not found:
            if len(result.tried) <= FIRST and self.is_same(program, killer):
                return False
            result.differs.append(killer.label)
        for more in self.runs[1:]:
            if not found:
                run = more
                found = killer.complaint(program, run)
        if found:
            how = f"{found} {run[0]}/{run[1]}/{run[2]}"
            result.status, result.killer, result.how = "killed", killer.label, how
        return bool(found)


def settle(result: Result) -> None:
    """Say what a mutant is that no killer noticed."""
    if len(result.broken) == len(result.tried):
        result.status = "invalid"
    elif result.broken:
        result.status, result.killer, result.how = "killed", result.broken[0], "elaboration"
    else:
        result.status = "survived" if result.differs else "same"


class Module:
    """Results of the mutants of one module, on disk, and which of its killers have been good."""

    def __init__(self, name: str, mutants: list[Mutant], labels: dict[str, list[str]], stored: bool = True) -> None:
        self.name, self.mutants, self.labels = name, mutants, labels
        self.text = (RTL / f"{name}.sv").read_text("utf-8")
        self.results: dict[str, Result] = {}
        self.kills: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        path = RESULTS / f"{name}.json"
        if stored and path.is_file():
            kept = json.loads(path.read_text())
            if kept["text"] == self.digest:
                self.results = {key: Result(**value) for key, value in kept["results"].items()}
        for result in self.results.values():
            self.tries.update(result.tried)
            self.kills.update([result.killer] * (result.status == "killed"))

    @property
    def digest(self) -> str:
        """Of the module's text, without which its results mean nothing."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def save(self) -> None:
        """Keep the results."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        results = {key: asdict(result) for key, result in self.results.items()}
        (RESULTS / f"{self.name}.json").write_text(json.dumps({"text": self.digest, "results": results}))

    def waiting(self, mutant: Mutant, most: int) -> list[str]:
        """Killers that a mutant has not met, the best first; none for one that is settled."""
        result = self.results.get(mutant.key, Result())
        if result.status in ("killed", "invalid"):
            return []
        some = [label for block in (*mutant.blocks, "any") for label in self.labels.get(block, ())]
        best = sorted(list(dict.fromkeys(some))[:most], key=self.worth, reverse=True)
        return [label for label in best if label not in result.tried]

    def worth(self, label: str) -> float:
        """Mutants that a killer notices a second, from what is known of it so far."""
        tries = self.tries[label]
        pace = self.seconds[label] / tries if self.seconds[label] else 0.1
        return (self.kills[label] + 1) / (tries + 2) / pace

    def run(self, mutant: Mutant, bench: Bench, work: Path, most: int) -> Result:
        """Try a mutant on one killer after the other until one notices it."""
        source = work / f"{self.name}.sv"
        source.write_text(mutant.applied(self.text), "utf-8")
        result = self.results.get(mutant.key, Result())
        for label in self.waiting(mutant, most):
            started = time.monotonic()
            noticed = bench.attempt(mutant, bench.killer(label, work), source, result)
            self.tries[label] += 1
            self.kills[label] += noticed
            self.seconds[label] += time.monotonic() - started
            if noticed:
                break
            if len(result.tried) == len(result.broken) == 4:
                break
        else:
            settle(result)
        if result.status == "new":
            settle(result)
        return result


def save(modules: dict[str, Module], bench: Bench) -> None:
    """Keep what is known of all modules and of the library's code."""
    for module in modules.values():
        module.save()
    bench.kept.write_text(json.dumps(bench.library))


def run(modules: dict[str, Module], share: float, most: int, minutes: float, jobs: int, deep: bool) -> None:
    """Try a share of the mutants on at most so many killers each, for so long."""
    until = time.monotonic() + 60 * minutes
    bench = Bench(FAST / f"hwq-mutation-{os.getpid()}", RUNS + MORE_RUNS if deep else RUNS)
    folders: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs):
        folders.put(bench.work / str(number))
        (bench.work / str(number)).mkdir(exist_ok=True)
    todo = [(mutant.key, module, mutant) for module in modules.values() for mutant in module.mutants
            if int(mutant.key, 16) < share * 16**12 and module.waiting(mutant, most)]  # fmt: skip
    todo.sort(key=lambda item: item[0])
    done: Counter[str] = Counter()
    saved = time.monotonic()

    def one(item: tuple[str, Module, Mutant]) -> None:
        _, module, mutant = item
        if time.monotonic() > until:
            return
        work = folders.get()
        try:
            result = module.run(mutant, bench, work, most)
        finally:
            folders.put(work)
        module.results[mutant.key] = result
        done[result.status] += 1

    with ThreadPoolExecutor(jobs) as threads:
        for number, _ in enumerate(threads.map(one, todo)):
            if time.monotonic() > saved + 30:
                saved = time.monotonic()
                save(modules, bench)
                print(f"{number + 1} of {len(todo)}: {dict(done)}", flush=True)
    save(modules, bench)
    print(f"{sum(done.values())} of {len(todo)} tried: {dict(done)}")


def main() -> None:
    """Try mutants, then count what became of them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("modules", nargs="*")
    options.add_argument("--share", type=float, default=0.03, help="of all mutants, 0 to 1")
    options.add_argument("--killers", type=int, default=12, help="at most so many for each mutant")
    options.add_argument("--minutes", type=float, default=1e6)
    options.add_argument("--deep", action="store_true", help="more runs of each killer")
    options.add_argument("--jobs", type=int, default=1)
    given = options.parse_args()
    labels = chosen()
    found = {name: Module(name, mutants, labels[name]) for name, mutants in library().items()
             if not given.modules or name in given.modules}  # fmt: skip
    run(found, given.share, given.killers, given.minutes, given.jobs, given.deep)
    for name, module in found.items():
        count = Counter(result.status for result in module.results.values())
        print(f"{name:20} {len(module.mutants):5} {dict(count)}")


if __name__ == "__main__":
    main()
