"""Bad files: thousands of changed models, programs, samples and settings through the command line of hwq.

    python proof/files/run.py                      2,000 inputs
    python proof/files/run.py --count 20000        as many as docs/bad-files.md reports
    python proof/files/run.py --seconds 60         as many as there is time for
    python proof/files/run.py --kind hwq           of one kind only; may be given several times
    python proof/files/run.py --case 17            case 17 of the last run again, with all that it prints

Nothing may end in a traceback, a hang, a crash, a warning, a file outside of the output folder, or half a result.
Each finding is made small and kept in build/files/findings; the exit code is 1 where there is one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import recipes  # noqa: E402
from guide import Guide  # noqa: E402
from recipes import Case  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402
from shrink import shrink  # noqa: E402
from workers import Pool  # noqa: E402

EPOCH = 200
"""Cases that are drawn at once, from what those before them have found."""
Key = tuple[str, str]
Findings = dict[Key, tuple[Case, str, int]]


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="inputs (2,000 unless --seconds is given)")
    parser.add_argument("--seconds", type=float, help="stop then")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=sorted(recipes.WEIGHTS))
    parser.add_argument("--jobs", type=int, default=1, help="processes; cases are repeatable with 1")
    parser.add_argument("--case", type=int, help="replay one case of the last run")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "files", help="folder for cases and findings")
    return parser.parse_args()


def make_seeds(scratch: Path) -> Path:
    """The good files, made in a process of its own: libraries start threads there, which do not survive a fork."""
    process = multiprocessing.get_context("spawn").Process(target=_make_seeds, args=(scratch / "seeds",))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("the seeds could not be made")
    return scratch / "seeds"


def _make_seeds(root: Path) -> None:
    import seeds

    seeds.Seeds(root).make()


def attack(options: argparse.Namespace, scratch: Path, console: Console) -> int:
    """Draw and run cases; returns the exit code."""
    root = make_seeds(scratch)
    names = {
        kind.name: sorted(p.name for p in kind.iterdir()) for kind in sorted(root.iterdir()) if kind.name != "scratch"
    }
    guide = Guide(options.seed, root, names, options.kind or sorted(recipes.WEIGHTS))
    count = options.count or (2000 if options.seconds is None else 10**9)
    shutil.rmtree(options.output, ignore_errors=True)
    options.output.mkdir(parents=True)
    pool = Pool(root, scratch, options.jobs)
    kinds, ends, findings = Counter[str](), Counter[tuple[str, str]](), Findings()
    started, done = time.monotonic(), 0
    with (options.output / "cases.jsonl").open("w") as log:
        while done < count and (options.seconds is None or time.monotonic() - started < options.seconds):
            cases = guide.draw(min(EPOCH, count - done))
            log.writelines(case.to_json() + "\n" for case in cases)
            log.flush()
            for case, outcome in pool.run(cases):
                guide.learn(case, outcome)
                kinds[case.kind] += 1
                ends.update(outcome.codes)
                for what, where, text in outcome.findings:
                    _, _, times = findings.get((what, where), (case, text, 0))
                    if not times:
                        console.print(f"{case.number}: {what}: {where}", markup=False, highlight=False)
                    findings[what, where] = (*findings.get((what, where), (case, text))[:2], times + 1)
            done += len(cases)
    seconds = time.monotonic() - started
    pool.stop()
    show(console, kinds, ends, guide, seconds)
    save(findings, root, scratch, options.output / "findings", console)
    return 1 if findings else 0


def show(console: Console, kinds: Counter[str], ends: Counter[tuple[str, str]], guide: Guide, seconds: float) -> None:
    """The figures of a run."""
    table = Table("command", "accepted", "differs", "refused", "tool missing", "up to a tool", "other")
    for command in sorted({command for command, _ in ends}):
        row = [ends[command, code] for code in ("0", "1", "2", "3", "tool")]
        other = sum(number for (one, _), number in ends.items() if one == command) - sum(row)
        table.add_row(command, *(f"{number:,}" for number in (*row, other)))
    console.print(table)
    total = sum(kinds.values())
    console.print(
        f"{total:,} inputs in {seconds:.0f} s: " + ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common())
    )
    statements = sum(len(_code_lines(path)) for path in (ROOT / "hwq").rglob("*.py"))
    console.print(
        f"{len(guide.lines):,} of {statements:,} lines of hwq were reached; {guide.corpus:,} inputs reached new ones"
    )


def _code_lines(path: Path) -> set[int]:
    """Lines with code, those that run at import aside."""
    found: set[int] = set()
    left = [compile(path.read_text("utf-8"), str(path), "exec")]
    while left:
        code = left.pop()
        inner = [constant for constant in code.co_consts if hasattr(constant, "co_code")]
        left += inner
        if code.co_flags & 0x2:  # a function, not a module or class
            found |= {line for _, _, line in code.co_lines() if line and line != code.co_firstlineno}
    return found


def save(findings: Findings, root: Path, scratch: Path, folder: Path, console: Console) -> None:
    """Make each finding small and write it to a folder."""
    for number, ((what, where), (case, text, times)) in enumerate(sorted(findings.items())):
        small = shrink(case, (what, where), root, scratch)
        name = re.sub(r"[^A-Za-z0-9]+", "_", f"{number:03} {what} {where}")[:80]
        place = folder / name
        place.mkdir(parents=True)
        recipes.lay_out(small, root, place, recipes.content(small, root))
        (place / "case.json").write_text(small.to_json() + "\n")
        (place / "what.txt").write_text(f"{what}: {where}\n{times} times\n\n{text}\n", "utf-8", "backslashreplace")
        console.print(f"{what}: {where}: {times} times, see {place}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(findings)} findings")


def replay(options: argparse.Namespace, scratch: Path, console: Console) -> int:
    """Run one case of the last run once more."""
    lines = (options.output / "cases.jsonl").read_text().splitlines()
    case = Case.from_json(lines[options.case])
    root = make_seeds(scratch)
    pool = Pool(root, scratch, 1)
    ((_, outcome),) = pool.run([case])
    pool.stop()
    console.print(case.to_json(), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{outcome.codes}", markup=False, highlight=False)
    for what, where, text in outcome.findings:
        console.print(f"{what}: {where}\n{text}", markup=False, highlight=False, soft_wrap=True)
    return 1 if outcome.findings else 0


def main() -> int:
    """Run."""
    options = arguments()
    console = Console()
    memory = Path("/dev/shm")  # folders come and go: ten times as fast there
    with tempfile.TemporaryDirectory(prefix="hwq-files-", dir=memory if os.access(memory, os.W_OK) else None) as name:
        return (attack if options.case is None else replay)(options, Path(name), console)


if __name__ == "__main__":
    raise SystemExit(main())
